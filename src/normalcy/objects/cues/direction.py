"""Which way it moves, and how it moves within its box."""

from __future__ import annotations

from normalcy.objects.cues.base import Novelty
from normalcy.objects.sightings import Floats, Sightings
from normalcy.objects.usual import UsualSpeed


class Direction(Novelty):
    """Distance of its histogram over directions from those of normal objects."""

    name = "direction"
    words = "moves in an unusual way"
    tested_by = ("turned round", "going across")

    def vectors(self, s: Sightings, usual: UsualSpeed) -> Floats:
        return usual.velocity(s)
