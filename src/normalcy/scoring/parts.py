"""A long video in parts that are read apart from each other, with the scores of the whole.

Only windows are read apart. A part begins where a batch of windows begins and goes on for whole batches, so every batch is the
one that it is in the whole; it is given the frames that its last windows reach over its end. What was read is then put on one
timeline, which interpolates, smooths and fuses over the joints as if there were none: whatever the smoothing, the scores are
the same to the last bit. Frame level only: objects are followed from the first frame on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import span, step_at
from normalcy.config import Config
from normalcy.scoring.frame_model import FrameModel, FrameReader
from normalcy.scoring.scorer import WindowScorer
from normalcy.scoring.timeline import Anchor
from normalcy.types import Frame, FrameScore, VideoInfo


@dataclass(frozen=True, slots=True)
class Span:
    """Which frames one part looks at."""

    first: int
    """The frame at which its first window starts."""
    stop: int
    """The first frame of the next part; of the last part, the number of all frames."""
    end: int
    """The frame after the last that its windows hold: beyond ``stop`` but for the last part."""

    @property
    def last(self) -> bool:
        return self.end == self.stop


@dataclass(frozen=True, slots=True)
class PartReadings:
    """What was read in one part. Plain arrays, for the way to another machine."""

    frames_k: NDArray[np.float64]
    """(k,) the moment of each window, in frames of the video."""
    values_kV: NDArray[np.float64]
    maps_khw: NDArray[np.float32]
    repeated: int
    """How many of its frames are the same picture as the one before."""
    decode_s: float
    total_s: float
    """Wall time of decoding, and of all."""

    def anchors(self) -> list[Anchor]:
        """The same as the timeline takes it."""
        return [
            Anchor(f, values, score_map)
            for f, values, score_map in zip(self.frames_k.tolist(), self.values_kV, self.maps_khw, strict=True)
        ]


def window_frames(cfg: Config, fps: float) -> int:
    """Frames of a video that one window reaches over."""
    return span(cfg.clip.length, step_at(fps, cfg))


def spans(frames: int, fps: float, cfg: Config, length: int) -> list[Span]:
    """Parts of about ``length`` frames. One alone where the video is too short for two.

    frames: of the whole video, which has no gap. fps: its mean frame rate.
    """
    reach, hop = window_frames(cfg, fps), cfg.scoring.stride * step_at(fps, cfg)
    batch = hop * cfg.scoring.batch
    each = max(1, round(length / batch)) * batch
    starts = [a for a in range(0, frames, each) if a == 0 or frames - a >= max(reach, each // 2)]
    stops = [*starts[1:], frames]
    return [Span(a, b, b if b == frames else b - hop + reach) for a, b in zip(starts, stops, strict=True)]


def read_part(
    model: FrameModel, info: VideoInfo, part: Span, frames: Iterable[Frame], opening: Sequence[Frame]
) -> list[Anchor]:
    """Read the windows of a part.

    Args:
        model: with the settings that it scores with.
        info: of the whole video.
        part: one of :func:`spans`.
        frames: those from ``part.first`` to before ``part.end``, in order.
        opening: the frames of the first window of the video, which says where the camera stands; none for the first part.
    """
    kept = _Kept()
    normal = None
    if opening:
        reader = FrameReader(model, info)
        images = [reader.take(f) for f in opening][:: step_at(info.fps, model.cfg)]
        normal = model.at(np.stack(images))
    scorer = WindowScorer(model.cfg, info, FrameReader(model, info, normal), kept, model.cfg.scoring.stride, part.first)
    for frame in frames:
        scorer.push(frame)
    if part.last:
        scorer.finish()
    return kept.anchors


class _Kept:
    """Takes the place of the timeline, and keeps what was read."""

    def __init__(self) -> None:
        self.anchors: list[Anchor] = []

    def frame(self, time_s: float) -> None:
        return

    def add(self, anchors: Sequence[Anchor]) -> None:
        self.anchors += anchors

    def final(self, ended: bool = False) -> list[FrameScore]:
        return []

    def finish(self) -> list[FrameScore]:
        return []


def joined(
    model: FrameModel, info: VideoInfo, times_s: NDArray[np.float64], parts: Iterable[PartReadings], maps: bool
) -> Iterator[list[FrameScore]]:
    """The scores of all frames, in order, a list for each part.

    times_s: (N,) of all frames. parts: in order, one at a time in memory.
    """
    line, told = model.timeline(info, maps), 0
    for part in parts:
        anchors = part.anchors()
        upto = int(np.floor(anchors[-1].frame)) + 1
        for time_s in times_s[told:upto].tolist():
            line.frame(time_s)
        told = max(told, upto)
        line.add(anchors)
        yield line.final()
    for time_s in times_s[told:].tolist():
        line.frame(time_s)
    yield line.final(ended=True) + line.finish()
