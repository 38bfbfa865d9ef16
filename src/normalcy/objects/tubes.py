"""An object's region of the picture through T frames, as one small clip: of a box that stays, or along a track."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.detection.boxes import Floats

Frames = NDArray[np.uint8]
_SMALLEST = 4.0
"""Pixels that a region spans at least: below, there is nothing but interpolation to see."""


def cut(frames_THWC: Frames, box_N4: Floats, side: int, margin: float) -> NDArray[np.uint8]:
    """(N, T, side, side, C): the square around each box, the same in all frames, resized to side x side.

    frames: uint8. box: in their pixels. The square's side is the box's longer one, times 1 + margin, so shapes keep their
    proportions. Beyond the picture's border its last row and column go on. No boxes give (0, T, side, side, C).
    """
    same = np.repeat(np.asarray(box_N4, np.float32)[:, None], len(frames_THWC), axis=1)
    return _cut(frames_THWC, same, side, margin)


def cut_tracked(frames_THWC: Frames, box_NT4: Floats, side: int, margin: float) -> NDArray[np.uint8]:
    """(N, T, side, side, C): as :func:`cut`, with a box per frame: the square follows the object and keeps one size.

    Its size is that of the object's largest box. A frame in which an object has no box (NaN) takes the nearest one that it
    has. Raises ValueError for an object without any.
    """
    box_NT4 = np.asarray(box_NT4, np.float32)
    filled = np.stack([_filled(b) for b in box_NT4]) if len(box_NT4) else box_NT4
    return _cut(frames_THWC, filled, side, margin)


def _filled(box_T4: Floats) -> Floats:
    known = np.flatnonzero(np.isfinite(box_T4).all(axis=1))
    if not len(known):
        raise ValueError("an object has no box in any of the frames")
    nearest = np.abs(np.arange(len(box_T4))[:, None] - known).argmin(axis=1)
    return np.asarray(box_T4[known[nearest]])


def squares(box_NT4: Floats, margin: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """((N, T, 2) left and upper edge, (N,) side) in whole pixels of the square around each object's boxes."""
    extent = (box_NT4[..., 2:] - box_NT4[..., :2]).max(axis=(1, 2)) * (1 + margin)
    size = np.ceil(np.maximum(extent, _SMALLEST)).astype(np.int64)
    centre = (box_NT4[..., :2] + box_NT4[..., 2:]) / 2
    return np.floor(centre - size[:, None, None] / 2 + 0.5).astype(np.int64), size


def _cut(frames_THWC: Frames, box_NT4: Floats, side: int, margin: float) -> NDArray[np.uint8]:
    n, t = box_NT4.shape[:2]
    height, width, channels = frames_THWC.shape[1:]
    out = np.empty((n, t, side, side, channels), np.uint8)
    if not n or not t:
        return out
    corner_NT2, size_N = squares(box_NT4, margin)
    for i in range(n):
        s = int(size_N[i])
        how = cv2.INTER_AREA if s > side else cv2.INTER_LINEAR
        for k in range(t):
            x, y = (int(v) for v in corner_NT2[i, k])
            if x >= 0 and y >= 0 and x + s <= width and y + s <= height:
                region = frames_THWC[k, y : y + s, x : x + s]
            else:
                # what lies outside shows the border's pixels, as a camera's picture has nothing better to offer
                rows = np.clip(np.arange(y, y + s), 0, height - 1)
                columns = np.clip(np.arange(x, x + s), 0, width - 1)
                region = frames_THWC[k][rows[:, None], columns]
            cv2.resize(region, (side, side), dst=out[i, k], interpolation=how)
    return out
