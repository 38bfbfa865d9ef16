"""A model and motion as one detector: the boxes of the model, and motion boxes of what they leave uncovered.

A person whom the model missed in a crowd, a cart, a thrown thing: what moves outside the model's boxes gets a box of its own.
Regions are cut before they become boxes, so that a group of which one was missed does not come back as one box.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.base import Detector
from normalcy.detection.boxes import Boxes, joined
from normalcy.detection.motion import CRUMB, RIM, SCENE, MotionDetector
from normalcy.detection.yolox import YoloxDetector


class MergedDetector:
    """The boxes of a detector, then those of motion beside them."""

    name = "both"

    @classmethod
    def build(cls, cfg: ObjectsConfig, features: bool = False) -> MergedDetector:
        """See normalcy.detection.base.DetectorKind."""
        model = YoloxDetector.build(cfg, features)
        return cls(model, MotionDetector.build(cfg), model.described)

    def __init__(self, first: Detector, motion: MotionDetector, describe: Callable[[Boxes], Boxes] | None = None) -> None:
        """describe: adds to motion boxes what the first detector's features say of them."""
        self._first, self._motion, self._describe = first, motion, describe

    @property
    def key(self) -> str:
        """Of both, and of the rule."""
        return f"both ({self._first.key}) beside ({self._motion.key}) {SCENE} {RIM} {CRUMB}"

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        """Both start anew."""
        self._first.reset(video, fps, every)
        self._motion.reset(video, fps, every)

    def push(self, frame_HWC: NDArray[np.uint8]) -> Boxes:
        """See :class:`normalcy.detection.base.Detector`."""
        known = self._first.push(frame_HWC)
        beside = self._motion.push_beside(frame_HWC, known)
        return joined(known, beside if self._describe is None else self._describe(beside))

    def finish(self) -> None:
        """Both end."""
        self._first.finish()
        self._motion.finish()
