"""Where it is, together with how it moves there."""

from __future__ import annotations

import numpy as np

from normalcy.objects.cues.base import Novelty
from normalcy.objects.sightings import Floats, Sightings
from normalcy.objects.usual import UsualSpeed

MOTION = 1.5
"""Weight of the motion beside the place."""


class Place(Novelty):
    """Distance in the joint space of place, height and motion: what moves or stands where, or as, nothing else did."""

    name = "place"
    words = "is where nothing of its size moves like that"
    share = 2.4
    tested_by = ("in another place",)

    def vectors(self, s: Sightings, usual: UsualSpeed) -> Floats:
        return np.concatenate([s.where_N3, MOTION * usual.velocity(s)], axis=1)
