"""The scores around each event, kept beside its clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from normalcy.api.cameras import CameraSpec
from normalcy.events.record import EventRecord
from normalcy.events.samples import Samples, samples_beside, write_samples
from normalcy.video.ring import Ring

KEPT = 8000
"""Frames whose scores are remembered: more than five minutes at 25 a second."""


class Later(Protocol):
    """Does work in another thread."""

    def later(self, job: Callable[[], None]) -> None:
        """Take a job."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    record: EventRecord
    start_s: float
    until: float


class Trace:
    """Of one camera. scored() and follow() are called in its thread."""

    def __init__(self, spec: CameraSpec, out: Path, ring: Ring) -> None:
        self._spec, self._out, self._ring = spec, out, ring
        self._scores: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._waiting: deque[_Waiting] = deque()

    def scored(self, wall: float, score: float, hub: Later) -> None:
        """The score of a frame that came then."""
        self._scores.append((wall, score))
        while self._waiting and wall >= self._waiting[0].until:
            hub.later(self._job(self._waiting.popleft()))

    def follow(self, record: EventRecord, start_s: float) -> None:
        """An event is over: write what was scored around it once that is known. start_s: its begin on the camera's axis."""
        clip = self._spec.clip
        end = record.end_time if record.end_time is not None else record.time
        until = end if clip is None else min(end + clip.after_s, record.start_time + clip.most_s)
        self._waiting.append(_Waiting(record, start_s, until))

    def finish(self, hub: Later) -> None:
        """No score follows."""
        while self._waiting:
            hub.later(self._job(self._waiting.popleft()))

    def _job(self, w: _Waiting) -> Callable[[], None]:
        """The scores are copied here, in the camera's thread; where the clip begins is known once the job's turn comes."""
        before = 5.0 if self._spec.clip is None else self._spec.clip.before_s
        # A clip begins at a key frame, which may lie some seconds before that.
        since = w.record.start_time - before - 20.0
        kept = [(t, s) for t, s in islice(self._scores, len(self._scores)) if since <= t <= w.until]

        def job() -> None:
            began = self._ring.began(w.record.id)
            begin = w.record.start_time - (before if began is None else w.start_s - began)
            inside = [(t, s) for t, s in kept if t >= begin]
            if inside:
                times, scores = zip(*inside, strict=True)
                path = self._out / samples_beside(w.record.camera, w.record.id)
                write_samples(path, Samples(times, scores, w.record.threshold, begin))

        return job
