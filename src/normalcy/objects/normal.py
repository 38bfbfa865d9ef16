"""What normal objects of one scene are like: cues, their calibration by place, and how they are joined to one score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.cues.base import Cue, cue_of
from normalcy.objects.locality import Locality
from normalcy.objects.sightings import Floats, Sightings
from normalcy.objects.tail import Tail
from normalcy.objects.usual import UsualSpeed
from normalcy.scoring.scene import with_prefix

CROWD = 1.0
"""Share of ln n that is taken off the highest of n objects: the tail is exponential, and the largest of n is so much larger."""
CUE_TAIL = 0.8
"""Quantile of normal objects at which the tail of a cue starts: what is below it says nothing against an object."""
LONGEST = 4.0
"""Mean excesses of a cue that count at most. Beyond them minutes of normal video say nothing of how rare a value is, and the
one cue that is noisiest in this scene would decide alone."""


class Reading(NamedTuple):
    """What is known of N sightings before their tracks are."""

    z_NC: Floats
    """Standard deviations above normal objects of their place, 0 to locality.CUT."""
    nearest_NC: NDArray[np.int64]
    """Normal sighting that is most like it by each cue; -1 where the cue does not compare."""


@dataclass(slots=True)
class Normal:
    """Fitted; see fit()."""

    cues: Sequence[Cue]
    usual: UsualSpeed
    locality: Locality
    weight_C: Floats
    """How much each cue counts: its share, times the square of what the self-test found it to be worth."""
    tail_C: Sequence[Tail]
    """Of each cue's means along tracks: what is often high in normal video weighs less by itself."""
    top: Tail
    """Of the objects' scores before they are put in mean excesses."""
    centre: float = 0.0
    """Middle of the frames' values."""
    scale: float = 1.0
    map_scale: float = 1.0
    """Score of the highest object of all but 1 % of normal frames."""
    frame_share: float = 1.0
    """How much the frame level counts beside it, 0 to 1. In a scene with order (road, pavement) objects know where things
    belong, and whole frames hardly do."""
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = [c.name for c in self.cues]

    def read(self, s: Sightings) -> Reading:
        """Compare with normal objects."""
        value_NC, nearest_NC = raw(self.cues, self.usual, s)
        return Reading(self.locality.z(value_NC, self.locality.nearest(s)), nearest_NC)

    def parts(self, mean_NC: Floats) -> Floats:
        """(N, C) how far out in the tail of normal objects each cue is, weighed. mean_NC: z, averaged along tracks."""
        out_NC = np.stack([t.out(mean_NC[:, c]) for c, t in enumerate(self.tail_C)], axis=1)
        return np.asarray(np.clip(out_NC, 0.0, LONGEST) * self.weight_C)

    def objects(self, parts_NC: Floats) -> Floats:
        """(N,) score of each object, in mean excesses over the start of normal video's tail; below 0 is ordinary.

        The root of the sum of squares of its parts: near the loudest cue, and a little more where several agree.
        """
        return np.asarray(self.top.out(length(parts_NC)))

    def frame(self, object_N: Floats) -> float:
        """Value of a frame with these objects, in standard deviations of normal frames."""
        return (frame_value(object_N, self.top) - self.centre) / self.scale

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder."""
        arrays = {f"locality.{k}": v for k, v in self.locality.state().items()}
        for c in self.cues:
            arrays |= {f"{c.name}.{k}": v for k, v in c.state().items()}
        arrays |= {"usual": self.usual.state(), "top": self.top.state()}
        arrays["weight"] = self.weight_C.astype(np.float32)
        arrays["tail"] = np.stack([t.state() for t in self.tail_C])
        numbers = {k: getattr(self, k) for k in ("centre", "scale", "map_scale", "frame_share")}
        return arrays, {"cues": self.names, **numbers}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[np.float32]], scalars: Mapping[str, Any]) -> Self:
        """The reverse of state(). Raises KeyError for what is missing."""
        cues = [cue_of(n)() for n in scalars["cues"]]
        for c in cues:
            c.load(with_prefix(f"{c.name}.", arrays))
        return cls(
            cues,
            UsualSpeed.load(arrays["usual"]),
            Locality.load(with_prefix("locality.", arrays)),
            arrays["weight"].astype(np.float64),
            [Tail.load(t) for t in arrays["tail"]],
            Tail.load(arrays["top"]),
            float(scalars["centre"]),
            float(scalars["scale"]),
            float(scalars["map_scale"]),
            float(scalars["frame_share"]),
        )


def length(parts_NC: Floats) -> Floats:
    """(N,) root of the sum of squares of the cues' parts."""
    return np.asarray(np.sqrt(np.square(parts_NC).sum(axis=-1)))


def raw(cues: Sequence[Cue], usual: UsualSpeed, s: Sightings) -> tuple[Floats, NDArray[np.int64]]:
    """((N, C) values before calibration, (N, C) nearest rows)."""
    reads = [c.read(s, usual) for c in cues]
    return np.stack([r.value_N for r in reads], axis=1), np.stack([r.nearest_N for r in reads], axis=1)


def frame_value(object_N: Floats, top: Tail) -> float:
    """The highest object, less for being one of many. Without any object, as with one that no cue finds anything about."""
    if not len(object_N):
        return float(top.out(np.zeros(1))[0])
    return float(object_N.max() - CROWD * np.log(len(object_N)))
