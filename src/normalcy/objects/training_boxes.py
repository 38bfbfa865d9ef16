"""The boxes of the normal video that a training learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normalcy.detection.base import build_detector
from normalcy.detection.boxes import Boxes
from normalcy.detection.cache import boxes_of
from normalcy.detection.tracks import track
from normalcy.errors import TrainingError
from normalcy.scoring.normal_video import NormalVideo
from normalcy.video.cache import CachedVideo


@dataclass(frozen=True, slots=True)
class TrainingBoxes:
    """Of each video the boxes of each frame."""

    boxes: Sequence[Sequence[Boxes]]
    """In pixels of the source."""
    small: Sequence[Sequence[Boxes]]
    """In pixels of the decoded frames."""
    ids: Sequence[Sequence[NDArray[np.int64]]] | None
    """Their tracks, where crops follow them."""

    @classmethod
    def of(cls, footage: NormalVideo) -> TrainingBoxes:
        """Search all videos, or read the boxes from the cache. Raises TrainingError where the cache is of other videos."""
        detector = build_detector(footage.cfg.objects)
        boxes: list[list[Boxes]] = []
        for i, (ref, v) in enumerate(zip(footage.refs, footage.videos, strict=True)):
            of_video = boxes_of(ref, detector, config=footage.cfg.video)
            if len(of_video) != len(v):
                raise TrainingError(
                    f"{ref.path}: has {len(v)} frames, and boxes for {len(of_video)}; clear the cache and run again"
                )
            boxes.append(of_video)
            footage.report("detect", i + 1, len(footage.refs))
        small = [
            [b.scaled(*_shrink(v)).within(*frame_size(v)) for b in bs] for v, bs in zip(footage.videos, boxes, strict=True)
        ]
        if not footage.cfg.objects.tracked:
            return cls(boxes, small, None)
        return cls(boxes, small, [track(bs, v.info.fps)[0] for v, bs in zip(footage.videos, small, strict=True)])


def frame_size(v: CachedVideo) -> tuple[int, int]:
    """(width, height) of the decoded frames."""
    return int(v.frames.shape[2]), int(v.frames.shape[1])


def _shrink(v: CachedVideo) -> tuple[float, float]:
    w, h = frame_size(v)
    return w / v.info.width, h / v.info.height
