"""The one path from frames to frame scores, for files and cameras alike: push frames, get final scores back.

Windows of T frames slide over the stream; each window's calibrated values stand at its centre frame; frames in between are
interpolated, those before the first and after the last centre hold the nearest value; then the scores are smoothed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import span, step_at
from normalcy.errors import ShortVideoError, VideoError
from normalcy.scoring.fusion import fuse_voices, squash
from normalcy.scoring.model import FrameModel, Reading
from normalcy.scoring.smooth import Smoother
from normalcy.types import Frame, FrameScore
from normalcy.video.reader import working_size


class Scorer:
    """Scores one video or stream. Not thread-safe; use one per stream.

    width, height: of the source, in pixels. fps: its mean frame rate, which turns the smoothing's seconds into frames.
    name: for error messages. maps: also give each frame its score map.
    With ``scoring.normalise: per_video`` nothing is final before finish(), which then returns every frame.
    """

    def __init__(self, model: FrameModel, width: int, height: int, fps: float, name: str = "video", maps: bool = False) -> None:
        cfg = model.cfg
        self._model = model
        self._normal: FrameModel | None = None
        self._name = name
        self._maps = maps
        self._step = step_at(fps, cfg.clips)
        self._span = span(cfg.clip.length, self._step)
        self._hop = cfg.scoring.stride * self._step
        self._batch = cfg.scoring.batch
        self.source_size = (width, height)
        self.size = working_size(width, height, cfg.input)
        self._per_video = cfg.scoring.normalise == "per_video"
        self._smoother = Smoother(cfg.scoring.smoothing, cfg.scoring.sigma_s * fps)
        self._frames: deque[NDArray[np.uint8]] = deque(maxlen=self._span)
        self._times: deque[float] = deque()  # of frames pushed and not yet scored
        self._waiting: list[tuple[float, list[NDArray[np.uint8]]]] = []  # (centre, frames) of windows not yet read
        self._anchors: list[tuple[float, NDArray[np.float64], NDArray[np.float32]]] = []
        self._unsmoothed = 0  # index of the next frame to interpolate
        self._out: deque[tuple[int, float, NDArray[np.float32] | None]] = deque()  # frames inside the smoother
        self._held: list[tuple[FrameScore, NDArray[np.float64]]] = []
        self._pushed = 0
        self._last_start = -1

    def push(self, frame: Frame) -> list[FrameScore]:
        """Take the next frame, at the source's size or already at ``self.size``; returns frames that are now final.

        Raises VideoError if the frame has another size or its time goes backwards.
        """
        self._frames.append(self._fit(frame))
        if self._times and frame.time_s < self._times[-1]:
            raise VideoError(f"{self._name}: time runs backwards at frame {frame.index} ({frame.time_s:.3f} s)")
        self._times.append(frame.time_s)
        self._pushed += 1
        start = self._pushed - self._span
        if start >= 0 and start % self._hop == 0:
            self._take_window(start)
        return self._emit() if len(self._waiting) >= self._batch else []

    def finish(self) -> list[FrameScore]:
        """End of the video: the scores of all frames not yet returned.

        Raises ShortVideoError for a video shorter than one clip, unless ``clip.short`` is ``repeat``.
        """
        if self._pushed == 0:
            raise VideoError(f"{self._name}: no frame could be read")
        if self._pushed < self._span:
            if self._model.cfg.clip.short == "error":
                raise ShortVideoError(
                    f"{self._name}: has {self._pushed} frames, and one clip needs {self._span}; "
                    "to repeat the last frame instead, set clip.short=repeat"
                )
            while len(self._frames) < self._span:
                self._frames.append(self._frames[-1])
        last = max(self._pushed - self._span, 0)
        if last != self._last_start:  # the last window ends with the video, so that every frame was looked at
            self._take_window(last)
        return self._emit(ended=True)

    def _fit(self, frame: Frame) -> NDArray[np.uint8]:
        height, width = frame.image.shape[:2]
        if (width, height) == self.size:
            return frame.image
        if (width, height) == self.source_size:
            return np.asarray(cv2.resize(frame.image, self.size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        raise VideoError(
            f"{self._name}: frame {frame.index} is {width}x{height}, the video was {self.source_size[0]}x{self.source_size[1]}"
        )

    def _take_window(self, start: int) -> None:
        self._waiting.append((start + (self._span - 1) / 2, list(self._frames)[:: self._step]))
        self._last_start = start

    def _emit(self, ended: bool = False) -> list[FrameScore]:
        if self._waiting:
            reading = self._read()
            for (centre, _), values, m in zip(self._waiting, reading.values, reading.maps, strict=True):
                self._anchors.append((centre, values, m))
            self._waiting.clear()
        known = self._pushed if ended else int(np.floor(self._anchors[-1][0])) + 1
        done: list[FrameScore] = []
        if known > self._unsmoothed:
            frames = np.arange(self._unsmoothed, known)
            for i, row, m in zip(frames, self._interpolate(frames), self._nearest(frames), strict=True):
                self._out.append((int(i), self._times.popleft(), m))
                done += self._final(self._smoother.push(row))
            self._unsmoothed = known
            self._anchors = self._anchors[-1:]
        if ended:
            done += self._final(self._smoother.finish())
        if not self._per_video:
            return done
        self._held += [(s, np.array(list(s.readouts.values()))) for s in done]
        return self._min_max() if ended else []

    def _read(self) -> Reading:
        """Read the windows that wait. They overlap: each frame is handed over once."""
        at: dict[int, int] = {}
        frames: list[NDArray[np.uint8]] = []
        for _, clip in self._waiting:
            for image in clip:
                if id(image) not in at:
                    at[id(image)] = len(frames)
                    frames.append(image)
        index = np.array([[at[id(image)] for image in clip] for _, clip in self._waiting], dtype=np.int64)
        if self._normal is None:  # the first clip says where the camera stands
            self._normal = self._model.at(np.stack(self._waiting[0][1]))
        return self._normal.read(self._model.windows(np.stack(frames), index))

    def _interpolate(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, R) values at the given frames, from those at the window centres."""
        centres = np.array([a[0] for a in self._anchors])
        values = np.stack([a[1] for a in self._anchors])
        if not self._per_video:
            values = squash(values)
        return np.stack([np.interp(frames, centres, v) for v in values.T], axis=1)

    def _nearest(self, frames: NDArray[np.int64]) -> list[NDArray[np.float32] | None]:
        if not self._maps:
            return [None] * len(frames)
        centres = np.array([a[0] for a in self._anchors])
        return [self._anchors[int(np.abs(centres - i).argmin())][2] for i in frames]

    def _final(self, rows: list[NDArray[np.float64]]) -> list[FrameScore]:
        out = []
        for row in rows:
            index, time_s, m = self._out.popleft()
            score, values = self._fuse(row)
            named = {n: float(v) for n, v in zip(self._model.names, values, strict=True)}
            out.append(FrameScore(index, time_s, score, named, m))
        return out

    def _fuse(self, row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """(frame score, value of each readout) from the values of one frame."""
        return float(fuse_voices(row, self._model.voices)), row

    def _min_max(self) -> list[FrameScore]:
        """Eq. 11: each readout between its lowest and highest value in this video (the paper's protocol)."""
        rows = np.stack([row for _, row in self._held])
        low, high = rows.min(axis=0), rows.max(axis=0)
        rows = (rows - low) / np.where(high > low, high - low, 1.0)
        names = self._model.names
        return [
            replace(s, score=float(r.mean()), readouts=dict(zip(names, map(float, r), strict=True)))
            for (s, _), r in zip(self._held, rows, strict=True)
        ]


class Pushed(Protocol):
    """A scorer of any level."""

    def push(self, frame: Frame) -> list[FrameScore]: ...
    def finish(self) -> list[FrameScore]: ...


def score_all(scorer: Pushed, frames: Iterable[Frame]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(score (N,), time_s (N,)) of N frames from beginning to end, by the very path that test video takes."""
    scores = [s for frame in frames for s in scorer.push(frame)] + scorer.finish()
    return np.array([s.score for s in scores]), np.array([s.time_s for s in scores])
