"""What the readouts say of normal objects, by place and size and in all: normalcy.scoring.statistics for objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.detection.boxes import Boxes
from normalcy.errors import TrainingError
from normalcy.objects.readouts import ObjectReadout, Values
from normalcy.objects.track_average import TrackAverage
from normalcy.scoring.crossfit import CrossFitted, leave_one_out
from normalcy.scoring.fusion import fuse_voices, squash
from normalcy.scoring.place import Moments
from normalcy.scoring.statistics import centre_and_scale

SHRINK = 50.0
"""Normal objects of its band of rows that a size class is mixed with, and of all that a band is."""


@dataclass(frozen=True, slots=True)
class ObjectValues:
    """What was read of the objects of successive frames of one stretch of normal video."""

    raw_NR: Values
    """(N, R) values before calibration, of the objects of all frames one after the other."""
    boxes: Sequence[Boxes]
    """Of each frame, in pixels of a frame of ``size``."""
    size: tuple[int, int]
    fps: float
    """Of these frames."""

    @property
    def xyxy_N4(self) -> NDArray[np.float32]:
        """(N, 4) boxes of all frames."""
        return np.concatenate([b.xyxy_N4 for b in self.boxes])


def fused(z_NR: Values, voices: Sequence[str]) -> Values:
    """(N,) mean over the voices of what asinh(z) exceeds 0 by; the tasks have one voice together, their mean.

    The rule of normalcy.scoring.fusion, twice: that an object hardly moves, for one, is no evidence that it is normal.
    """
    return fuse_voices(squash(z_NR), voices)


def highest(z_NR: Values, voices: Sequence[str]) -> Values:
    """(R + 1,) highest object of a frame (N >= 1) under each readout and, last, under their fusion."""
    return np.append(z_NR.max(axis=0), fused(z_NR, voices).max())


@dataclass(frozen=True, slots=True)
class Cells:
    """Normal objects by band of rows and size class."""

    edges: NDArray[np.float32]
    """(sizes - 1,) borders of the size classes: side of a square of the box's area, as a share of that of the frame."""
    mean_RZ: NDArray[np.float32]
    spread_RZ: NDArray[np.float32]

    @classmethod
    def of(cls, values: Sequence[ObjectValues], cfg: Config) -> Cells:
        """From at least one object."""
        raw = np.concatenate([s.raw_NR for s in values])
        side = np.concatenate([_side(s.xyxy_N4, s.size) for s in values])
        bands, sizes = cfg.scoring.bands, cfg.objects.sizes
        edges = np.quantile(side, np.arange(1, sizes) / sizes).astype(np.float32)
        cell = np.concatenate([_cells(s.xyxy_N4, s.size, edges, bands) for s in values])
        fitted = []
        for i in range(raw.shape[1]):
            known = np.isfinite(raw[:, i])
            moments = Moments.of(raw[known, i][None], cell[known], bands * sizes)
            fitted.append(moments.shrunk(bands, sizes, SHRINK))
        mean_RZ, spread_RZ = (np.concatenate(part) for part in zip(*fitted, strict=True))
        return cls(edges, mean_RZ, spread_RZ)

    def z(self, raw_NR: Values, xyxy_N4: NDArray[np.float32], size: tuple[int, int], two_sided: Sequence[bool]) -> Values:
        """(N, R) in standard deviations of normal objects of the same place and size; 0 where nothing is known."""
        bands = self.mean_RZ.shape[1] // (len(self.edges) + 1)
        cell = _cells(xyxy_N4, size, self.edges, bands)
        z = (raw_NR - self.mean_RZ[:, cell].T) / np.maximum(self.spread_RZ[:, cell].T, 1e-9)
        z = np.where(two_sided, np.abs(z), z)
        return np.where(np.isfinite(z), z, 0.0)


@dataclass(frozen=True, slots=True)
class ObjectNormal:
    """What all readouts look like on normal objects."""

    cells: Cells
    centre_R: Values
    """Of the highest object of a normal frame, for each readout and, last, for their fusion."""
    scale_R: Values
    map_scale: float
    """Fused value of the highest object of all but 1 % of normal frames."""

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder."""
        arrays = {"edges": self.cells.edges, "mean": self.cells.mean_RZ, "spread": self.cells.spread_RZ}
        scalars = {"centre": self.centre_R.tolist(), "scale": self.scale_R.tolist(), "map_scale": self.map_scale}
        return arrays, scalars

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[np.float32]], scalars: Mapping[str, Any]) -> ObjectNormal:
        """The reverse of state(). Raises KeyError for what is missing."""
        cells = Cells(*(np.array(arrays[k]) for k in ("edges", "mean", "spread")))
        return cls(cells, np.array(scalars["centre"]), np.array(scalars["scale"]), float(scalars["map_scale"]))


def calibrate_folds(
    folds: Sequence[Sequence[ObjectValues]], readouts: Sequence[ObjectReadout], cfg: Config
) -> CrossFitted[ObjectNormal]:
    """Calibrate on objects in folds, each read by readouts that were not fitted on its own fold.

    The values of a fold are taken with the cells of all other folds; centre, scale and map_scale are those of all values
    together. Where only one fold has objects, its cells serve itself. Raises TrainingError if there is no object.
    """
    folds = [[s for s in fold if len(s.raw_NR)] for fold in folds]
    if not any(folds):
        raise nothing_found(cfg)
    cells = leave_one_out(folds, lambda values: Cells.of(values, cfg))
    voices = [r.voice for r in readouts]
    two_sided = [r.two_sided for r in readouts]
    tops = []
    for own, fold in zip(cells.without, folds, strict=True):
        for s in fold:
            z_NR = own.z(s.raw_NR, s.xyxy_N4, s.size, two_sided)
            tops += [highest(z, voices) for z in _averaged(z_NR, s, cfg.objects.memory_s) if len(z)]
    centre, spread = (np.array(v) for v in zip(*map(centre_and_scale, np.stack(tops).T), strict=True))
    map_scale = max(float(np.quantile([t[-1] for t in tops], 0.99)), 1e-3)
    whole, *without = (ObjectNormal(c, centre, spread, map_scale) for c in (cells.whole, *cells.without))
    return CrossFitted(whole, without)


def nothing_found(cfg: Config) -> TrainingError:
    """The error for normal video without objects."""
    return TrainingError(
        f"the detector '{cfg.objects.detector}' found no object in the normal video; "
        "give more video, or another objects.detector"
    )


def _averaged(z_NR: Values, s: ObjectValues, memory_s: float) -> Iterator[Values]:
    """(n, R) values of each frame's objects, averaged along their tracks, as the scorer does."""
    average = TrackAverage(memory_s, s.fps)
    for boxes, z_nR in zip(s.boxes, np.split(z_NR, np.cumsum([len(b) for b in s.boxes])[:-1]), strict=True):
        yield average.push(boxes, z_nR)[1]


def _cells(xyxy_N4: NDArray[np.float32], size: tuple[int, int], edges: NDArray[np.float32], bands: int) -> NDArray[np.int64]:
    """(N,) band of rows of the object's foot, times size class: how far it is, and what sort of thing it may be."""
    band = np.clip(xyxy_N4[:, 3] / size[1] * bands, 0, bands - 1).astype(np.int64)
    return band * (len(edges) + 1) + np.searchsorted(edges, _side(xyxy_N4, size))


def _side(xyxy_N4: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    w, h = xyxy_N4[:, 2] - xyxy_N4[:, 0], xyxy_N4[:, 3] - xyxy_N4[:, 1]
    return np.asarray(np.sqrt(w * h / (size[0] * size[1])), dtype=np.float32)
