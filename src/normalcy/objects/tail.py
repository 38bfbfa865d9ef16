"""How far a value is out in the tail of normal video: in mean excesses over where the tail starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.sightings import Floats

FROM = 0.95
"""Quantile of normal video at which the tail starts, if nothing else is said."""
LEAST = 1e-3


@dataclass(frozen=True, slots=True)
class Tail:
    """Of left-out normal video."""

    start: float
    scale: float
    """Mean excess over the start."""

    @classmethod
    def of(cls, normal_N: Floats, start_at: float = FROM) -> Self:
        """From N >= 1 values. start_at: the quantile at which the tail starts."""
        start = float(np.quantile(normal_N, start_at))
        above = normal_N[normal_N > start]
        return cls(start, max(float((above - start).mean()) if len(above) else 0.0, LEAST))

    def out(self, value_N: Floats) -> Floats:
        """(N,) mean excesses over the start, negative below it."""
        return np.asarray((value_N - self.start) / self.scale)

    def state(self) -> NDArray[np.float32]:
        """(2,)"""
        return np.array([self.start, self.scale], np.float32)

    @classmethod
    def load(cls, array_2: NDArray[np.float32]) -> Self:
        """The reverse of state()."""
        return cls(float(array_2[0]), float(array_2[1]))
