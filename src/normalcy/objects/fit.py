"""From normal sightings to what is normal: cross-fitted, so that normal is measured as new video will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from normalcy.objects.cues.base import Cue, cue_of
from normalcy.objects.locality import Locality
from normalcy.objects.normal import CUE_TAIL, Normal, frame_value, length, raw
from normalcy.objects.selftest import Probe
from normalcy.objects.sightings import Floats, Sightings
from normalcy.objects.tail import Tail
from normalcy.objects.track_mean import track_means
from normalcy.objects.usual import UsualSpeed

PLACE = "place"
"""The cue whose worth says how much order there is in a scene."""
LEAST = 1e-3
"""Spread of frame values that is taken to be there at least."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Normal of one scene."""

    whole: Normal
    """Fitted on all of its video."""
    without: Sequence[Normal]
    """Fitted on all folds but one, each."""
    probe: Probe
    """What these say of normal objects that were changed."""


def fit(folds: Sequence[Sightings], names: Sequence[str], sigma_s: float, empty: float, seed: int = 0) -> Fitted:
    """Cross-fit cues, calibration by place, and weights.

    Args:
        folds: Normal sightings, at least one in all; of different videos where there are several.
        names: Of the cues.
        sigma_s: Width of the means along tracks, in seconds.
        empty: Share of the frames that were looked at in which there was no object.
        seed: Of what is changed for the self-test.
    """
    everything, full = Sightings.joined(folds), [k for k, f in enumerate(folds) if len(f)]
    usual = UsualSpeed.of(everything)
    cues = [_cues(names, Sightings.joined([folds[j] for j in _others(full, k)]), usual) for k in range(len(folds))]
    value = [raw(c, usual, f)[0] for c, f in zip(cues, folds, strict=True)]

    def locality(of: Sequence[int]) -> Locality:
        return Locality.of(Sightings.joined([folds[j] for j in of]), np.concatenate([value[j] for j in of]))

    blank = np.ones(len(names)), [Tail(0.0, 1.0)] * len(names), Tail(0.0, 1.0)
    without = [Normal(cues[k], usual, locality(_others(full, k)), *blank) for k in range(len(folds))]
    means = [
        track_means(m.locality.z(v, m.locality.nearest(f)), f.track_N, f.time_N, sigma_s)
        for m, v, f in zip(without, value, folds, strict=True)
    ]
    probe = Probe.of(without, folds, sigma_s, seed)
    known_C = np.isfinite(np.concatenate(value)).any(axis=0)
    kinds = [cue_of(n) for n in names]
    worth_C = np.where(known_C, probe.worth(kinds), 0.0)  # features where there is no network
    weight_C = np.array([c.share for c in kinds]) * worth_C**2
    every_NC = np.concatenate(means)
    tail_C = [Tail.of(every_NC[:, c], CUE_TAIL) for c in range(len(names))]
    for m in without:
        m.weight_C, m.tail_C = weight_C, tail_C
    score = [length(m.parts(x)) for m, x in zip(without, means, strict=True)]
    top = Tail.of(np.concatenate(score))
    frames = _frames(folds, [top.out(s) for s in score], top, empty)
    whole = Normal(_cues(names, everything, usual), usual, locality(full), weight_C, tail_C, top, *frames)
    whole.frame_share = float(np.sqrt(1 - worth_C[names.index(PLACE)] ** 2)) if PLACE in names else 1.0
    for m in without:
        m.top, m.frame_share = top, whole.frame_share
        m.centre, m.scale, m.map_scale = frames
    return Fitted(whole, without, probe)


def _others(full: Sequence[int], k: int) -> list[int]:
    """The folds with objects but k; k itself where it is the only one."""
    return [j for j in full if j != k] or list(full)


def _cues(names: Sequence[str], s: Sightings, usual: UsualSpeed) -> list[Cue]:
    out = [cue_of(n)() for n in names]
    for c in out:
        c.fit(s, usual)
    return out


def _frames(folds: Sequence[Sightings], object_N: Sequence[Floats], top: Tail, empty: float) -> tuple[float, float, float]:
    """(middle, spread of the upper half, what all but 1 % stay below) of the values of normal frames."""
    values = []
    for s, o in zip(folds, object_N, strict=True):
        order = np.lexsort((s.frame_N, s.video_N))
        new = np.diff(s.frame_N[order], prepend=-1) != 0
        new |= np.diff(s.video_N[order], prepend=-1) != 0
        values += [frame_value(part, top) for part in np.split(o[order], np.flatnonzero(new)[1:]) if len(part)]
    none = frame_value(np.zeros(0), top)
    values += [none] * round(len(values) * empty / max(1 - empty, LEAST)) if empty < 1 else []
    middle, high, most = np.percentile(values, [50, 84, 99])
    return float(middle), float(max(high - middle, LEAST)), float(max(most, LEAST))
