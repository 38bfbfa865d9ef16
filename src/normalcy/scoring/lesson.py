"""What a person taught a model: an event of one camera that was marked normal, as what each readout reads of it.

A lesson holds for what looks, moves or is like it, at its place, before its background; everything else is measured as before.
It lies beside the model, which it never changes: without the lesson the model is the same to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.scoring.scene import SAME, Signature, signature, with_prefix

REACH = 0.1
"""Share of the picture's width and height within which a place is the lesson's own."""
WIDTH = 0.5
"""Of a taught centre of normal, as a share of how wide normal is. As wide as normal, ten lessons hid true anomalies
(docs/marks.md)."""
UNUSUAL = 1.5
"""Standard deviations of normal video from which on a place of the event is taught."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lesson:
    """An event that is normal from now on."""

    id: str
    background: Signature
    """Of its camera (normalcy.scoring.scene.signature)."""
    arrays: Mapping[str, NDArray[Any]]
    """``NAME.KEY`` for each readout or cue that learns from it."""
    about: Mapping[str, Any]
    """Plain values for people and lists."""

    def of(self, name: str) -> dict[str, NDArray[Any]]:
        """The arrays of one readout; empty where it learned nothing."""
        return with_prefix(f"{name}.", self.arrays)


def shown(lessons: Sequence[Lesson], frames_NHWC: NDArray[np.uint8]) -> tuple[Lesson, ...]:
    """The lessons whose background these frames of one video show."""
    if not lessons:
        return ()
    own = signature(frames_NHWC)
    return tuple(x for x in lessons if float(x.background @ own) >= SAME)


def spread_choice(points_ND: NDArray[np.floating], most: int) -> NDArray[np.int64]:
    """Rows of at most ``most`` points such that every other one has one of them near it (greedy k-centre; Gonzalez, 1985)."""
    n = len(points_ND)
    if n <= most:
        return np.arange(n)
    x = points_ND.astype(np.float32)
    rows = [0]
    apart = np.square(x - x[0]).sum(axis=1)
    while len(rows) < most:
        rows.append(int(apart.argmax()))
        apart = np.minimum(apart, np.square(x - x[rows[-1]]).sum(axis=1))
    return np.array(rows, dtype=np.int64)


def around(mask_hw: NDArray[np.bool_], reach: float = REACH) -> NDArray[np.bool_]:
    """The places within reach of those of a mask, in both directions."""
    h, w = mask_hw.shape
    out = mask_hw.copy()
    for _ in range(max(1, round(reach * h))):
        out[1:] |= out[:-1].copy()
        out[:-1] |= out[1:].copy()
    for _ in range(max(1, round(reach * w))):
        out[:, 1:] |= out[:, :-1].copy()
        out[:, :-1] |= out[:, 1:].copy()
    return out
