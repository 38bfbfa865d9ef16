"""How things move: optical flow between two pictures, told for each box."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.objects.sightings import DIRECTIONS, HISTOGRAM, MOTIONS, PART_SPEED, PART_SPREAD, PARTS, SPEED, Floats

SIDE = (320, 480)
"""Short side of the pictures that flow is computed on: smaller footage is enlarged, or far people would be a patch or less;
larger is shrunk."""
HIGH = 80.0
"""Percentile of the speeds in a box that is the object's: the mean would fall with the share of background in the box."""
LAG_S = 0.1
"""Seconds, about, between the two pictures."""


def flow_picture(image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w) grey picture of a frame (H, W, 3) RGB, at the size that flow is computed on."""
    height, width = image_HWC.shape[:2]
    short = min(height, width)
    by = min(max(short, SIDE[0]), SIDE[1]) / short
    grey = cv2.cvtColor(image_HWC, cv2.COLOR_RGB2GRAY)
    if by == 1:
        return np.asarray(grey, dtype=np.uint8)
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (round(width * by), round(height * by)), interpolation=how), dtype=np.uint8)


def box_motion(before_hw: NDArray[np.uint8], after_hw: NDArray[np.uint8], box_N4: Floats, seconds: float) -> Floats:
    """(N, MOTIONS) motion of each box from one flow picture to the next, in frame heights per second.

    box_N4: in shares of the picture. seconds: between the two. The camera's own shake (median flow outside the boxes) is off.
    """
    h, w = after_hw.shape
    out = np.zeros((len(box_N4), MOTIONS))
    if not len(box_N4):
        return out
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    corners = _pixels(box_N4, w, h)
    field = np.asarray(dis.calc(before_hw, after_hw, None), dtype=np.float32)
    field = (field - _shake(field, corners)) / (h * seconds)
    for row, (x1, y1, x2, y2) in zip(out, corners, strict=True):
        part = field[y1:y2, x1:x2]
        speed = np.hypot(part[..., 0], part[..., 1])
        turn = np.arctan2(part[..., 1], part[..., 0]) / (2 * np.pi) * DIRECTIONS
        towards = np.round(turn).astype(np.int64) % DIRECTIONS
        row[SPEED] = np.percentile(speed, HIGH)
        row[HISTOGRAM] = np.bincount(towards.ravel(), speed.ravel(), DIRECTIONS) / speed.size
        cuts = np.linspace(0, len(part), PARTS + 1).round().astype(int)
        slices = [slice(a, max(b, a + 1)) for a, b in pairwise(cuts)]
        slices = [s if s.start < len(part) else slice(len(part) - 1, len(part)) for s in slices]
        row[PART_SPEED] = [speed[s].mean() for s in slices]
        row[PART_SPREAD] = [np.hypot(*part[s].reshape(-1, 2).std(axis=0)) for s in slices]
    return out


def _pixels(box_N4: Floats, width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Whole pixels of each box inside the picture, at least one."""
    out = []
    for x1, y1, x2, y2 in (box_N4 * [width, height, width, height]).tolist():
        left, top = min(max(int(x1), 0), width - 1), min(max(int(y1), 0), height - 1)
        out.append((left, top, min(max(round(x2), left + 1), width), min(max(round(y2), top + 1), height)))
    return out


def _shake(field_hw2: NDArray[np.float32], corners: list[tuple[int, int, int, int]]) -> NDArray[np.float32]:
    """(2,) median flow of what no box covers; of everything where the boxes cover nearly all."""
    outside = np.ones(field_hw2.shape[:2], np.bool_)
    for x1, y1, x2, y2 in corners:
        outside[y1:y2, x1:x2] = False
    ground = field_hw2[outside][::7] if outside.mean() > 0.1 else field_hw2.reshape(-1, 2)[::7]
    return np.asarray(np.median(ground, axis=0), dtype=np.float32)
