"""How a person moves: who walks swings arms and legs; who rides, skates or is carried glides."""

from __future__ import annotations

import numpy as np

from normalcy.objects.cues.base import Cue
from normalcy.objects.sightings import PART_SPREAD, Floats, Sightings
from normalcy.objects.usual import UsualSpeed

LEGS = slice(2, 4)
"""The lower half of the box."""
LIMB, BODY = 0.1, 0.3
"""Usual speeds that are added to both, so that what stands still neither walks nor glides."""


class Gait(Cue):
    """Logarithm of how fast the whole goes for how much its lower half moves within itself."""

    name = "gait"
    words = "glides rather than walks"
    tested_by = ("gliding instead of walking",)

    def value(self, s: Sightings, usual: UsualSpeed) -> Floats:
        unit = usual.at(s.foot_N)
        swing = s.motion_NK[:, PART_SPREAD][:, LEGS].mean(axis=1) / unit
        return np.asarray(np.log(usual.speed(s) + BODY) - np.log(swing + LIMB))
