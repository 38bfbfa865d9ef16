"""How long it has stayed where it is."""

from __future__ import annotations

import numpy as np

from normalcy.objects.cues.base import Cue, Facts
from normalcy.objects.sightings import Floats, Sightings
from normalcy.objects.usual import UsualSpeed

FLOOR_S = 0.3


class Dwell(Cue):
    """Logarithm of the seconds, up to a minute. Calibrated by place, a parked car is normal where cars park."""

    name = "dwell"
    words = "stays where nothing stays"
    tested_by = ("stopped",)

    def phrase(self, facts: Facts) -> str:
        return f"has stayed for {facts.stayed_s:.0f} s where nothing stays"

    def value(self, s: Sightings, usual: UsualSpeed) -> Floats:
        return np.asarray(np.log(FLOOR_S + s.dwell_N))
