"""Objects as they were seen: one row for each object of each frame that was looked at, with all that readouts go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from normalcy.detection.boxes import NO_CLASS

EDGE = 0.006
"""A box this close to the picture's border, in frame heights, is cut by it."""
DIRECTIONS = 8
PARTS = 4
"""Horizontal slices of a box whose motion is kept apart: head, trunk, thighs, feet."""
SPEED, HISTOGRAM, PART_SPEED, PART_SPREAD = 0, slice(1, 9), slice(9, 13), slice(13, 17)
"""Columns of ``motion_NK``."""
MOTIONS = 17

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_] | NDArray[np.intp] | NDArray[np.int64] | slice


@dataclass(frozen=True, slots=True)
class Sightings:
    """N objects. Lengths are shares of the frame's height, times are in seconds."""

    video_N: NDArray[np.int64]
    """Which video it was in."""
    frame_N: NDArray[np.int64]
    time_N: Floats
    track_N: NDArray[np.int64]
    """The same number for the same object; numbers of different videos differ."""
    box_N4: Floats
    """x1, y1, x2, y2: x as a share of the width, y of the height."""
    aspect_N: Floats
    """Width of the frame over its height."""
    label_N: NDArray[np.int64]
    """COCO-80 class, -1 where the detector knows none."""
    features_ND: NDArray[np.float32]
    """What it looks like; D = 0 where there is no network to tell."""
    motion_NK: Floats
    """See SPEED, HISTOGRAM, PART_SPEED and PART_SPREAD: frame heights per second."""
    dwell_N: Floats
    """How long its foot has stayed where it is."""
    crops_ND: NDArray[np.float32]
    """What an image encoder makes of its crop; D = 0 without one."""

    def __len__(self) -> int:
        return len(self.video_N)

    @classmethod
    def none(cls) -> Self:
        """No object."""
        i, f, none = np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 0), np.float32)
        return cls(i, i, f, i, np.zeros((0, 4)), f, i, none, np.zeros((0, MOTIONS)), f, none)

    def select(self, rows: Rows) -> Self:
        """The objects at a mask, at indices, or in a range."""
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Sightings]) -> Self:
        """All of them, one part after the other."""
        whole = [p for p in parts if len(p)]
        if not whole:
            return cls.none()
        return cls(*(np.concatenate([getattr(p, f.name) for p in whole]) for f in fields(cls)))

    def but(self, **columns: NDArray[Any]) -> Self:
        """The same objects with other columns."""
        return replace(self, **columns)

    @property
    def height_N(self) -> Floats:
        """Height of the box."""
        return np.asarray(self.box_N4[:, 3] - self.box_N4[:, 1])

    @property
    def foot_N(self) -> Floats:
        """Row of the box's lower edge, 0..1."""
        return self.box_N4[:, 3]

    @property
    def where_N3(self) -> Floats:
        """Middle of the foot, and size: 2 x, 2 y, .7 ln height. Twice as tall is as far as a quarter of the picture."""
        x = (self.box_N4[:, 0] + self.box_N4[:, 2]) / 2
        return np.stack([2 * x, 2 * self.foot_N, 0.7 * np.log(np.maximum(self.height_N, 1e-3))], axis=1)

    @property
    def cut_N(self) -> NDArray[np.bool_]:
        """Whether the picture's border cuts it."""
        across = EDGE / self.aspect_N
        b = self.box_N4
        return np.asarray((b[:, 0] < across) | (b[:, 1] < EDGE) | (b[:, 2] > 1 - across) | (b[:, 3] > 1 - EDGE))

    @property
    def moving_N(self) -> NDArray[np.bool_]:
        """Whether only its motion gave it away: the detector has no word for it."""
        return np.asarray(self.label_N == NO_CLASS)
