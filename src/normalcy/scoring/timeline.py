"""From readings at some moments of a video to a score for every one of its frames, in order.

The values of a window stand at one moment, its anchor. Frames between two anchors are interpolated, those before the first and
after the last hold the nearest value; then each readout is smoothed over time, and the readouts are fused. Nothing here knows
networks: see normalcy.scoring.scorer for what reads windows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from normalcy.config import ScoringConfig
from normalcy.scoring.fusion import squash
from normalcy.scoring.smooth import smoother
from normalcy.types import FrameScore, ObjectScore

Values = NDArray[np.float64]
Fuse = Callable[[Values], float]
"""Smoothed values (V,) of a frame -> its score."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What was read of one window."""

    frame: float
    """The moment it stands for, in frames from the first (0)."""
    values_V: Values
    """In standard deviations of normal video: the R readouts, then whatever else the level fuses by."""
    map_hw: NDArray[np.float32]
    objects: Mapping[int, ObjectScore] = field(default_factory=dict)
    """By track."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """A frame whose values are in the smoother."""

    frame: int
    time_s: float
    map_hw: NDArray[np.float32] | None
    objects: tuple[ObjectScore, ...]


class Timeline:
    """Call frame() for every frame, add() with the anchors read so far, final() for the scores that no later
    frame changes, and finish() at the end.

    Memory does not grow with length, except with ``scoring.normalise: per_video``, where nothing is final before the end.
    """

    def __init__(self, names: Sequence[str], s: ScoringConfig, fps: float, fuse: Fuse, maps: bool) -> None:
        """names: of the R readouts. fps: turns the smoothing's seconds into frames. maps: give each frame the nearest map."""
        self._names, self._fuse, self._maps = names, fuse, maps
        self._per_video = s.normalise == "per_video"
        self._new_smoother = partial(smoother, s.smoothing, s.sigma_s * fps)
        self._smoother = self._new_smoother()
        self._times: deque[float] = deque()
        """Of the frames that came and have no values yet."""
        self._next = 0
        """The first of them."""
        self._anchors: list[Anchor] = []
        self._smoothed: deque[_Moment] = deque()
        self._held: list[FrameScore] = []

    def frame(self, time_s: float) -> None:
        """The next frame came."""
        self._times.append(time_s)

    def add(self, anchors: Sequence[Anchor]) -> None:
        """Windows were read; anchors come in order."""
        self._anchors += anchors

    def final(self, ended: bool = False) -> list[FrameScore]:
        """Scores that are final now, each frame once and in order. ended: no frame that comes after these follows on them."""
        known = self._next + len(self._times) if ended else int(np.floor(self._anchors[-1].frame)) + 1
        done: list[FrameScore] = []
        if known > self._next:
            frames = np.arange(self._next, known)
            for i, row in zip(frames.tolist(), self._interpolated(frames), strict=True):
                self._smoothed.append(_Moment(i, self._times.popleft(), self._map(i), self._objects(i)))
                done += self._scored(self._smoother.push(row))
            self._next = known
            self._anchors = self._anchors[-1:]
        if ended:
            done += self._scored(self._smoother.finish())
            self._anchors, self._smoother = [], self._new_smoother()
        if not self._per_video:
            return done
        self._held += done
        return []

    def finish(self) -> list[FrameScore]:
        """The end of the video: scores that were not final before."""
        return self._min_max() if self._per_video and self._held else []

    def _interpolated(self, frames: NDArray[np.int64]) -> Values:
        """(n, V) values of these frames."""
        moments = np.array([a.frame for a in self._anchors])
        values = np.stack([a.values_V for a in self._anchors])
        if not self._per_video:
            values = squash(values)
        return np.stack([np.interp(frames, moments, v) for v in values.T], axis=1)

    def _map(self, frame: int) -> NDArray[np.float32] | None:
        if not self._maps:
            return None
        return min(self._anchors, key=lambda a: abs(a.frame - frame)).map_hw

    def _objects(self, frame: int) -> tuple[ObjectScore, ...]:
        """Objects at both anchors around the frame lie in between, others belong to the nearer anchor."""
        after = next((k for k, a in enumerate(self._anchors) if a.frame >= frame), len(self._anchors) - 1)
        before = max(after - 1, 0) if self._anchors[after].frame > frame else after
        a, b = self._anchors[before], self._anchors[after]
        if a.frame == b.frame:
            return tuple(b.objects.values())
        share = min(max((frame - a.frame) / (b.frame - a.frame), 0.0), 1.0)
        out = [_between(a.objects[k], b.objects[k], share) for k in a.objects if k in b.objects]
        near, far = (a, b) if share < 0.5 else (b, a)
        return (*out, *(o for k, o in near.objects.items() if k not in far.objects))

    def _scored(self, rows: Sequence[Values]) -> list[FrameScore]:
        out = []
        for row in rows:
            m = self._smoothed.popleft()
            readouts = {n: float(v) for n, v in zip(self._names, row, strict=False)}
            out.append(FrameScore(m.frame, m.time_s, self._fuse(row), readouts, m.map_hw, m.objects))
        return out

    def _min_max(self) -> list[FrameScore]:
        """Eq. 11: each readout between its lowest and highest value in this video (the paper's protocol)."""
        rows = np.array([list(s.readouts.values()) for s in self._held])
        low, high = rows.min(axis=0), rows.max(axis=0)
        rows = (rows - low) / np.where(high > low, high - low, 1.0)
        return [
            replace(s, score=float(r.mean()), readouts=dict(zip(self._names, map(float, r), strict=True)))
            for s, r in zip(self._held, rows, strict=True)
        ]


def _between(a: ObjectScore, b: ObjectScore, share: float) -> ObjectScore:
    x1, y1, x2, y2 = (u + (v - u) * share for u, v in zip(a.box, b.box, strict=True))
    nearer = a if share < 0.5 else b
    return replace(nearer, box=(x1, y1, x2, y2), score=a.score + (b.score - a.score) * share)
