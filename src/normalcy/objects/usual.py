"""The unit of speed: how fast things usually move whose foot is on a row of the picture, learned from normal video."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

from normalcy.objects.sightings import HISTOGRAM, SPEED, Floats, Sightings

MOVING = 0.02
"""Frame heights per second from which on an object moves."""
HIGH = 0.75
"""Quantile of the speeds of what moves that is usual: the middle is slowed by those who dawdle."""
BANDS = 8
ENOUGH = 10
"""Moving sightings that a band of rows needs."""
LEAST = 0.3
"""The line over the rows is not followed below this share of its middle: a line may cross zero, a speed may not."""
STILL = 0.1
"""Usual speed where normal video shows nothing that moves."""


@dataclass(frozen=True, slots=True)
class UsualSpeed:
    """A line over the rows."""

    intercept: float
    slope: float
    least: float

    @classmethod
    def of(cls, s: Sightings) -> Self:
        """From normal sightings; a robust line through the usual speed of bands of rows."""
        speed = s.motion_NK[:, SPEED]
        moving = speed > MOVING
        foot, speed = s.foot_N[moving], speed[moving]
        edges = np.quantile(foot, np.linspace(0, 1, BANDS + 1)) if len(foot) else np.zeros(2)
        rows, usual = [], []
        for low, high in pairwise(edges.tolist()):
            inside = (foot >= low) & (foot <= high)
            if inside.sum() >= ENOUGH:
                rows.append(float(foot[inside].mean()))
                usual.append(float(np.quantile(speed[inside], HIGH)))
        middle = float(np.median(usual)) if usual else (float(np.quantile(speed, HIGH)) if len(speed) else STILL)
        if len(rows) < 3 or np.ptp(rows) < 0.05:
            return cls(middle, 0.0, LEAST * middle)
        slope, intercept, _, _ = theilslopes(usual, rows)
        return cls(float(intercept), float(slope), LEAST * middle)

    def at(self, foot_N: Floats) -> Floats:
        """(N,) frame heights per second."""
        return np.asarray(np.maximum(self.intercept + self.slope * foot_N, self.least))

    def speed(self, s: Sightings) -> Floats:
        """(N,) how many times as fast as usual."""
        return np.asarray(s.motion_NK[:, SPEED] / self.at(s.foot_N))

    def velocity(self, s: Sightings) -> Floats:
        """(N, DIRECTIONS) square roots of the histogram over directions, in usual speeds."""
        return np.asarray(np.sqrt(np.maximum(s.motion_NK[:, HISTOGRAM] / self.at(s.foot_N)[:, None], 0)))

    def state(self) -> NDArray[np.float32]:
        """(3,)"""
        return np.array([self.intercept, self.slope, self.least], np.float32)

    @classmethod
    def load(cls, array_3: NDArray[np.float32]) -> Self:
        """The reverse of state()."""
        return cls(*(float(v) for v in array_3))
