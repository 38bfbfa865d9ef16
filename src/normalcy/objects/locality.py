"""Calibration by place: what a cue says is measured by what it said of normal objects nearby, one for each track.

Neighbours are tracks, not sightings: the nearest hundred sightings are all one person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.sightings import Floats, Sightings

TRACKS = 100
"""Nearest normal tracks that a sighting is measured by."""
KEPT = 8000
"""Normal sightings that are remembered at most, an even choice of all."""
APART = 3.0
"""Distance between what the picture's border cuts and what it does not, and between motion boxes and others."""
HIGH = 84.0
"""Percentile that is one standard deviation above the middle."""
FLOOR = 0.5
"""Share of the spread over all places that a local spread has at least."""
CUT = 6.0
"""Standard deviations that count at most: one wild reading is not to decide alone."""
_BLOCK = 64

Arrays = dict[str, NDArray[np.float32]]


def places(s: Sightings) -> Floats:
    """(N, 5) where neighbours are looked for: place and size, whether cut by the border, whether a motion box."""
    return np.concatenate([s.where_N3, APART * s.cut_N[:, None], APART * s.moving_N[:, None]], axis=1)


@dataclass(frozen=True, slots=True)
class Locality:
    """M normal sightings, ordered by track, and what C cues said of them when fitted on other video."""

    place_MP: NDArray[np.float32]
    track_M: NDArray[np.int64]
    """Numbers of the T tracks, ascending from 0."""
    value_MC: NDArray[np.float32]
    spread_C: NDArray[np.float32]
    """Of each cue over all places."""
    row_M: NDArray[np.int64]
    """Row of each among the sightings it was made of."""

    @classmethod
    def of(cls, s: Sightings, value_NC: Floats) -> Self:
        """From at least one normal sighting. value_NC: of each cue, NaN where it said nothing."""
        rows = np.argsort(s.track_N, kind="stable")
        if len(rows) > KEPT:
            rows = rows[np.linspace(0, len(rows) - 1, KEPT).astype(np.int64)]
        _, track_M = np.unique(s.track_N[rows], return_inverse=True)
        value = value_NC.astype(np.float32)
        known = np.isfinite(value).any(axis=0)
        spread = np.full(value.shape[1], 1e-6, np.float32)
        if known.any():
            low, high = np.nanpercentile(value[:, known], [50, HIGH], axis=0)
            spread[known] = np.maximum(high - low, 1e-6)
        return cls(places(s)[rows].astype(np.float32), track_M.astype(np.int64), value[rows], spread, rows)

    def nearest(self, s: Sightings) -> NDArray[np.int64]:
        """(N, min(T, TRACKS)) rows of the memory: of each of the nearest tracks the sighting that is nearest."""
        starts = np.flatnonzero(np.r_[True, np.diff(self.track_M) > 0])
        k, p = min(len(starts), TRACKS), places(s).astype(np.float32)
        out = np.zeros((len(p), k), np.int64)
        squares = np.einsum("mp,mp->m", self.place_MP, self.place_MP)
        for first in range(0, len(p), _BLOCK):
            part = p[first : first + _BLOCK]
            d = np.einsum("np,np->n", part, part)[:, None] + squares - 2 * part @ self.place_MP.T
            of_track = np.minimum.reduceat(d, starts, axis=1)
            row, column = np.nonzero(d == of_track[:, self.track_M])
            closest = np.zeros(of_track.shape, np.int64)
            closest[row, self.track_M[column]] = column
            best = np.argpartition(of_track, k - 1, axis=1)[:, :k]
            out[first : first + _BLOCK] = np.take_along_axis(closest, best, axis=1)
        return out

    def z(self, value_NC: Floats, nearest_NK: NDArray[np.int64]) -> Floats:
        """(N, C) in standard deviations above the middle of the neighbours, 0 to CUT; 0 where nothing is known."""
        near_NKC = np.sort(self.value_MC[nearest_NK], axis=1)  # NaN last
        count_NC = np.isfinite(near_NKC).sum(axis=1)
        middle, high = (_at(near_NKC, (count_NC - 1) * share) for share in (0.5, HIGH / 100))
        z = (value_NC - middle) / np.maximum(high - middle, FLOOR * self.spread_C)
        return np.asarray(np.clip(np.where(np.isfinite(z), z, 0.0), 0.0, CUT))

    def state(self) -> Arrays:
        """Fitted arrays, for the model folder."""
        return {
            "place": self.place_MP,
            "track": self.track_M.astype(np.float32),
            "value": np.nan_to_num(self.value_MC, nan=np.inf),
            "spread": self.spread_C,
            "row": self.row_M.astype(np.float32),
        }

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[np.float32]]) -> Self:
        """The reverse of state(). Raises KeyError where an array is missing."""
        value = np.where(np.isfinite(arrays["value"]), arrays["value"], np.nan).astype(np.float32)
        track, row = (arrays[k].astype(np.int64) for k in ("track", "row"))
        return cls(np.array(arrays["place"]), track, value, np.array(arrays["spread"]), row)


def _at(sorted_NKC: NDArray[np.float32], rank_NC: Floats) -> Floats:
    """(N, C) value at a rank, between two on the line between them; NaN where there is none."""
    below = np.maximum(np.floor(rank_NC), 0).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(np.ceil(rank_NC), 0).astype(np.int64))
    a, b = (np.take_along_axis(sorted_NKC, i[:, None], axis=1)[:, 0] for i in (below, above))
    return np.asarray(a + (b - a) * (rank_NC - below))
