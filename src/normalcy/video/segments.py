"""Where a video falls into segments: stretches without a gap, over which alone clips and smoothing may reach."""

from __future__ import annotations

from collections import Counter

GAP_S = 1.0
"""A longer step from frame to frame is a gap."""
GAP_PERIODS = 2.5
"""The same for sources with few pictures a second, in mean periods."""


LONG = 1.8
"""A step of more than so many usual ones (their median) is long."""
_TICK_S = 1e-4


class Segments:
    """Counts the segments of one video, frame by frame. period_s: mean time between two frames."""

    def __init__(self, period_s: float) -> None:
        self._gap_s = max(GAP_S, GAP_PERIODS * period_s)
        self.number = 0
        self.size: tuple[int, int] | None = None
        self.last_s: float | None = None
        self._steps: Counter[int] = Counter()  # in units of 0.1 ms: few different ones, however long the video is

    def take(self, time_s: float, size: tuple[int, int], step_s: float = 0.0) -> tuple[bool, bool]:
        """(whether a gap, whether another picture size lies before this frame); either begins a segment.

        step_s: by how much a new time line steps here; that is as good as a gap, which it may hide.
        """
        gap = self.last_s is not None and max(time_s - self.last_s, abs(step_s)) > self._gap_s
        resized = self.size is not None and size != self.size
        self.number += gap or resized
        if self.last_s is not None:
            self._steps[round((time_s - self.last_s) / _TICK_S)] += 1
        self.last_s, self.size = time_s, size
        return gap, resized

    def long_steps(self) -> tuple[int, int]:
        """(how many steps in time are longer than usual, how many there are): pictures are missing, or the rate varies."""
        count, seen = self._steps.total(), 0
        for usual in sorted(self._steps):
            seen += self._steps[usual]
            if 2 * seen > count:
                return sum(n for step, n in self._steps.items() if step > LONG * usual), count
        return 0, 0
