"""What its crop looks like to a network that knows many kinds of things."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.cues.base import Novelty
from normalcy.objects.sightings import Sightings
from normalcy.objects.usual import UsualSpeed


class CropAppearance(Novelty):
    """Distance of an image encoder's features of its crop from those of normal objects. Says nothing without an encoder."""

    name = "crop_appearance"
    words = "looks like nothing seen here"
    share = 1.0

    def vectors(self, s: Sightings, usual: UsualSpeed) -> NDArray[np.float32]:
        """Unit length."""
        return s.crops_ND
