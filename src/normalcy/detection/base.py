"""What a detector is, and the detectors by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.boxes import Boxes
from normalcy.errors import DataError
from normalcy.parts import DETECTORS, load_part

AUTO = "auto"
"""Of ``objects.encoder``: what this machine has (normalcy.detection.choice.concrete)."""


class Detector(Protocol):
    """Frames of one video in, boxes out. It never sees a later frame, and may remember earlier ones.

    Use: ``reset`` before each video, ``push`` for its frames in order (all of them, or frames 0, every, 2 every, ...),
    ``finish`` after the last.
    """

    name: str
    """Its name in ``objects.detector``."""

    @property
    def key(self) -> str:
        """Everything that the boxes of the video named in ``reset`` depend on, beside its frames: weights, settings, file."""
        ...

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        """Forget the video before. video: name of the next one (for boxes from files); fps: its frames per second.

        every: only each so many-th frame is going to be pushed.
        """
        ...

    def push(self, frame_HWC: NDArray[np.uint8]) -> Boxes:
        """The boxes of the next frame that is looked at, (H, W, 3) uint8 RGB, in its pixels."""
        ...

    def finish(self) -> None:
        """The video is over. Raises DataError where the detector knows of boxes in frames that did not come."""
        ...


class Replay:
    """A detector that knows the boxes of every frame already, in pixels of the source."""

    name = "replay"
    key = "replay"

    def __init__(self, boxes: Sequence[Boxes]) -> None:
        self._boxes, self._next = boxes, 0

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        self._next = 0

    def push(self, frame_HWC: NDArray[np.uint8]) -> Boxes:
        if self._next == len(self._boxes):
            raise DataError(f"boxes are known for {len(self._boxes)} frames, and the video has more")
        self._next += 1
        return self._boxes[self._next - 1]

    def finish(self) -> None:
        return


class DetectorKind(Protocol):
    """The class that a row of normalcy.parts.DETECTORS names."""

    @classmethod
    def build(cls, cfg: ObjectsConfig, features: bool = False) -> Detector:
        """One detector. features: see build_detector."""
        ...


def sample_step(fps: float, cfg: ObjectsConfig) -> int:
    """Every how many-th frame of a video is looked at for boxes. fps: its frames per second."""
    return 1 if cfg.boxes_fps is None else max(1, round(fps / cfg.boxes_fps))


def build_detector(cfg: ObjectsConfig, features: bool = False) -> Detector:
    """The detector that the settings name. Raises WeightsError or DataError where its file cannot be used.

    features: boxes come with ``Boxes.features_ND``: what the detector's own feature map shows in each, from the same inference.
    ``onnx`` has them where its model has such a map (see normalcy.detection.feature_map), and ``both`` then has them for motion
    boxes too; of others ``features_ND`` is None. With ``objects.encoder`` they come with ``crops_ND`` too. ``boxes_of`` keeps
    both with the boxes. A model that is stored should name its detector: see normalcy.detection.choice.concrete for ``auto``.
    """
    kind: DetectorKind = load_part(DETECTORS, cfg.detector)
    detector = kind.build(cfg, features)
    if not features or cfg.encoder in (None, AUTO):
        return detector
    from normalcy.detection.encoder import CropEncoder, EncodingDetector

    return EncodingDetector(detector, CropEncoder(cfg.encoder, cfg.threads))
