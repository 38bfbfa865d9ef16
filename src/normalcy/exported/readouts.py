"""The readouts of an exported model, in numpy: what they make of features, by what was fitted when the model was trained.

What is said of a readout (its words, its voice) was written into the folder when the model was exported.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from normalcy.config import Config
from normalcy.errors import ModelError
from normalcy.exported.windows import Floats, GraphWindows
from normalcy.scoring.lesson import REACH, WIDTH
from normalcy.scoring.levels import levels_at
from normalcy.scoring.place import PlaceStatistics, zones
from normalcy.scoring.readout import Readout
from normalcy.scoring.velocity import Velocities

Arrays = Mapping[str, NDArray[np.float32]]
Lessons = Sequence[Mapping[str, NDArray[Any]]]
"""What each lesson holds for one readout (normalcy.scoring.lesson)."""


Maps = Callable[[GraphWindows], Floats]
"""Raw maps (B, K, h, w)."""


class GraphReadout(Readout[GraphWindows]):
    """One reading of windows of frames; see normalcy.scoring.readout.FrameReadout."""

    def __init__(self, cfg: Config, said: Mapping[str, Any]) -> None:
        """said: what describe() gave."""
        self.cfg = cfg
        self.name, self.words, self.voice = str(said["name"]), str(said["words"]), str(said["voice"])
        self.local = bool(said["local"])
        self.two_sided = tuple(bool(t) for t in said["two_sided"])
        self._arrays: Arrays = {}
        self._maps: Maps | None = None

    def load(self, arrays: Arrays) -> None:
        self._arrays = dict(arrays)
        self._maps = KINDS[self.name](self.cfg, arrays, ())

    def state(self) -> dict[str, NDArray[np.float32]]:
        return dict(self._arrays)

    def taught(self, lessons: Sequence[Mapping[str, NDArray[Any]]]) -> Self:
        other = copy.copy(self)
        other._maps = KINDS[self.name](self.cfg, self._arrays, lessons)
        return other

    def maps(self, w: GraphWindows) -> Floats:
        """Raw maps (B, K, h, w)."""
        if self._maps is None:
            raise ModelError(f"readout {self.name} was not fitted on normal video")
        return self._maps(w)


def describe(readout: Any) -> dict[str, Any]:
    """What is to be said of a FrameReadout, for the folder."""
    names = ("name", "words", "voice", "local")
    return {n: getattr(readout, n) for n in names} | {"two_sided": list(readout.two_sided)}


class Gaussian:
    """normalcy.scoring.density.PlaceGaussian in numpy."""

    def __init__(self, arrays: Arrays) -> None:
        fitted = (np.asarray(arrays[k], np.float32) for k in ("mean", "spread", "whiten"))
        self.mean_ZD, self.spread_ZD, self.whiten_bDE = fitted
        self._at: dict[tuple[int, int], tuple[Floats, Floats, NDArray[np.int64]]] = {}

    def distance(self, f_BDhw: Floats) -> Floats:
        """(B, D, h, w) -> (B, h, w), about 1 for features like those of the fitted video at the same place."""
        b, d, h, w = f_BDhw.shape
        mean_hwD, spread_hwD, band_h = self._places(h, w)
        standard_BhwD = (f_BDhw.transpose(0, 2, 3, 1) - mean_hwD) / spread_hwD
        out = np.empty((b, h, w), np.float32)
        for band in range(len(self.whiten_bDE)):  # one product for all rows of a band
            rows = np.flatnonzero(band_h == band)
            if len(rows):
                first, stop = int(rows[0]), int(rows[-1]) + 1
                z = standard_BhwD[:, first:stop].reshape(-1, d) @ self.whiten_bDE[band]
                out[:, first:stop] = np.sqrt(np.einsum("nd,nd->n", z, z) / d).reshape(b, stop - first, w)
        return out

    def _places(self, h: int, w: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
        if (h, w) not in self._at:
            bands = len(self.whiten_bDE)
            columns = len(self.mean_ZD) // bands
            zone_hw = zones(h, w, bands, columns)
            self._at = {(h, w): (self.mean_ZD[zone_hw], self.spread_ZD[zone_hw], zone_hw[:, 0] // columns)}
        return self._at[h, w]


class TaughtGaussian(Gaussian):
    """A density to which features of lessons are normal as well: normalcy.scoring.centres in numpy."""

    def __init__(self, arrays: Arrays, lessons: Lessons) -> None:
        super().__init__(arrays)
        parts = [x for x in lessons if len(x.get("feature", ()))]
        self._feature_MD = np.concatenate([x["feature"] for x in parts]).astype(np.float32) if parts else None
        self._place_M2 = np.concatenate([x["place"] for x in parts]).astype(np.float32) if parts else None

    def distance(self, f_BDhw: Floats) -> Floats:
        out = super().distance(f_BDhw)
        if self._feature_MD is None or self._place_M2 is None:
            return out
        b, d, h, w = f_BDhw.shape
        bands = len(self.whiten_bDE)
        columns = len(self.mean_ZD) // bands
        zone_hw = zones(h, w, bands, columns)
        y, x = (np.mgrid[:h, :w] + 0.5) / np.array([h, w]).reshape(2, 1, 1)
        for z in range(bands * columns):
            rows, cols = np.nonzero(zone_hw == z)
            if not len(rows):
                continue
            away_PM = np.maximum(*(np.abs(a[rows, cols][:, None] - self._place_M2[:, i]) for i, a in enumerate((x, y))))
            near_PM = ~(away_PM > REACH)  # NaN is everywhere
            used = np.flatnonzero(near_PM.any(axis=0))
            if not len(used):
                continue
            to = self.whiten_bDE[z // columns] / self.spread_ZD[z][:, None]
            own_NE = f_BDhw[:, :, rows, cols].transpose(0, 2, 1).reshape(-1, d) @ to
            far_NM = cdist(own_NE, self._feature_MD[used] @ to) / d**0.5
            far_BPM = np.where(near_PM[:, used], far_NM.reshape(b, len(rows), -1), np.inf)
            out[:, rows, cols] = np.minimum(out[:, rows, cols], far_BPM.min(axis=-1) / WIDTH)
        return out


def _density(cfg: Config, arrays: Arrays, lessons: Lessons) -> Maps:
    gaussian = TaughtGaussian(arrays, lessons)
    return lambda w: gaussian.distance(w.pooled)[:, None]


def _frame_density(cfg: Config, arrays: Arrays, lessons: Lessons) -> Maps:
    gaussian = TaughtGaussian(arrays, lessons)

    def maps(w: GraphWindows) -> Floats:
        distance = gaussian.distance(w.pooled.mean(axis=(2, 3), keepdims=True))
        return np.broadcast_to(distance[:, None], (len(w), 1, *w.grid))

    return maps


def _motion(cfg: Config, arrays: Arrays, lessons: Lessons) -> Maps:
    return lambda w: w.motion[:, None]


def _velocity(cfg: Config, arrays: Arrays, lessons: Lessons) -> Maps:
    normal = Velocities(np.array(arrays["usual"]), np.array(arrays["rarity"]))
    zoning = 2 * cfg.scoring.bands, cfg.scoring.lanes
    pairs = [x["pair"] for x in lessons if len(x.get("pair", ()))]
    if pairs:
        normal = normal.with_pairs(np.concatenate(pairs), *zoning)
    return lambda w: np.stack([normal.rarity(field, *zoning) for field in w.velocity])[:, None]


KINDS: dict[str, Callable[[Config, Arrays, Lessons], Maps]] = {
    "density": _density,
    "frame_density": _frame_density,
    "motion": _motion,
    "velocity": _velocity,
}
"""Readouts that an exported model can have: from settings, fitted arrays and lessons to what gives the maps."""


@lru_cache(maxsize=16)
def _zones(h: int, w: int, bands: int, columns: int) -> NDArray[np.int64]:
    return zones(h, w, bands, columns)


def z_of(place: PlaceStatistics, maps_BKhw: Floats, bands: int, columns: int, two_sided: Sequence[bool]) -> Floats:
    """PlaceStatistics.z() in numpy: one map (B, h, w) in standard deviations of normal video at the same place."""
    zone = _zones(*maps_BKhw.shape[2:], bands, columns)
    z = (maps_BKhw - place.mean_KZ[:, zone]) / place.spread_KZ[:, zone]
    return np.asarray(np.where(np.array(two_sided)[:, None, None], np.abs(z), z).mean(axis=1), dtype=np.float32)


def top_mean(z_Bhw: Floats, share: float) -> Floats:
    """Mean of the highest ``share`` of a map's places (at least one): (B,)."""
    flat = z_Bhw.reshape(len(z_Bhw), -1)
    k = max(1, round(share * flat.shape[1]))
    return np.asarray(np.partition(flat, -k, axis=1)[:, -k:].mean(axis=1), dtype=np.float32)


def less_usual(z_Bhw: Floats, usual_hw: Floats) -> Floats:
    """normalcy.scoring.levels.less_usual in numpy: readings less what lessons made usual; those below typical stay."""
    usual = levels_at(usual_hw, *z_Bhw.shape[1:])
    return np.where(z_Bhw > 0, np.maximum(z_Bhw - usual, 0.0), z_Bhw).astype(np.float32)
