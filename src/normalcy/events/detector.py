"""From frame scores to events: when, where, how strong, and which readout says so. Streams in constant memory."""

from __future__ import annotations

from dataclasses import replace

from normalcy.config import AlarmConfig
from normalcy.scoring.localise import peak_region
from normalcy.types import Event, FrameScore


class EventDetector:
    """Turns a stream of frame scores into events, with hysteresis.

    An event begins when the score rises above ``threshold`` and ends when it falls below ``release``, which lies between
    the threshold and the normal level 0. Events closer than ``merge_s`` seconds are one; shorter than ``min_s`` are dropped.
    size: (width, height) of the picture that region boxes refer to.
    """

    def __init__(self, threshold: float, cfg: AlarmConfig, size: tuple[int, int]) -> None:
        self._threshold = threshold
        self._release = threshold - abs(threshold) * (1.0 - cfg.release)
        self._cfg = cfg
        self._size = size
        self._open: Event | None = None
        self._closed: Event | None = None  # ended, but the next one may still merge with it

    def push(self, s: FrameScore) -> list[Event]:
        """Take the next frame's score; returns events that are over and can no longer merge with another."""
        out: list[Event] = []
        if self._open is not None:
            if s.score >= self._release:
                self._open = self._extended(self._open, s)
            else:
                self._closed, self._open = self._open, None
        elif s.score > self._threshold:
            if self._closed is not None and s.time_s - self._closed.end_s <= self._cfg.merge_s:
                self._open, self._closed = self._extended(self._closed, s), None
            else:
                out += self._flush()
                self._open = self._new(s)
        if self._closed is not None and s.time_s - self._closed.end_s > self._cfg.merge_s:
            out += self._flush()
        return out

    def finish(self) -> list[Event]:
        """End of the video: the events not yet returned."""
        if self._open is not None:
            self._closed, self._open = self._open, None
        return self._flush()

    def _flush(self) -> list[Event]:
        event, self._closed = self._closed, None
        # Time stamps are sums of floats: 0.6 - 0.4 must count as 0.2 seconds.
        return [event] if event is not None and event.end_s - event.start_s >= self._cfg.min_s - 1e-6 else []

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
