"""For readouts that cannot tell what they see: what a place read in a taught event is usual there from then on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.scoring.lesson import Lesson, around

if TYPE_CHECKING:
    from torch import Tensor

LEVEL = "level"
"""Key of a lesson's array."""
GRID = (32, 32)
"""(h, w) that levels are kept at."""


def level_of(z_Bhw: Tensor, unusual_Bhw: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(32, 32) highest reading at unusual places of the event and around them; 0 elsewhere."""
    z = np.where(unusual_Bhw, np.maximum(z_Bhw.numpy(), 0.0), 0.0).max(axis=0).astype(np.float32)
    large = np.asarray(cv2.resize(z, GRID[::-1], interpolation=cv2.INTER_NEAREST), dtype=np.float32)
    where = around(large > 0)
    return np.where(where, large.max(initial=0.0), 0.0).astype(np.float32)


def levels_of(names: Iterable[str], lessons: Sequence[Lesson]) -> dict[str, NDArray[np.float32]]:
    """Of each readout that lessons hold a level of, the highest at every place."""
    out = {}
    for name in names:
        own = [a[LEVEL] for x in lessons if LEVEL in (a := x.of(name))]
        if own:
            out[name] = np.max(np.stack(own), axis=0).astype(np.float32)
    return out


def levels_at(usual_hw: NDArray[np.float32], h: int, w: int) -> NDArray[np.float32]:
    """What is usual on a grid of h times w places."""
    return np.asarray(cv2.resize(usual_hw, (w, h), interpolation=cv2.INTER_NEAREST), dtype=np.float32)


def less_usual(z_Bhw: Tensor, usual_hw: NDArray[np.float32]) -> Tensor:
    """Readings less what is usual; those below typical stay."""
    import torch  # here, since exported models are scored without it

    usual = torch.from_numpy(levels_at(usual_hw, z_Bhw.shape[1], z_Bhw.shape[2]))
    return torch.where(z_Bhw > 0, (z_Bhw - usual).clamp_min(0.0), z_Bhw)
