"""Lessons of objects: what was seen of those of an event that a person called normal.

An object near them, of their size, is compared with them as well. Cues that compare (looks, way of moving) know them again;
of the others (speed, time stayed, ...) what they read there is usual there, of a kind for things of that kind alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.cues.base import Novelty
from normalcy.objects.locality import places
from normalcy.objects.normal import Normal, Reading, raw
from normalcy.objects.sightings import Floats, Sightings
from normalcy.scoring.lesson import Lesson, spread_choice

NAME = "objects"
REACH = 0.35
"""Distance, as neighbours are looked for (normalcy.objects.locality.places), within which a sighting is like a taught one: a
sixth of the picture's width or height, or 1.6 times the size."""
KEPT = 300
"""Sightings that one lesson keeps."""
KIND = "kind"
"""The cue that speaks of a thing's class."""
SLACK = 0.3
"""Spreads of a cue over all places by which the same thing may read higher the next time."""


def lesson_of(normal: Normal, s: Sightings) -> dict[str, NDArray[Any]]:
    """The lesson of these sightings, at least one; of many an even choice."""
    kept = spread_choice(places(s) / REACH, KEPT)
    s = s.select(kept)
    out: dict[str, NDArray[Any]] = {f.name: np.ascontiguousarray(getattr(s, f.name)) for f in fields(s)}
    return out | {"value": raw(normal.cues, normal.usual, s)[0].astype(np.float32)}


@dataclass(slots=True, kw_only=True)
class TaughtNormal(Normal):
    """A normal to which taught sightings belong as well."""

    taught: Sightings
    taught_value_MC: Floats
    """What each cue read of them, before calibration; NaN where it said nothing."""
    first_row: int
    """Number of the first taught sighting among the normal ones, for ``nearest_NC``."""

    @classmethod
    def of(cls, normal: Normal, parts: Sequence[Mapping[str, NDArray[Any]]], first_row: int) -> Self:
        """From what lesson_of() gave, for a model of the same cues."""
        s = Sightings.joined([Sightings(*(p[f.name] for f in fields(Sightings))) for p in parts])
        value = np.concatenate([p["value"] for p in parts]).astype(np.float64)
        own = [getattr(normal, f.name) for f in fields(Normal) if f.init]
        return cls(*own, taught=s, taught_value_MC=value, first_row=first_row)

    def read(self, s: Sightings) -> Reading:
        value_NC, nearest_NC = raw(self.cues, self.usual, s)
        apart_NM = _apart(places(s), places(self.taught))
        near_NM = apart_NM < REACH
        for c, cue in enumerate(self.cues):
            if isinstance(cue, Novelty) and near_NM.any():
                self._compare(cue, s, near_NM, value_NC[:, c], nearest_NC[:, c])
        z_NC = self.locality.z(value_NC, self.locality.nearest(s))
        alike_NM = near_NM & (s.label_N[:, None] == self.taught.label_N)
        for c, cue in enumerate(self.cues):
            if not isinstance(cue, Novelty) and near_NM.any():
                own = alike_NM if cue.name == KIND else near_NM
                known = own & np.isfinite(self.taught_value_MC[:, c])
                most_N = np.where(known, self.taught_value_MC[:, c], -np.inf).max(axis=1)
                z_NC[value_NC[:, c] <= most_N + SLACK * self.locality.spread_C[c], c] = 0.0
        return Reading(z_NC, nearest_NC)

    def _compare(
        self, cue: Novelty, s: Sightings, near_NM: NDArray[np.bool_], value_N: Floats, nearest_N: NDArray[np.int64]
    ) -> None:
        """Lower values of a cue, in place, to the distance of the nearest taught sighting where that is less.

        Taught sightings are few: as far as one of them is from the next is no distance.
        """
        v, t = (np.asarray(cue.vectors(x, self.usual), dtype=np.float64) for x in (s, self.taught))
        known_M = np.isfinite(t).all(axis=1)
        if v.shape[1] != t.shape[1] or not v.shape[1] or not known_M.any():
            return
        own_MM = _apart(t[known_M], t[known_M])
        np.fill_diagonal(own_MM, np.inf)
        nearest_M = own_MM.min(axis=1)
        between = float(np.median(nearest_M)) if len(nearest_M) > 1 else 0.0
        d_NM = np.where(near_NM & known_M, _apart(v, np.nan_to_num(t)), np.inf)
        d_N = np.maximum(d_NM.min(axis=1) - between, 0.0)
        closer = np.isfinite(value_N) & (d_N < value_N)
        value_N[closer] = d_N[closer]
        nearest_N[closer] = self.first_row + d_NM.argmin(axis=1)[closer]


def taught(normal: Normal, lessons: Sequence[Lesson], first_row: int) -> Normal:
    """A normal with those lessons that hold sightings which it can read; itself where none does."""
    parts = [own for x in lessons if _readable(own := x.of(NAME), len(normal.cues))]
    return TaughtNormal.of(normal, parts, first_row) if parts else normal


def _readable(own: Mapping[str, NDArray[Any]], cues: int) -> bool:
    """Whether these are sightings as this version keeps them, read by so many cues."""
    known = all(f.name in own for f in fields(Sightings)) and "value" in own
    return known and len(own["value"]) > 0 and own["value"].shape[1] == cues


def _apart(a_ND: Floats, b_MD: Floats) -> Floats:
    """(N, M) Euclidean distances."""
    squares = np.square(a_ND).sum(axis=1)[:, None] + np.square(b_MD).sum(axis=1) - 2 * a_ND @ b_MD.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))
