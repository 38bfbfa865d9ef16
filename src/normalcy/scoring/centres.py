"""Taught features as more centres of normal, each half as wide as normal itself: the nearest one counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normalcy.scoring.lesson import REACH, WIDTH, spread_choice
from normalcy.scoring.place import zones

KEPT = 200
"""Features that one lesson keeps."""
CANDIDATES = 4000
"""Of so many, drawn evenly."""


@dataclass(frozen=True, slots=True)
class Centres:
    """M features that a person called normal, and where they were."""

    feature_MD: Tensor
    place_M2: NDArray[np.float32]
    """x, y: 0 to 1 over the picture; NaN where the place does not count."""

    @classmethod
    def of(cls, parts: list[Mapping[str, NDArray[Any]]]) -> Self | None:
        """Of several lessons; None where they hold none."""
        parts = [p for p in parts if len(p.get("feature", ()))]
        if not parts:
            return None
        feature = np.concatenate([p["feature"] for p in parts]).astype(np.float32)
        return cls(torch.from_numpy(feature), np.concatenate([p["place"] for p in parts]).astype(np.float32))

    def distance(self, f_BDhw: Tensor, spread_ZD: Tensor, whiten_bDE: Tensor) -> Tensor:
        """(B, h, w) Mahalanobis distance to the nearest centre within reach, divided by sqrt(E); inf where none is."""
        b, _, h, w = f_BDhw.shape
        bands = len(whiten_bDE)
        columns = len(spread_ZD) // bands
        zone_hw = zones(h, w, bands, columns)
        y, x = (np.mgrid[:h, :w] + 0.5) / np.array([h, w]).reshape(2, 1, 1)
        out = f_BDhw.new_full((b, h, w), float("inf"))
        for z in range(bands * columns):
            rows, cols = np.nonzero(zone_hw == z)
            if not len(rows):
                continue
            away_PM = np.maximum(*(np.abs(a[rows, cols][:, None] - self.place_M2[:, i]) for i, a in enumerate((x, y))))
            near_PM = ~(away_PM > REACH)  # NaN is everywhere
            used = np.flatnonzero(near_PM.any(axis=0))
            if not len(used):
                continue
            to = (whiten_bDE[z // columns] / spread_ZD[z][:, None]).to(f_BDhw.device)
            own_BPE = f_BDhw[:, :, rows, cols].permute(0, 2, 1) @ to
            centre_ME = self.feature_MD[used].to(f_BDhw.device) @ to
            far_BPM = torch.cdist(own_BPE, centre_ME.expand(b, -1, -1)) / own_BPE.shape[-1] ** 0.5
            far_BPM = far_BPM.masked_fill(~torch.from_numpy(near_PM[:, used]).to(f_BDhw.device), float("inf"))
            out[:, rows, cols] = far_BPM.amin(dim=-1)
        return out / WIDTH


def features_at(f_BDhw: Tensor, unusual_Bhw: NDArray[np.bool_], spread_D: Tensor, anywhere: bool) -> dict[str, NDArray[Any]]:
    """The lesson of a density: features at these places, of many an even choice.

    spread_D: of each feature over the picture, so that none outweighs the others. anywhere: the place does not count.
    """
    at, rows, cols = np.nonzero(unusual_Bhw)
    if len(at) > CANDIDATES:
        chosen = np.linspace(0, len(at) - 1, CANDIDATES).astype(np.int64)
        at, rows, cols = at[chosen], rows[chosen], cols[chosen]
    h, w = unusual_Bhw.shape[1:]
    f_MD = f_BDhw.detach().cpu().permute(0, 2, 3, 1).numpy()[at, rows, cols].astype(np.float32)
    place = np.stack([(cols + 0.5) / w, (rows + 0.5) / h], axis=1).astype(np.float32)
    if anywhere:
        place[:] = np.nan
    if not len(f_MD):
        return {"feature": f_MD, "place": place}
    alike = f_MD / (spread_D.cpu().numpy() * f_MD.shape[1] ** 0.5)
    where = np.zeros_like(place) if anywhere else place / REACH
    kept = spread_choice(np.concatenate([alike, where], axis=1), KEPT)
    return {"feature": f_MD[kept], "place": place[kept]}
