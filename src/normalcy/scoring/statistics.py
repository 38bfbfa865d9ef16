"""What the readouts say of normal video, by place and in all: the scale on which everything else is measured.

Cross-fitted: what normal video says to a model that has not seen it is what later video of the same camera will say when
nothing is wrong. Measured on the video that the statistics came from, or on the rest of the same clips, normal looks far
tighter than it is, and then every new day is an alarm.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from normalcy.config import ScoringConfig
from normalcy.errors import TrainingError
from normalcy.scoring.crossfit import CrossFitted, leave_one_out
from normalcy.scoring.place import Moments, PlaceStatistics, moments_of, top_mean
from normalcy.scoring.readout import FrameReadout

if TYPE_CHECKING:
    from torch import Tensor

    from normalcy.scoring.windows import Windows

SHRINK = 50.0
"""Windows that a zone's own statistics are mixed with: a zone that hardly saw anything leans on its band of rows."""


@dataclass(frozen=True, slots=True)
class ReadoutNormal:
    """What one readout looks like on normal video."""

    place: PlaceStatistics
    """Mean and spread of each component's map, by zone."""
    centre: float
    """Median of the window's value."""
    scale: float
    """Standard deviation of the window's value, from the quartiles where those tell it."""


@dataclass(frozen=True, slots=True)
class FrameNormal:
    """What all readouts look like on normal video."""

    readouts: Mapping[str, ReadoutNormal]
    """By name."""
    map_scale: float
    """Fused map value at the highest place of all but 1 % of normal windows."""

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder."""
        arrays: dict[str, NDArray[np.float32]] = {}
        for name, n in self.readouts.items():
            arrays |= {f"{name}.place_mean": n.place.mean_KZ, f"{name}.place_spread": n.place.spread_KZ}
        scalars = {name: {"centre": n.centre, "scale": n.scale} for name, n in self.readouts.items()}
        return arrays, {"map_scale": self.map_scale, "readouts": scalars}

    @classmethod
    def from_state(
        cls, names: Sequence[str], arrays: Mapping[str, NDArray[np.float32]], scalars: Mapping[str, Any]
    ) -> FrameNormal:
        """The reverse of state(). names: of the readouts. Raises KeyError for what is missing."""
        readouts = {}
        for name in names:
            s = scalars["readouts"][name]
            place = PlaceStatistics(arrays[f"{name}.place_mean"], arrays[f"{name}.place_spread"])
            readouts[name] = ReadoutNormal(place, s["centre"], s["scale"])
        return cls(readouts, float(scalars["map_scale"]))


class RawReadings:
    """Raw maps and values of windows of normal video, by readout. All are kept, so cap the input."""

    def __init__(self, readouts: Sequence[FrameReadout]) -> None:
        self.readouts = readouts
        self.maps: list[list[Tensor]] = [[] for _ in readouts]
        self.own: list[list[Tensor]] = [[] for _ in readouts]

    def __len__(self) -> int:
        return sum(map(len, self.maps[0]))

    def add(self, w: Windows) -> None:
        """Read one batch of windows."""
        import torch

        with torch.inference_mode():
            for r, kept, values in zip(self.readouts, self.maps, self.own, strict=True):
                maps = r.maps(w)
                value = r.values(maps)
                kept.append(maps.cpu())
                if value is not None:
                    values.append(value.cpu())


def calibrate_folds(folds: Sequence[RawReadings], s: ScoringConfig) -> CrossFitted[FrameNormal]:
    """Calibrate on windows in folds, each read by readouts that were not fitted on its own fold.

    The values of a fold are taken with the places of all other folds; centre and scale are those of all values together.
    With a single fold its places serve itself. Raises TrainingError if there is no window.
    """
    import torch

    filled = [k for k, fold in enumerate(folds) if len(fold)]
    if not filled:
        raise TrainingError("no normal video is left to calibrate on; give more or longer training video")
    readouts = folds[filled[0]].readouts
    whole: dict[str, ReadoutNormal] = {}
    without: list[dict[str, ReadoutNormal]] = [{} for _ in folds]
    fused: dict[int, list[Tensor]] = {}
    for i, r in enumerate(readouts):
        moments = [[(moments_of(f.maps[i], s.bands, s.columns), len(f))] if len(f) else [] for f in folds]
        places = leave_one_out(moments, lambda parts: _places(parts, s))
        values = []
        for k in filled:
            z = [places.without[k].z(m, s.bands, s.columns, r.two_sided) for m in folds[k].maps[i]]
            own = folds[k].own[i]
            values.append(torch.cat(own) if own else torch.cat([top_mean(m, s.top) for m in z]))
            if r.local:
                z = [torch.asinh(m) for m in z]
                fused[k] = [a + b for a, b in zip(fused[k], z, strict=True)] if k in fused else z
        centre, scale = centre_and_scale(torch.cat(values).double().numpy())
        whole[r.name] = ReadoutNormal(places.whole, centre, scale)
        for normal, place in zip(without, places.without, strict=True):
            normal[r.name] = ReadoutNormal(place, centre, scale)
    map_scale = _map_scale([m for maps in fused.values() for m in maps], sum(r.local for r in readouts))
    return CrossFitted(FrameNormal(whole, map_scale), [FrameNormal(n, map_scale) for n in without])


def _places(parts: Sequence[tuple[Moments, int]], s: ScoringConfig) -> PlaceStatistics:
    """From the (moments, windows) of several folds."""
    total = functools.reduce(operator.add, [m for m, _ in parts])
    return PlaceStatistics.of(total, sum(n for _, n in parts), s.bands, s.columns, SHRINK)


def _map_scale(fused: list[Tensor], local: int) -> float:
    import torch

    if not fused:
        return 1.0
    peaks = torch.cat([m.flatten(1).amax(dim=1) for m in fused]) / local
    return max(float(torch.quantile(peaks, 0.99)), 1e-3)


def centre_and_scale(v: NDArray[np.float64]) -> tuple[float, float]:
    """Median, and the standard deviation that the quartiles of a Gaussian would imply, never under a third of the plain one.

    Quartiles resist a few odd windows; the floor keeps a nearly constant readout from dominating the fusion.
    """
    q1, median, q3 = np.quantile(v, [0.25, 0.5, 0.75])
    return float(median), float(max((q3 - q1) / 1.349, v.std() / 3.0, 1e-6))
