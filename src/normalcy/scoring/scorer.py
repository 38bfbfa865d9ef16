"""The one path from frames to frame scores, for files and cameras alike: push frames, take back scores that are final.

Windows of T frames slide over the stream. What a level sees in one is its reader's affair (normalcy.scoring.frame_model and
normalcy.objects.reader); from values at windows to a score for every frame is normalcy.scoring.timeline's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from normalcy.clips.sampling import span, step_at
from normalcy.config import Config
from normalcy.errors import ShortVideoError, VideoError
from normalcy.scoring.timeline import Anchor
from normalcy.types import Frame, FrameScore, VideoInfo

T = TypeVar("T")


class Scorer(Protocol):
    """Scores one video or stream, of a model of any level. Not thread-safe; use one per stream."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) that frames are best pushed at; the source's own size does as well."""
        ...

    def push(self, frame: Frame) -> list[FrameScore]:
        """Take the next frame; returns the scores that are final now.

        Raises VideoError if the frame has another size or its time goes backwards.
        """
        ...

    def finish(self) -> list[FrameScore]:
        """End of the video: the scores of all frames not yet returned.

        Raises ShortVideoError for a video whose longest segment is shorter than one clip, unless ``clip.short`` is ``repeat``.
        """
        ...


def score_all(scorer: Scorer, frames: Iterable[Frame]) -> list[FrameScore]:
    """Scores of all frames of a video, first to last."""
    return [s for frame in frames for s in scorer.push(frame)] + scorer.finish()


@dataclass(frozen=True, slots=True)
class Window(Generic[T]):
    """T frames that are read together."""

    start: int
    """Number of its first frame in the video."""
    numbers: Sequence[int]
    """Number of each frame: windows overlap, and each frame is read once. The last one repeats in a video that is too short."""
    frames: Sequence[T]
    """What the reader keeps of each frame."""


class Reader(Protocol[T]):
    """What a level does with frames and windows."""

    size: tuple[int, int]
    """(width, height) that frames are best pushed at."""

    def take(self, frame: Frame) -> T:
        """What to keep of a frame while windows may hold it. Raises VideoError if the frame has another size."""
        ...

    def add(self, window: Window[T]) -> None:
        """A window is complete; windows come in order."""
        ...

    def read(self) -> list[Anchor]:
        """Read the windows added since the last call."""
        ...

    def cut(self) -> None:
        """A segment is over: what comes next does not follow on what came."""
        ...

    def finish(self) -> None:
        """The video is over."""
        ...


class Line(Protocol):
    """What takes the values of windows: a Timeline, or what keeps them for one (normalcy.scoring.parts)."""

    def frame(self, time_s: float) -> None: ...
    def add(self, anchors: Sequence[Anchor]) -> None: ...
    def final(self, ended: bool = False) -> list[FrameScore]: ...
    def finish(self) -> list[FrameScore]: ...


class WindowScorer(Generic[T]):
    """Cuts a stream into windows, has them read in batches, and puts the values on a timeline.

    With ``scoring.normalise: per_video`` nothing is final before finish(), which then returns every frame.
    """

    def __init__(self, cfg: Config, info: VideoInfo, reader: Reader[T], timeline: Line, stride: int, first: int = 0) -> None:
        """timeline: where what was read goes. stride: clip frames between two windows.

        first: number of the first frame that is pushed, where that is one in the middle of the video: a start of a window.
        """
        self._cfg, self._name, self._reader = cfg, str(info.path), reader
        self._step = step_at(info.fps, cfg)
        self._span = span(cfg.clip.length, self._step)
        self._hop = stride * self._step
        self._timeline = timeline
        self._frames: deque[T] = deque(maxlen=self._span)
        self._segment = 0
        self._before = first  # frames of earlier segments
        self._longest = 0  # segment so far
        self._pushed = 0  # frames of this segment
        self._last_time = float("-inf")
        self._last_start = -1
        self._unread = 0

    @property
    def size(self) -> tuple[int, int]:
        return self._reader.size

    def push(self, frame: Frame) -> list[FrameScore]:
        done = self._end_segment() if self._pushed and frame.segment != self._segment else []
        self._segment = frame.segment
        self._frames.append(self._reader.take(frame))
        if frame.time_s < self._last_time:
            raise VideoError(f"{self._name}: time runs backwards at frame {frame.index} ({frame.time_s:.3f} s)")
        self._last_time = frame.time_s
        self._timeline.frame(frame.time_s)
        self._pushed += 1
        start = self._pushed - self._span
        if start >= 0 and start % self._hop == 0:
            self._add_window(start)
        return done + self._final() if self._unread >= self._cfg.scoring.batch else done

    def finish(self) -> list[FrameScore]:
        if self._before + self._pushed == 0:
            raise VideoError(f"{self._name}: no frame could be read")
        self._longest = max(self._longest, self._pushed)
        if self._longest < self._span and self._cfg.clip.short == "error":
            of = "has" if not self._before else "its longest stretch without a gap has"
            raise ShortVideoError(
                f"{self._name}: {of} {self._longest} frames, and one clip needs {self._span}; "
                "to repeat the last frame instead, set clip.short=repeat"
            )
        done = self._end_segment() + self._timeline.finish()
        self._reader.finish()
        return done

    def in_threads(self) -> Any:
        """This scorer in a thread, its reader taken apart as it knows best (normalcy.scoring.pipeline)."""
        from normalcy.scoring.pipeline import ThreadScorer

        apart = getattr(self._reader, "in_threads", None)
        return ThreadScorer(self, apart() if apart is not None else lambda: None)

    def _end_segment(self) -> list[FrameScore]:
        """No clip and no smoothing reaches into the next; in a segment too short for a clip the last frame is repeated."""
        while len(self._frames) < self._span:
            self._frames.append(self._frames[-1])
        last = max(self._pushed - self._span, 0)
        if last != self._last_start:  # the last window ends with the segment, so that every frame was looked at
            self._add_window(last)
        done = self._final(ended=True)
        self._longest = max(self._longest, self._pushed)
        self._before, self._pushed, self._last_start = self._before + self._pushed, 0, -1
        self._frames.clear()
        self._reader.cut()
        return done

    def _add_window(self, start: int) -> None:
        numbers = [self._before + min(start + i, self._pushed - 1) for i in range(0, self._span, self._step)]
        self._reader.add(Window(self._before + start, numbers, list(self._frames)[:: self._step]))
        self._last_start = start
        self._unread += 1

    def _final(self, ended: bool = False) -> list[FrameScore]:
        if self._unread:
            self._timeline.add(self._reader.read())
            self._unread = 0
        return self._timeline.final(ended)
