"""What a detector is, and the detectors by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.boxes import Boxes


class Detector(Protocol):
    """Frames of one video in, boxes out. It never sees a later frame, and may remember earlier ones.

    Use: ``reset`` before each video, ``push`` for every frame in order, ``finish`` after the last.
    """

    name: str
    """Its name in DETECTORS."""

    @property
    def key(self) -> str:
        """Everything that the boxes of the video named in ``reset`` depend on, beside its frames: weights, settings, file."""
        ...

    def reset(self, video: str = "", fps: float = 25.0) -> None:
        """Forget the video before. video: name of the next one (for boxes from files); fps: its frames per second."""
        ...

    def push(self, frame_HWC: NDArray[np.uint8]) -> Boxes:
        """The boxes of the next frame, (H, W, 3) uint8 RGB, in its pixels."""
        ...

    def finish(self) -> None:
        """The video is over. Raises DataError where the detector knows of boxes in frames that did not come."""
        ...


def _motion(cfg: ObjectsConfig) -> Detector:
    from normalcy.detection.motion import MotionDetector

    return MotionDetector(cfg)


def _onnx(cfg: ObjectsConfig) -> Detector:
    from normalcy.detection.yolox import YoloxDetector

    return YoloxDetector(cfg)


def _both(cfg: ObjectsConfig) -> Detector:
    from normalcy.detection.union import MergedDetector

    return MergedDetector(_onnx(cfg), _motion(cfg))


def _file(cfg: ObjectsConfig) -> Detector:
    from normalcy.detection.boxes_file import GivenBoxes

    return GivenBoxes(cfg)


DETECTORS: dict[str, Callable[[ObjectsConfig], Detector]] = {"motion": _motion, "onnx": _onnx, "both": _both, "file": _file}


def build_detector(cfg: ObjectsConfig) -> Detector:
    """The detector that the settings name. Raises WeightsError or DataError where its file cannot be used."""
    return DETECTORS[cfg.detector](cfg)
