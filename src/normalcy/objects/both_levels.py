"""Frame level and object level of one camera, fused: the frame score is the mean of the two, by a rule fixed in advance."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Self, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.detection.boxes import Boxes
from normalcy.objects.model import ObjectModel
from normalcy.objects.scorer import ObjectScorer
from normalcy.scoring.model import FrameModel
from normalcy.scoring.scorer import Scorer
from normalcy.scoring.threshold import Threshold
from normalcy.types import Frame, FrameScore

FRAME, OBJECTS = "frame", "objects"
"""Names of the two levels among the readouts of a fused score."""
WORDS = {
    FRAME: "its places, or the frame as a whole, are unlike those of the normal video",
    OBJECTS: "it is unlike the objects of the normal video",
}
PREFIX = "object_"
Score = TypeVar("Score", float, NDArray[np.float64])


class FusedModel:
    """A frame model and an object model that learned from the same video."""

    def __init__(self, frame: FrameModel, objects: ObjectModel) -> None:
        self.frame, self.objects = frame, objects
        self.hash = f"{frame.hash}+{objects.hash}" if frame.hash else ""

        self.cfg = frame.cfg
        """What the frame level and the fusion are scored with."""

    def with_config(self, cfg: Config) -> Self:
        """See normalcy.scoring.model.Model: at both levels."""
        of_objects = cfg.model_copy(update={"level": "object", "tasks": self.objects.cfg.tasks})
        other = type(self)(self.frame.with_config(cfg), self.objects.with_config(of_objects))
        other.hash = self.hash
        return other

    @property
    def threshold(self) -> Threshold | None:
        """Of the fused score."""
        return self.frame.threshold

    @property
    def trained_fps(self) -> float:
        return self.frame.trained_fps

    @property
    def device(self) -> torch.device:
        return self.frame.device

    @property
    def names(self) -> list[str]:
        """The two levels, then the readouts of both."""
        return [FRAME, OBJECTS, *self.frame.names, *(PREFIX + n for n in self.objects.names)]

    @property
    def words(self) -> dict[str, str]:
        """See normalcy.scoring.model.Model."""
        return {**WORDS, **self.frame.words, **{PREFIX + n: text for n, text in self.objects.words.items()}}


class FusedScorer:
    """Pushes every frame through both levels. Use as normalcy.scoring.scorer.Scorer; frames are pushed at the source's size."""

    def __init__(
        self,
        model: FusedModel,
        width: int,
        height: int,
        fps: float,
        name: str = "video",
        maps: bool = False,
        boxes: Sequence[Boxes] | None = None,
        video: str = "",
    ) -> None:
        """As ObjectScorer."""
        self._frames = Scorer(model.frame, width, height, fps, name, maps)
        self._objects = ObjectScorer(model.objects, width, height, fps, name, maps, boxes, video)
        self.source_size = self.size = (width, height)
        self._waiting: tuple[deque[FrameScore], deque[FrameScore]] = (deque(), deque())

    def push(self, frame: Frame) -> list[FrameScore]:
        """Take the next frame; returns frames that are now final at both levels."""
        return self._take(self._frames.push(frame), self._objects.push(frame))

    def finish(self) -> list[FrameScore]:
        """End of the video: the scores of all frames not yet returned."""
        return self._take(self._frames.finish(), self._objects.finish())

    def _take(self, frames: list[FrameScore], objects: list[FrameScore]) -> list[FrameScore]:
        first, second = self._waiting
        first.extend(frames)
        second.extend(objects)
        return [fused(first.popleft(), second.popleft()) for _ in range(min(len(first), len(second)))]


def mean(frame: Score, objects: Score) -> Score:
    """The score of both levels from those of each, both in asinh of standard deviations of normal video."""
    return (frame + objects) / 2


def fused(a: FrameScore, b: FrameScore) -> FrameScore:
    """Frame level a and object level b of one frame.

    The map is at every place the mean of the two. Objects keep the score of their level.
    """
    readouts = {FRAME: a.score, OBJECTS: b.score, **a.readouts, **{PREFIX + n: v for n, v in b.readouts.items()}}
    out = FrameScore(a.frame, a.time_s, mean(a.score, b.score), readouts, None, b.objects)
    if a.map is None or b.map is None:
        return out
    h, w = b.map.shape
    large = np.asarray(cv2.resize(a.map, (w, h), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return replace(out, map=np.asarray((large + b.map) / 2, dtype=np.float32))
