"""From a decoded frame to the picture as it is to be seen: upright, in its true proportions, 8-bit RGB."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

GREY16 = frozenset(("gray16le", "gray16be"))
"""Pixel formats of thermal and scientific cameras: 16 bits of which a scene uses few."""
WIDEST_PIXEL = 5
"""A sample aspect ratio beyond 1:5 or 5:1 is a damaged header, not a lens."""

Window = tuple[int, int]
"""The 16-bit values that become black and white."""


class Turn(NamedTuple):
    """What the container's display matrix asks for: first transpose, then mirror."""

    transpose: bool
    mirror_x: bool
    mirror_y: bool
    degrees: int
    """The rotation in it, clockwise, a multiple of 90."""

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) as stored -> as it is to be seen."""
        out: Any = cv2.transpose(image) if self.transpose else image
        if self.mirror_x or self.mirror_y:
            out = cv2.flip(out, -1 if self.mirror_x and self.mirror_y else int(self.mirror_x))
        return np.ascontiguousarray(out, dtype=np.uint8)


def turn_of(frame: Any) -> Turn:
    """Read a frame's display matrix (FFmpeg: 3x3 of 16.16 fixed point, row vectors). Angles go to the nearest right angle."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if not data:
        return Turn(False, False, False, 0)
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(data), np.int32).reshape(3, 3).astype(int).tolist()
    transpose = abs(b) + abs(c) > abs(a) + abs(d)
    degrees = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
    return Turn(True, c < 0, b < 0, degrees) if transpose else Turn(False, a < 0, d < 0, degrees)


def shown_size(width: int, height: int, pixel_aspect: Fraction | None, turn: Turn) -> tuple[int, int]:
    """(width, height) as it is to be seen, of stored width x height with pixels ``pixel_aspect`` times as wide as high.

    The width is scaled, the number of lines stays; then the picture is turned.
    """
    if pixel_aspect and Fraction(1, WIDEST_PIXEL) <= pixel_aspect <= WIDEST_PIXEL:
        width = max(1, round(width * pixel_aspect))
    return (height, width) if turn.transpose else (width, height)


class Converter:
    """Turns, scales and converts the frames of one video.

    size: (width, height) of the pictures as seen. window: for 16-bit grey; None keeps the upper 8 bits.
    """

    def __init__(self, size: tuple[int, int], turn: Turn, window: Window | None) -> None:
        w, h = size
        self._stored = (h, w) if turn.transpose else (w, h)
        self._turn, self._window = turn, window
        self._reformatter = VideoReformatter()

    def __call__(self, frame: Any) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, scaled by area averaging."""
        w, h = self._stored
        grey16 = self._window is not None and frame.format.name in GREY16
        form = "gray16le" if grey16 else "rgb24"
        # One thread: the same picture on any number of cores, and decoding already uses the others.
        scaled: Any = self._reformatter.reformat(frame, w, h, form, interpolation=Interpolation.AREA, threads=1).to_ndarray()
        if grey16 and self._window is not None:
            scaled = np.repeat(windowed(scaled, self._window)[..., None], 3, axis=2)
        return self._turn.apply(np.asarray(scaled, dtype=np.uint8))


def shrink(image_HWC: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture that was read at its own size, at another (width, height), by area averaging."""
    if (image_HWC.shape[1], image_HWC.shape[0]) == size:
        return image_HWC
    return np.asarray(cv2.resize(image_HWC, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def windowed(values: NDArray[np.uint16], window: Window) -> NDArray[np.uint8]:
    """16-bit values -> 0 to 255, linear between the window's ends and cut beyond them. Any shape."""
    low, high = window
    scaled = (values.astype(np.float32) - low) * (255.0 / (high - low))
    return np.asarray(np.clip(scaled + 0.5, 0, 255), dtype=np.uint8)
