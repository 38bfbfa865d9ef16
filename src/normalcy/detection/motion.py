"""Objects by what moves: no weights, and no list of classes that a thing has to be on.

What differs from the background by more than the noise at its place does not belong to the scene. Frame differences say what
moved lately. A pixel counts where both agree, so that neither the hole that a leaving object tears into the background nor a
parked car stays an object. What came in moving and stopped keeps its box for a while (``objects.left_s``): see left_behind.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.background import SAMPLES, STALE, Background, Image, largest
from normalcy.detection.boxes import NO_CLASS, Boxes
from normalcy.detection.left_behind import LeftBehind

VERSION = 2
"""Raised whenever the way of finding regions changes; boxes in the cache are then found anew."""
WORK_SIDE = 360
"""Frames whose short side is longer are shrunk to this first."""
MEMORY_S = 30.0
"""Seconds that the background's samples reach back."""
RECENT_S = 0.5
"""A pixel counts for so long after it last changed."""
FLOOR = 14.0
"""Grey levels below which no difference to the background counts, however clean the camera."""
MOVE_FLOOR = 6.0
"""The same for the difference to the frame before."""
JOIN = (1 / 120, 1 / 16)
"""Gaps within an object, across and down, that are closed: shares of the short side. Less across: people walk side by side."""
CHANGED = 0.6
"""Where more than this share of the frame differs from the background, the light or the camera changed: start anew."""
CONTRAST = 48.0
"""Mean difference in grey levels at which a region's score is about two thirds."""

SCENE = 0.25
"""A known box over more than this share of the frame is as likely a mistake as a thing, and hides nothing."""
RIM = 2
"""Pixels by which known boxes are enlarged before what they cover is left out: hair and shoes stick out."""
CRUMB = 0.05
"""A region beside known boxes counts from this share of their median area on: less is what a box left of its own object."""

Mask = NDArray[np.bool_]


class MotionDetector:
    """Connected regions that differ from the background and moved lately. Class -1, score by contrast."""

    name = "motion"

    @classmethod
    def build(cls, cfg: ObjectsConfig, features: bool = False) -> MotionDetector:
        """See normalcy.detection.base.DetectorKind."""
        return cls(cfg)

    def __init__(self, cfg: ObjectsConfig) -> None:
        self._cfg = cfg
        self.reset()

    @property
    def key(self) -> str:
        """The settings that decide the boxes."""
        rule = (WORK_SIDE, MEMORY_S, SAMPLES, STALE, RECENT_S, FLOOR, MOVE_FLOOR, JOIN, CHANGED, CONTRAST)
        settings = (self._cfg.min_area, self._cfg.motion_threshold)
        left = f" left {self._cfg.left_s}" if self._cfg.left_s else ""
        return f"motion {VERSION} opencv {cv2.__version__} area, threshold {settings} {rule}{left}"

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        """See :class:`normalcy.detection.base.Detector`."""
        self._fps = fps / every
        self._before: Image | None = None

    def finish(self) -> None:
        """Nothing to check."""

    def push(self, frame_HWC: Image) -> Boxes:
        """See :class:`normalcy.detection.base.Detector`. The first frame has no boxes: nothing has moved yet."""
        return self.push_beside(frame_HWC, Boxes.none())

    def push_beside(self, frame_HWC: Image, known: Boxes) -> Boxes:
        """As push, but only of what ``known`` boxes on the same frame leave uncovered."""
        h, w = frame_HWC.shape[:2]
        shrink = min(1.0, WORK_SIDE / min(h, w))
        size = (max(1, round(w * shrink)), max(1, round(h * shrink)))
        small = cv2.resize(frame_HWC, size, interpolation=cv2.INTER_AREA) if shrink < 1 else frame_HWC
        image = np.asarray(cv2.GaussianBlur(small, (3, 3), 0), dtype=np.uint8)
        if self._before is None or self._before.shape != image.shape:
            self._start(image)
            return Boxes.none()
        moving = self._moving(image)
        self._background.add(image, None if self._left is None else self._left.things)
        away = largest(cv2.absdiff(image, self._background.image))
        foreground = away > np.maximum(FLOOR, self._cfg.motion_threshold * self._background.noise)
        if foreground.mean() > CHANGED:
            self._start(image)
            return Boxes.none()
        mask = _filled(foreground, moving)
        if self._left is not None:
            mask |= self._left.push(foreground, mask, image, self._background.image)
        hidden = known.scaled(size[0] / w, size[1] / h)
        hidden = hidden.select(hidden.area_N <= SCENE * size[0] * size[1])
        _blank(mask, hidden)
        found = _regions(mask, away, self._cfg.min_area * (size[0] * size[1]) / (w * h))
        if len(hidden):
            found = found.select(found.area_N >= CRUMB * float(np.median(hidden.area_N)))
        return found.scaled(w / size[0], h / size[1]).within(w, h)

    def _start(self, image: Image) -> None:
        """Take this picture for the background."""
        self._background = Background(image, self._fps, MEMORY_S)
        self._left = LeftBehind(image.shape[:2], self._cfg.left_s * self._fps) if self._cfg.left_s else None
        self._before, self._seen = image, 0
        self._moved_at = np.full(image.shape[:2], -(2**30), np.int32)

    def _moving(self, image: Image) -> Mask:
        """(h, w) whether a pixel changed within RECENT_S."""
        assert self._before is not None  # push() starts it
        change = largest(cv2.absdiff(image, self._before))
        self._before = image
        self._seen += 1
        noise = 1.4826 * float(np.median(change))
        self._moved_at[change > max(MOVE_FLOOR, self._cfg.motion_threshold * noise)] = self._seen
        return np.asarray(self._seen - self._moved_at <= RECENT_S * self._fps)


def _blank(mask: Mask, boxes: Boxes) -> None:
    """Take out of the mask what the boxes cover, and a rim around them."""
    low = np.maximum(np.floor(boxes.xyxy_N4[:, :2]) - RIM, 0).astype(int)
    high = np.ceil(boxes.xyxy_N4[:, 2:]).astype(int) + RIM
    for (x1, y1), (x2, y2) in zip(low, high, strict=True):
        mask[y1:y2, x1:x2] = False


def _filled(foreground: Mask, moving: Mask) -> Mask:
    """(h, w) the foreground that moves, and what lies between two such pixels without leaving the foreground, across or down.

    Inside a thing of one colour nothing changes while it passes; its front and its back do.
    """
    seeds = foreground & moving
    return np.asarray(_between(foreground, seeds) | _between(foreground.T, seeds.T).T)


def _between(runs: Mask, seeds: Mask) -> Mask:
    """(h, w) from the first to the last seed within each unbroken stretch of a row. seeds lie in runs."""
    wide = np.pad(runs, ((0, 0), (0, 1))).ravel()  # a stretch never goes on in the next row
    at = np.flatnonzero(np.pad(seeds, ((0, 0), (0, 1))).ravel())
    stretch = np.cumsum(~wide)[at]
    new = np.flatnonzero(np.diff(stretch, prepend=-1))
    marks = np.zeros(wide.size + 1, np.int8)
    marks[at[new]] += 1
    marks[at[np.append(new[1:] - 1, len(at) - 1)[: len(new)]] + 1] -= 1
    return np.asarray(np.cumsum(marks[:-1], dtype=np.int8).reshape(runs.shape[0], -1)[:, :-1] > 0)


def _regions(foreground: Mask, away: Image, min_area: float) -> Boxes:
    """Boxes of connected foreground of at least min_area pixels. away: difference to the background; both (h, w)."""
    h, w = foreground.shape
    solid = cv2.medianBlur(foreground.astype(np.uint8) * 255, 3)  # single pixels are noise
    across, down = (max(1, round(share * min(h, w))) for share in JOIN)
    closed = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, down)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    at = np.flatnonzero(solid)
    label = labels.ravel()[at]
    own = np.bincount(label, minlength=count)
    contrast = np.bincount(label, away.ravel()[at], minlength=count) / np.maximum(own, 1)
    keep = own >= max(min_area, 1.0)
    keep[0] = False  # the background
    x, y = stats[keep, cv2.CC_STAT_LEFT], stats[keep, cv2.CC_STAT_TOP]
    xyxy = np.stack([x, y, x + stats[keep, cv2.CC_STAT_WIDTH], y + stats[keep, cv2.CC_STAT_HEIGHT]], axis=1)
    score = 1.0 - np.exp(-contrast[keep] / CONTRAST)
    return Boxes(xyxy.astype(np.float32), score.astype(np.float32), np.full(len(xyxy), NO_CLASS, np.int64))
