"""Objects by what moves: no weights, and no list of classes that a thing has to be on.

The background is the median of samples of the last half minute; what differs from it by more than the noise at its place
does not belong to the scene. Frame differences say what moved lately. A pixel counts where both agree, so that neither the
hole that a leaving object tears into the background nor a parked car stays an object.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.boxes import NO_CLASS, Boxes

VERSION = 2
"""Raised whenever the way of finding regions changes; boxes in the cache are then found anew."""
WORK_SIDE = 360
"""Frames whose short side is longer are shrunk to this first."""
MEMORY_S = 30.0
"""Seconds that the background's samples reach back."""
SAMPLES = 24
STALE = 0.2
"""The median is taken anew when this share of the samples is."""
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

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class MotionDetector:
    """Connected regions that differ from the background and moved lately. Class -1, score by contrast."""

    name = "motion"
    classes = weights = ready = False
    requires: tuple[str, ...] = ()

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
        return f"motion {VERSION} opencv {cv2.__version__} area, threshold {settings} {rule}"

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        """See :class:`normalcy.detection.base.Detector`."""
        self._fps = fps / every
        self._before: Image | None = None

    def finish(self) -> None:
        """Nothing to check."""

    def push(self, frame_HWC: Image) -> Boxes:
        """See :class:`normalcy.detection.base.Detector`. The first frame has no boxes: nothing has moved yet."""
        h, w = frame_HWC.shape[:2]
        shrink = min(1.0, WORK_SIDE / min(h, w))
        size = (max(1, round(w * shrink)), max(1, round(h * shrink)))
        small = cv2.resize(frame_HWC, size, interpolation=cv2.INTER_AREA) if shrink < 1 else frame_HWC
        image = np.asarray(cv2.GaussianBlur(small, (3, 3), 0), dtype=np.uint8)
        if self._before is None or self._before.shape != image.shape:
            self._start(image)
            return Boxes.none()
        moving = self._moving(image)
        self._background.add(image)
        away = _largest(cv2.absdiff(image, self._background.image))
        foreground = away > np.maximum(FLOOR, self._cfg.motion_threshold * self._background.noise)
        if foreground.mean() > CHANGED:
            self._start(image)
            return Boxes.none()
        found = _regions(_filled(foreground, moving), away, self._cfg.min_area * (size[0] * size[1]) / (w * h))
        return found.scaled(w / size[0], h / size[1]).within(w, h)

    def _start(self, image: Image) -> None:
        """Take this picture for the background."""
        self._background = Background(image, self._fps)
        self._before, self._seen = image, 0
        self._moved_at = np.full(image.shape[:2], -(2**30), np.int32)

    def _moving(self, image: Image) -> Mask:
        """(h, w) whether a pixel changed within RECENT_S."""
        assert self._before is not None  # push() starts it
        change = _largest(cv2.absdiff(image, self._before))
        self._before = image
        self._seen += 1
        noise = 1.4826 * float(np.median(change))
        self._moved_at[change > max(MOVE_FLOOR, self._cfg.motion_threshold * noise)] = self._seen
        return np.asarray(self._seen - self._moved_at <= RECENT_S * self._fps)


class Background:
    """The median of frames of the last MEMORY_S seconds, and how far they stray from it. Early on it takes every frame."""

    def __init__(self, first: Image, fps: float) -> None:
        self.image: Image = first
        """(h, w, 3) uint8."""
        self.noise: NDArray[np.float32] = np.zeros(first.shape[:2], np.float32)
        """(h, w) standard deviation in grey levels, by the median of differences: what passes by does not raise it."""
        self._samples = [first]
        self._count, self._every, self._new = 1, 1, 0
        self._slowest = max(1, round(MEMORY_S * fps / SAMPLES))

    def add(self, image: Image) -> None:
        """Take in the next frame."""
        self._count += 1
        if self._count % self._every:
            return
        self._samples.append(image)
        self._new += 1
        if len(self._samples) > SAMPLES:
            if self._every < self._slowest:  # reach further back: every second one goes, and fewer come
                self._samples = self._samples[::2]
                self._every = min(2 * self._every, self._slowest)
            else:
                self._samples.pop(0)
        if self._new >= STALE * len(self._samples):
            self._refresh()

    def _refresh(self) -> None:
        self._new = 0
        stack = np.stack(self._samples)
        middle = len(stack) // 2
        self.image = np.partition(stack, middle, axis=0)[middle]
        stray = _largest(cv2.absdiff(stack.reshape(-1, *stack.shape[2:]), np.tile(self.image, (len(stack), 1, 1))))
        stray = np.partition(stray.reshape(len(stack), *self.image.shape[:2]), middle, axis=0)[middle]
        self.noise = (1.4826 * stray).astype(np.float32)


def _largest(image: Image) -> Image:
    """(h, w, 3) -> (h, w) largest channel."""
    r, g, b = cv2.split(image)
    return np.asarray(cv2.max(cv2.max(r, g), b), dtype=np.uint8)


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
