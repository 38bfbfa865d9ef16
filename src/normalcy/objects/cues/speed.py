"""How fast it is."""

from __future__ import annotations

import numpy as np

from normalcy.objects.cues.base import Cue, Facts
from normalcy.objects.sightings import Floats, Sightings
from normalcy.objects.usual import UsualSpeed

FLOOR = 0.1
"""Usual speeds that are added, so that what stands still is not infinitely slow."""


class Speed(Cue):
    """Logarithm of its speed in usual speeds."""

    name = "speed"
    words = "fast for its place"
    share = 1.0

    def phrase(self, facts: Facts) -> str:
        return f"{facts.times:.1f} times as fast as usual here"

    def value(self, s: Sightings, usual: UsualSpeed) -> Floats:
        return np.asarray(np.log(usual.speed(s) + FLOOR))
