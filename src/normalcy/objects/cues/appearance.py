"""What it looks like: the detector's own features of the box, or those of another network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.cues.base import Novelty
from normalcy.objects.sightings import Sightings
from normalcy.objects.usual import UsualSpeed


class Appearance(Novelty):
    """Distance of its features from those of normal objects."""

    name = "appearance"
    words = "looks like nothing seen here"
    share = 1.0

    def vectors(self, s: Sightings, usual: UsualSpeed) -> NDArray[np.float32]:
        """Unit length; motion boxes have them too where the detector gives them."""
        return s.features_ND
