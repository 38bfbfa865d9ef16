"""From frame scores to events: when, where, how strong, and which readout says so. Streams in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from normalcy.config import AlarmConfig
from normalcy.scoring.localise import peak_region
from normalcy.types import Event, FrameScore

UPDATE_S = 1.0
"""Least time between two changes that say no more than that an event grew."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an event: it opened, changed, or closed for good."""

    state: Literal["opened", "updated", "closed"]
    event: Event
    """As it stands: until it is closed, its end is the last frame known to belong to it."""


class EventDetector:
    """Turns a stream of frame scores into events, with hysteresis.

    An event begins when the score rises above ``threshold`` and ends when it falls below ``release``, which lies between
    the threshold and the normal level 0. Events closer than ``merge_s`` seconds are one; shorter than ``min_s`` are dropped:
    an event opens once it has lasted that long, so what was opened is always closed later, and nothing else is.
    size: (width, height) of the picture that region boxes refer to.
    """

    def __init__(self, threshold: float, cfg: AlarmConfig, size: tuple[int, int]) -> None:
        self._cfg = cfg
        self.move(threshold)
        self._size = size
        self._event: Event | None = None
        self._above = False  # the score has not fallen below the release since the event's last frame
        self._told: Event | None = None  # the event as the last change had it; None where it has not opened yet

    @property
    def busy(self) -> bool:
        """Whether an event goes on, or one that may still go on or never open."""
        return self._event is not None

    def move(self, threshold: float) -> None:
        """Another threshold from the next frame on. An event that goes on stays one."""
        self._threshold = threshold
        self._release = threshold - abs(threshold) * (1.0 - self._cfg.release)

    def push(self, s: FrameScore) -> list[Change]:
        """Take the next frame's score; returns what changed."""
        out: list[Change] = []
        if self._event is not None and self._above:
            if s.score >= self._release:
                self._event = self._extended(self._event, s)
            else:
                self._above = False
        elif s.score > self._threshold:
            out += self._close_if_past(s)
            self._event = self._new(s) if self._event is None else self._extended(self._event, s)
            self._above = True
        if not self._above:
            out += self._close_if_past(s)
        return out + self._progress()

    def finish(self) -> list[Change]:
        """End of the video: an event that is still open is closed."""
        return self._close()

    def _progress(self) -> list[Change]:
        e, told = self._event, self._told
        if e is None or not self._long_enough(e):
            return []
        if told is None:
            self._told = e
            return [Change("opened", e)]
        if (e.peak > told.peak and e.end_s - told.end_s >= UPDATE_S) or e.end_s - told.end_s >= 10 * UPDATE_S:
            self._told = e
            return [Change("updated", e)]
        return []

    def _close_if_past(self, s: FrameScore) -> list[Change]:
        """Close an event that nothing can merge with any more."""
        if self._event is None or s.time_s - self._event.end_s <= self._cfg.merge_s:
            return []
        return self._close()

    def _close(self) -> list[Change]:
        event, opened = self._event, self._told is not None
        self._event, self._told, self._above = None, None, False
        return [Change("closed", event)] if event is not None and opened else []

    def _long_enough(self, e: Event) -> bool:
        # Time stamps are sums of floats: 0.6 - 0.4 must count as 0.2 seconds.
        return e.end_s - e.start_s >= self._cfg.min_s - 1e-6

    def _new(self, s: FrameScore) -> Event:
        region = peak_region(s.map, self._size) if s.map is not None else None
        if s.objects:
            region = max(s.objects, key=lambda o: o.score).box
        fired = max(s.readouts, key=lambda n: s.readouts[n], default="score")
        return Event(s.frame, s.frame, s.frame, s.time_s, s.time_s, s.time_s, s.score, region, fired)

    def _extended(self, e: Event, s: FrameScore) -> Event:
        if s.score > e.peak:
            e = replace(self._new(s), start_frame=e.start_frame, start_s=e.start_s)
        return replace(e, end_frame=s.frame, end_s=s.time_s)


def closed(changes: Iterable[Change]) -> Iterator[Event]:
    """The events that these changes close."""
    return (c.event for c in changes if c.state == "closed")
