"""Smoothing of frame scores over time, by name, one frame at a time.

The centred Gaussian is cut at 3 sigma and renormalised at both ends of a video: zero padding there alone has been shown to
earn 60 to 77 % AUC on common benchmarks.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]
"""(K,) the values of one frame."""


class Smoother:
    """push() takes the values of one frame and returns those frames that are now final; finish() returns the rest.

    name: ``gaussian`` (centred, delays by 3 sigma), ``ema`` (causal, time constant sigma), ``none``.
    sigma: in frames, 0 or more.
    """

    def __init__(self, name: str, sigma: float) -> None:
        if name not in ("none", "gaussian", "ema"):
            raise ValueError(f"unknown smoothing '{name}'; there are none, gaussian, ema")
        self._name = name if sigma > 0 else "none"
        self.delay = math.ceil(3 * sigma) if self._name == "gaussian" else 0
        offsets = np.arange(-self.delay, self.delay + 1)
        self._weights = np.exp(-0.5 * (offsets / sigma) ** 2) if self.delay else np.ones(1)
        self._decay = math.exp(-1.0 / sigma) if self._name == "ema" else 0.0
        # The last 2 delay + 1 rows, in one array so that a frame costs one product; moved to its front when it is full.
        self._recent: Row = np.empty((0, 0))
        self._first, self._stop = 0, 0  # of the rows held in _recent
        self._ahead = 0  # rows in _recent that are later than the next one to give out
        self._state: Row | None = None

    def push(self, row: Row) -> list[Row]:
        """Values (K,) of the next frame -> rows that are final, oldest first (at most one)."""
        if self._name == "ema":
            self._state = row if self._state is None else self._decay * self._state + (1.0 - self._decay) * row
            return [self._state]
        self._keep(row)
        return [self._next()] if self._ahead > self.delay else []

    def finish(self) -> list[Row]:
        """The rows still held back at the end of the video."""
        out = []
        while self._ahead:
            out.append(self._next())
        return out

    def _keep(self, row: Row) -> None:
        window = 2 * self.delay + 1
        if not len(self._recent):
            self._recent = np.empty((4 * window, len(row)))
        if self._stop == len(self._recent):
            held = self._recent[self._first : self._stop].copy()
            self._recent[: len(held)] = held
            self._first, self._stop = 0, len(held)
        self._recent[self._stop] = row
        self._stop += 1
        self._first = max(self._first, self._stop - window)
        self._ahead += 1

    def _next(self) -> Row:
        """The oldest row not yet given out, smoothed over what is held within the delay on both sides of it."""
        centre = self._stop - self._ahead
        first = max(self._first, centre - self.delay)
        weights = self._weights[first - centre + self.delay : self._stop - centre + self.delay]
        self._ahead -= 1
        return np.asarray(weights @ self._recent[first : self._stop] / weights.sum(), dtype=np.float64)


def smooth(values: NDArray[np.float64], name: str, sigma: float) -> NDArray[np.float64]:
    """(N,) or (N, K) -> the same shape, smoothed exactly as a stream of frames would be."""
    rows = values[:, None] if values.ndim == 1 else values
    s = Smoother(name, sigma)
    out = [r for row in rows.astype(np.float64) for r in s.push(row)] + s.finish()
    return np.stack(out).reshape(values.shape) if out else np.zeros_like(values, dtype=np.float64)
