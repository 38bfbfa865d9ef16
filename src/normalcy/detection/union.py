"""Two detectors as one: what the first finds, and of the second what the first has missed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.base import Detector
from normalcy.detection.boxes import Boxes, iou, joined
from normalcy.detection.motion import MotionDetector
from normalcy.detection.yolox import YoloxDetector

COVERED = 0.6
"""A second box is the first detector's own find where its boxes cover this share of it."""
SCENE = 0.25
"""A box over more than this share of the frame is as likely a mistake as a thing, and covers nothing."""
SAME = 0.5
"""IoU from which two boxes are the same object."""


class MergedDetector:
    """The union of two detectors; where they overlap the first one's boxes stand."""

    name = "both"
    classes, weights, ready, requires = YoloxDetector.classes, YoloxDetector.weights, False, YoloxDetector.requires

    @classmethod
    def build(cls, cfg: ObjectsConfig, features: bool = False) -> MergedDetector:
        """See normalcy.detection.base.DetectorKind."""
        model = YoloxDetector.build(cfg, features)
        return cls(model, MotionDetector.build(cfg), model.described)

    def __init__(self, first: Detector, second: Detector, describe: Callable[[Boxes], Boxes] | None = None) -> None:
        """describe: adds to the second's boxes what the first's features say of them."""
        self._first, self._second, self._describe = first, second, describe

    @property
    def key(self) -> str:
        """Of both, and of the rule."""
        return f"both ({self._first.key}) ({self._second.key}) covered {COVERED} scene {SCENE} same {SAME}"

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        """Both start anew."""
        self._first.reset(video, fps, every)
        self._second.reset(video, fps, every)

    def push(self, frame_HWC: NDArray[np.uint8]) -> Boxes:
        """See :class:`normalcy.detection.base.Detector`."""
        h, w = frame_HWC.shape[:2]
        first, second = self._first.push(frame_HWC), self._second.push(frame_HWC)
        return merge(first, second if self._describe is None else self._describe(second), SCENE * w * h)

    def finish(self) -> None:
        """Both end."""
        self._first.finish()
        self._second.finish()


def merge(first: Boxes, second: Boxes, largest: float = np.inf) -> Boxes:
    """first, and those of second that are neither the same as one of first nor for the greater part covered by them.

    largest: area in square pixels above which a box of first covers nothing.
    """
    if not len(first) or not len(second):
        return joined(first, second)
    new = iou(second.xyxy_N4, first.xyxy_N4).max(axis=1) < SAME
    new &= covered(second, first.select(first.area_N <= largest)) < COVERED
    return joined(first, second.select(new))


def covered(boxes: Boxes, by: Boxes) -> NDArray[np.float64]:
    """(N,) share of each box that the union of the others covers, exact: on the grid that all edges make."""
    out = np.zeros(len(boxes))
    for i, (x1, y1, x2, y2) in enumerate(boxes.xyxy_N4.astype(np.float64)):
        b = by.xyxy_N4.astype(np.float64)
        b = np.stack([b[:, 0].clip(x1, x2), b[:, 1].clip(y1, y2), b[:, 2].clip(x1, x2), b[:, 3].clip(y1, y2)], axis=1)
        b = b[(b[:, 2] > b[:, 0]) & (b[:, 3] > b[:, 1])]
        if not len(b):
            continue
        xs, ys = np.unique(b[:, [0, 2]]), np.unique(b[:, [1, 3]])
        inside = np.zeros((len(ys) - 1, len(xs) - 1), np.bool_)
        for cx1, cy1, cx2, cy2 in b:
            left, right = np.searchsorted(xs, [cx1, cx2])
            top, bottom = np.searchsorted(ys, [cy1, cy2])
            inside[top:bottom, left:right] = True
        out[i] = (inside * np.diff(ys)[:, None] * np.diff(xs)[None, :]).sum() / ((x2 - x1) * (y2 - y1))
    return out
