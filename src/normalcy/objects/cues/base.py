"""What a cue is: a number for each sighting, higher where it is less like what normal video showed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.sightings import Floats, Sightings
from normalcy.objects.usual import UsualSpeed
from normalcy.parts import CUES, load_part

Arrays = dict[str, NDArray[np.float32]]
KEPT = 8000
"""Normal sightings that a cue remembers at most, an even choice of all."""
NEAREST = 3
"""Normal sightings whose mean distance is a novelty."""
_BLOCK = 2_000_000
"""Distances that are held at a time."""


class Read(NamedTuple):
    """What a cue says of N sightings."""

    value_N: Floats
    """Before calibration; NaN where nothing can be said."""
    nearest_N: NDArray[np.int64]
    """Row, among the sightings it was fitted on, that is most like it; -1 where the cue does not compare."""


class Facts(NamedTuple):
    """What a phrase about an object may state."""

    times: float
    """Its speed in usual speeds of its place."""
    stayed_s: float
    """Seconds that it has stayed where it is."""


class Cue:
    """One number for each sighting. A subclass says what it goes by: ``value``.

    A cue that ``objects.cues`` can name stands in normalcy.parts.CUES.
    """

    name: ClassVar[str]
    """In scores and files."""
    words: ClassVar[str]
    """What is wrong with an object of which this is high, in plain words."""
    share: ClassVar[float] = 0.5
    """How much it counts in the sum where the self-test finds that it tells everything."""
    tested_by: ClassVar[tuple[str, ...]] = ()
    """Changes of normalcy.objects.selftest that say what it is worth; without any it counts in full."""

    def phrase(self, facts: Facts) -> str:
        """``words``, of an object of which more is known."""
        return self.words

    def value(self, s: Sightings, usual: UsualSpeed) -> Floats:
        """(N,) the number itself."""
        raise NotImplementedError

    def fit(self, s: Sightings, usual: UsualSpeed) -> None:
        """Learn from normal sightings."""

    def read(self, s: Sightings, usual: UsualSpeed) -> Read:
        """What it says of these sightings, before calibration."""
        return Read(self.value(s, usual), np.full(len(s), -1, np.int64))

    def state(self) -> Arrays:
        """Fitted arrays, for the model folder."""
        return {}

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """The reverse of state(). Raises KeyError where an array is missing."""


def cue_of(name: str) -> type[Cue]:
    """The cue that ``objects.cues`` names. Raises KeyError for a name that is none."""
    cue: type[Cue] = load_part(CUES, name)
    return cue


class Novelty(Cue):
    """Mean distance to the nearest normal sightings in a space of the subclass's: ``vectors``."""

    def __init__(self) -> None:
        self._known_MD: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._row_M: NDArray[np.int64] = np.zeros(0, np.int64)

    def vectors(self, s: Sightings, usual: UsualSpeed) -> Floats | NDArray[np.float32]:
        """(N, D) what is compared; a row with NaN cannot be."""
        raise NotImplementedError

    def fit(self, s: Sightings, usual: UsualSpeed) -> None:
        v = np.asarray(self.vectors(s, usual), dtype=np.float32)
        rows = np.flatnonzero(np.isfinite(v).all(axis=1))
        if len(rows) > KEPT:
            rows = rows[np.linspace(0, len(rows) - 1, KEPT).astype(np.int64)]
        self._known_MD, self._row_M = v[rows], rows

    @property
    def rows(self) -> NDArray[np.int64]:
        """Numbers of the remembered sightings among those it was fitted on."""
        return self._row_M

    def known(self, row_N: NDArray[np.integer]) -> Floats:
        """(N, D) what is remembered of these sightings; NaN of one that is not remembered."""
        out = np.full((len(row_N), self._known_MD.shape[1]), np.nan)
        at = {r: i for i, r in enumerate(self._row_M.tolist())}
        for k, r in enumerate(row_N.tolist()):
            if r in at:
                out[k] = self._known_MD[at[r]]
        return out

    def read(self, s: Sightings, usual: UsualSpeed) -> Read:
        v = np.asarray(self.vectors(s, usual), dtype=np.float32)
        value, nearest = np.full(len(v), np.nan), np.full(len(v), -1, np.int64)
        m = len(self._known_MD)
        if not m or v.shape[1] != self._known_MD.shape[1] or not v.shape[1]:
            return Read(value, nearest)
        rows = np.flatnonzero(np.isfinite(v).all(axis=1))
        k = min(NEAREST, m)
        squares = np.einsum("md,md->m", self._known_MD, self._known_MD)
        step = max(1, _BLOCK // m)
        for part in (rows[i : i + step] for i in range(0, len(rows), step)):
            d = np.einsum("nd,nd->n", v[part], v[part])[:, None] + squares - 2 * v[part] @ self._known_MD.T
            best = np.argpartition(d, k - 1, axis=1)[:, :k]
            near = np.take_along_axis(d, best, axis=1)
            value[part] = np.sqrt(np.maximum(near, 0)).mean(axis=1)
            nearest[part] = self._row_M[best[np.arange(len(part)), near.argmin(axis=1)]]
        return Read(value, nearest)

    def state(self) -> Arrays:
        return {"known": self._known_MD, "row": self._row_M.astype(np.float32)}

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._known_MD, self._row_M = np.array(arrays["known"], np.float32), arrays["row"].astype(np.int64)
