"""What the readouts say of normal video, by place and in all: the scale on which everything else is measured.

Cross-fitted: what normal video says to a model that has not seen it is what later video of the same camera will say when
nothing is wrong. Measured on the video that the statistics came from, or on the rest of the same clips, normal looks far
tighter than it is, and then every new day is an alarm.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normalcy.config import ScoringConfig
from normalcy.errors import TrainingError
from normalcy.scoring.place import Moments, PlaceStatistics, moments_of
from normalcy.scoring.readouts import FrameReadout
from normalcy.scoring.windows import Windows

SHRINK = 50.0
"""Windows that a zone's own statistics are mixed with: a zone that hardly saw anything leans on its band of rows."""


@dataclass(frozen=True, slots=True)
class Normal:
    """What one readout looks like on normal video."""

    place: PlaceStatistics
    """Mean and spread of each component's map, by zone."""
    centre: float
    """Median of the window's value."""
    scale: float
    """Standard deviation of the window's value, from the quartiles where those tell it."""


class Raw:
    """Raw maps and values of windows of normal video, by readout. All are kept, so cap the input."""

    def __init__(self, readouts: Sequence[FrameReadout]) -> None:
        self.readouts = readouts
        self.maps: list[list[Tensor]] = [[] for _ in readouts]
        self.own: list[list[Tensor]] = [[] for _ in readouts]

    def __len__(self) -> int:
        return sum(map(len, self.maps[0]))

    @torch.inference_mode()
    def add(self, w: Windows) -> None:
        """Read one batch of windows."""
        for r, kept, values in zip(self.readouts, self.maps, self.own, strict=True):
            maps = r.maps(w)
            value = r.values(maps)
            kept.append(maps.cpu())
            if value is not None:
                values.append(value.cpu())


@dataclass(frozen=True, slots=True)
class Settled:
    """Calibration over all folds of the normal video."""

    whole: list[Normal]
    """Of each readout; places from all windows."""
    folds: list[list[Normal]]
    """folds[k]: the same with places from the windows of all folds but k."""
    map_scale: float
    """Fused map value at the highest place of all but 1 % of normal windows."""


def settle(raws: Sequence[Raw], s: ScoringConfig) -> Settled:
    """Calibrate on windows in folds, each read by readouts that were not fitted on its own fold.

    The values of a fold are taken with the places of all other folds; centre and scale are those of all values together.
    With a single fold its places serve itself. Raises TrainingError if there is no window.
    """
    seen = [k for k, raw in enumerate(raws) if len(raw)]
    if not seen:
        raise TrainingError("no normal video is left to calibrate on; give more or longer training video")
    readouts = raws[seen[0]].readouts
    whole: list[Normal] = []
    folds: list[list[Normal]] = [[] for _ in raws]
    fused: dict[int, list[Tensor]] = {}
    for i, r in enumerate(readouts):
        moments = {k: (moments_of(raws[k].maps[i], s.bands, s.columns), len(raws[k])) for k in seen}
        without = [_places([moments[j] for j in seen if j != k] or [moments[k]], s) for k in range(len(raws))]
        values = []
        for k in seen:
            z = [without[k].z(m, s.bands, s.columns, r.two_sided) for m in raws[k].maps[i]]
            own = raws[k].own[i]
            values.append(torch.cat(own) if own else torch.cat([top_mean(m, s.top) for m in z]))
            if r.local:
                squashed = [torch.asinh(m) for m in z]
                fused[k] = [a + b for a, b in zip(fused[k], squashed, strict=True)] if k in fused else squashed
        centre, scale = centre_and_scale(torch.cat(values).double().numpy())
        whole.append(Normal(_places(list(moments.values()), s), centre, scale))
        for k in range(len(raws)):
            folds[k].append(Normal(without[k], centre, scale))
    local = sum(r.local for r in readouts)
    return Settled(whole, folds, _map_scale([m for maps in fused.values() for m in maps], local))


def _places(parts: list[tuple[Moments, int]], s: ScoringConfig) -> PlaceStatistics:
    """From the (moments, windows) of several folds."""
    total = functools.reduce(operator.add, [m for m, _ in parts])
    return PlaceStatistics.of(total, sum(n for _, n in parts), s.bands, s.columns, SHRINK)


def _map_scale(fused: list[Tensor], local: int) -> float:
    if not fused:
        return 1.0
    peaks = torch.cat([m.flatten(1).amax(dim=1) for m in fused]) / local
    return max(float(torch.quantile(peaks, 0.99)), 1e-3)


def top_mean(z_Bhw: Tensor, share: float) -> Tensor:
    """Mean of the highest ``share`` of a map's places (at least one): (B,)."""
    flat = z_Bhw.flatten(1)
    k = max(1, round(share * flat.shape[1]))
    return flat.topk(k, dim=1).values.mean(dim=1)


def centre_and_scale(v: NDArray[np.float64]) -> tuple[float, float]:
    """Median, and the standard deviation that the quartiles of a Gaussian would imply, never under a third of the plain one.

    Quartiles resist a few odd windows; the floor keeps a nearly constant readout from dominating the fusion.
    """
    q1, median, q3 = np.quantile(v, [0.25, 0.5, 0.75])
    return float(median), float(max((q3 - q1) / 1.349, v.std() / 3.0, 1e-6))
