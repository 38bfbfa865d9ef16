"""What came in moving and then stopped: a bag put down, a person who lies on the ground, a car that parks.

Pixels that were part of something moving and have differed from the background ever since still show it. The hole that a
leaving thing tears into the background looks the same by this, so a region counts only where its outline is an edge of the
picture rather than one of the background; light that changes makes no such edge either. As long as a thing counts, it is
kept out of the background.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.detection.background import Image

EDGE = 1.5
"""An outline is the picture's own where its gradient is so many times that of the background at the same place."""

Mask = NDArray[np.bool_]


class LeftBehind:
    """Follows, pixel by pixel, what stopped."""

    def __init__(self, shape: tuple[int, int], frames: float) -> None:
        """shape: (h, w) of the pictures. frames: a thing counts for so many after it last moved."""
        self._frames, self._now = frames, 0
        self._kept = np.zeros(shape, np.bool_)
        self._moved_at = np.zeros(shape, np.int32)
        self.things: Mask = np.zeros(shape, np.bool_)
        """(h, w) what the last push found."""

    def push(self, foreground: Mask, moving: Mask, image: Image, background: Image) -> Mask:
        """(h, w) things that stopped.

        foreground: what differs from the background. moving: the part of it that belongs to moving things. image, background:
        (h, w, 3) uint8 RGB.
        """
        self._now += 1
        self._moved_at[moving] = self._now
        self._kept = foreground & (self._kept | moving) & (self._now - self._moved_at <= self._frames)
        still = self._kept & ~moving
        self.things = _with_own_outline(still, image, background) if still.any() else still
        return self.things


def _with_own_outline(mask: Mask, image: Image, background: Image) -> Mask:
    """The connected regions of the mask that have an edge of the image along their rim, not one of the background."""
    cross = np.ones((3, 3), np.uint8)
    solid = cv2.medianBlur(mask.astype(np.uint8), 3)
    count, labels = cv2.connectedComponents(solid)
    rim = np.flatnonzero(cv2.dilate(solid, cross) != cv2.erode(solid, cross))
    label = cv2.dilate(labels.astype(np.float32), cross).ravel()[rim].astype(np.intp)
    own, other = (np.bincount(label, _gradient(i).ravel()[rim], minlength=count) for i in (image, background))
    counts = own > EDGE * other
    counts[0] = False
    return np.asarray(counts[labels])


def _gradient(image: Image) -> NDArray[np.float32]:
    """(h, w) length of the brightness gradient."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)), dtype=np.float32)
