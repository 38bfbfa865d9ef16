"""What a model would notice: normal objects that it was not fitted on, changed, and how well they are told from unchanged ones.

From normal video alone. It says of each cue what it is worth on this camera, which gives the cue its weight, and of the joined
score what share of such things would pass the alarm threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from normalcy.objects.cues.base import Cue
from normalcy.objects.normal import CROWD, Normal
from normalcy.objects.sightings import DIRECTIONS, HISTOGRAM, PART_SPREAD, Floats, Sightings
from normalcy.objects.track_mean import track_means

TESTED = 3000
"""Sightings that are changed at most, in whole tracks."""
SHORTEST = 3
"""Sightings of the tracks that are changed at least."""
STAY_S = (3.0, 20.0)
"""Seconds that what is stopped has stood, drawn evenly."""

Change = Callable[[Sightings, Sightings, np.random.Generator], Sightings]
"""(sightings of whole tracks, all normal sightings, random numbers) -> the same tracks, changed."""


def _times(by: float) -> Change:
    def change(s: Sightings, pool: Sightings, rng: np.random.Generator) -> Sightings:
        return s.but(motion_NK=s.motion_NK * by)

    return change


def _stopped(s: Sightings, pool: Sightings, rng: np.random.Generator) -> Sightings:
    seconds = _each_track(s, lambda n: rng.uniform(*STAY_S, n))
    return s.but(motion_NK=s.motion_NK * 0.05, dwell_N=seconds + s.time_N - s.time_N.min())


def _turned(s: Sightings, pool: Sightings, rng: np.random.Generator) -> Sightings:
    motion = s.motion_NK.copy()
    motion[:, HISTOGRAM] = np.roll(motion[:, HISTOGRAM], DIRECTIONS // 2, axis=1)
    return s.but(motion_NK=motion)


def _across(s: Sightings, pool: Sightings, rng: np.random.Generator) -> Sightings:
    motion = s.motion_NK.copy()
    motion[:, HISTOGRAM] = np.roll(motion[:, HISTOGRAM], DIRECTIONS // 4, axis=1)
    return s.but(motion_NK=motion)


def _moved(s: Sightings, pool: Sightings, rng: np.random.Generator) -> Sightings:
    other = pool.select(_each_track(s, lambda n: rng.integers(len(pool), size=n)))
    return s.but(box_N4=other.box_N4)


def _gliding(s: Sightings, pool: Sightings, rng: np.random.Generator) -> Sightings:
    """Twice as fast, with legs that swing no more than before."""
    motion = s.motion_NK * 2
    motion[:, PART_SPREAD] = s.motion_NK[:, PART_SPREAD] / 2
    return s.but(motion_NK=motion)


def _upside_down(s: Sightings, pool: Sightings, rng: np.random.Generator) -> Sightings:
    """The upper cells of the 2 x 2 that features are taken from below the lower ones."""
    return _cells(s, (2, 3, 0, 1))


def _on_its_side(s: Sightings, pool: Sightings, rng: np.random.Generator) -> Sightings:
    """The cells turned by a quarter, as of one who lies."""
    return _cells(s, (2, 0, 3, 1))


def _cells(s: Sightings, order: Sequence[int]) -> Sightings:
    """The same objects with the quarters of what they look like in another order."""

    def turned(v: NDArray[np.float32]) -> NDArray[np.float32]:
        quarters = np.split(v, 4, axis=1) if v.shape[1] % 4 == 0 else [v]
        return np.concatenate([quarters[i] for i in order], axis=1) if len(quarters) == 4 else v

    return s.but(features_ND=turned(s.features_ND), crops_ND=turned(s.crops_ND))


CHANGES: dict[str, Change] = {
    "twice as fast": _times(2.0),
    "half as fast": _times(0.5),
    "gliding instead of walking": _gliding,
    "stopped": _stopped,
    "turned round": _turned,
    "going across": _across,
    "in another place": _moved,
    "upside down": _upside_down,
    "lying on its side": _on_its_side,
}
"""What is done to normal objects, in plain words."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Tracks of normal objects as they are, and under each of K changes: z along tracks of models not fitted on them."""

    changes: list[str]
    track_N: NDArray[np.int64]
    crowd_N: NDArray[np.int64]
    """Objects in the frame of each sighting."""
    as_is_NC: Floats
    changed_KNC: Floats

    @classmethod
    def of(cls, without: Sequence[Normal], folds: Sequence[Sightings], sigma_s: float, seed: int = 0) -> Self:
        """without[k]: fitted on all folds but k."""
        everything = Sightings.joined(folds)
        chosen = set(everything.track_N[tracks_of(everything, seed=seed)].tolist())
        pool = everything
        tracks, crowds, as_is, changed = [], [], [], []
        names: list[str] = []
        for m, fold in zip(without, folds, strict=True):
            s = fold.select(np.isin(fold.track_N, list(chosen)))
            if not len(s):
                continue
            by = changes_of(s, pool, seed)
            names = list(by)

            def mean(x: Sightings, m: Normal = m) -> Floats:
                return track_means(m.read(x).z_NC, x.track_N, x.time_N, sigma_s)

            tracks.append(s.track_N)
            crowds.append(_crowd(fold)[np.isin(fold.track_N, list(chosen))])
            as_is.append(mean(s))
            changed.append(np.stack([mean(x) for x in by.values()]))
        return cls(
            names, np.concatenate(tracks), np.concatenate(crowds), np.concatenate(as_is), np.concatenate(changed, axis=1)
        )

    def power(self) -> Floats:
        """(K, C) AUC of each cue for each change, against the same objects unchanged."""
        cues = range(self.as_is_NC.shape[1])
        return np.array([[auc(self.as_is_NC[:, c], x[:, c]) for c in cues] for x in self.changed_KNC])

    def worth(self, cues: Sequence[type[Cue]]) -> Floats:
        """(C,) of the cues: max(0, 2 P - 1), P the highest AUC for a change that the cue is tested by; 1 without any."""
        power = dict(zip(self.changes, self.power(), strict=True))
        out = np.ones(len(cues))
        for i, c in enumerate(cues):
            if c.tested_by:
                aucs = [power[k][i] for k in c.tested_by if k in power]
                out[i] = np.clip(2 * max(aucs, default=0.5) - 1, 0.0, 1.0)
        return out

    def table(self, m: Normal, alarm: Callable[[Floats], NDArray[np.bool_]] | None = None) -> SelfTest:
        """What the joined score of a fitted model makes of it. alarm: (frame values in standard deviations) -> alarm or not."""
        plain = m.objects(m.parts(self.as_is_NC))
        joined, noticed = [], []
        for x in self.changed_KNC:
            score = m.objects(m.parts(x))
            joined.append(auc(plain, score))
            if alarm is None:
                noticed.append(np.nan)
                continue
            above = alarm((score - CROWD * np.log(self.crowd_N) - m.centre) / m.scale)
            _, row = np.unique(self.track_N, return_inverse=True)
            noticed.append(float((np.bincount(row, above) > 0).mean()))
        return SelfTest(self.changes, m.names, self.power(), np.array(joined), np.array(noticed))


@dataclass(frozen=True, slots=True)
class SelfTest:
    """How well K changes are noticed."""

    changes: list[str]
    cues: list[str]
    power_KC: Floats
    """AUC of each cue for each change, against the same objects unchanged."""
    joined_K: Floats
    """AUC of the joined score of objects."""
    noticed_K: Floats
    """Share of changed tracks that pass the alarm threshold by themselves; NaN before there is one."""

    def to_dict(self) -> dict[str, Any]:
        """For the model folder."""
        return {
            "changes": self.changes,
            "cues": self.cues,
            "power": self.power_KC.round(4).tolist(),
            "joined": self.joined_K.round(4).tolist(),
            "noticed": [None if np.isnan(v) else round(float(v), 4) for v in self.noticed_K],
        }

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Self:
        """The reverse of to_dict(). Raises KeyError for what is missing."""
        noticed = np.array([np.nan if v is None else v for v in d["noticed"]], np.float64)
        return cls(list(d["changes"]), list(d["cues"]), np.array(d["power"]), np.array(d["joined"]), noticed)

    def lines(self) -> list[str]:
        """The table in plain words, what is told best first."""
        order = np.argsort(-self.joined_K, kind="stable")
        width = max(map(len, self.changes))
        return [
            f"something {self.changes[k]:{width}}  told from normal {self.joined_K[k]:.0%}"
            + ("" if np.isnan(self.noticed_K[k]) else f"  alarm {self.noticed_K[k]:.0%}")
            for k in order
        ]


def changes_of(s: Sightings, pool: Sightings, seed: int = 0) -> dict[str, Sightings]:
    """The same tracks under every change of CHANGES that makes sense of them."""
    rng = np.random.default_rng(seed)
    looks = max(s.features_ND.shape[1], s.crops_ND.shape[1]) > 0
    return {k: f(s, pool, rng) for k, f in CHANGES.items() if looks or f not in (_upside_down, _on_its_side)}


def tracks_of(s: Sightings, most: int = TESTED, seed: int = 0) -> NDArray[np.bool_]:
    """(N,) whole tracks, drawn at random, of about ``most`` sightings in all; those of a moment only if there are no others."""
    ids, row, count = np.unique(s.track_N, return_inverse=True, return_counts=True)
    long = count >= SHORTEST if (count >= SHORTEST).any() else count > 0
    order = np.random.default_rng(seed).permutation(np.flatnonzero(long))
    kept = order[: max(1, int(np.searchsorted(np.cumsum(count[order]), most)))]
    chosen = np.zeros(len(ids), np.bool_)
    chosen[kept] = True
    return np.asarray(chosen[row])


def auc(normal_N: Floats, changed_N: Floats) -> float:
    """Share of pairs in which the changed one is higher; ties count half."""
    n, m = len(normal_N), len(changed_N)
    ranks = rankdata(np.concatenate([normal_N, changed_N]))
    return float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))


def _crowd(s: Sightings) -> NDArray[np.int64]:
    """(N,) objects in the frame of each."""
    _, row, count = np.unique(np.stack([s.video_N, s.frame_N]), axis=1, return_inverse=True, return_counts=True)
    return np.asarray(count[row])


def _each_track(s: Sightings, draw: Callable[[int], NDArray[Any]]) -> NDArray[Any]:
    """One draw for each track, at each of its sightings."""
    ids, row = np.unique(s.track_N, return_inverse=True)
    return np.asarray(draw(len(ids))[row])
