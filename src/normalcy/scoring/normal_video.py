"""The normal video of one training, for every level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from normalcy.config import Config
from normalcy.types import Frame, Piece, Progress
from normalcy.video.cache import CachedVideo
from normalcy.video.source import VideoRef


@dataclass(frozen=True, slots=True)
class NormalVideo:
    """The normal video of one training, decoded for the level that learns from it, and the settings."""

    refs: Sequence[VideoRef]
    videos: Sequence[CachedVideo]
    """Of each ref its frames, at the level's size."""
    fit_on: Sequence[Piece]
    """What the network learns from."""
    held: Sequence[Piece]
    """What it does not. Both are normal video, and calibration uses both."""
    cfg: Config
    progress: Progress | None = None

    def report(self, stage: str, done: int, total: int) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(stage, done, total, {})

    @property
    def fps(self) -> float:
        """Median frame rate."""
        return float(np.median([v.info.fps for v in self.videos]))

    def frames(self, p: Piece) -> Iterator[Frame]:
        """The frames of a piece as a video of its own: numbers and time from 0."""
        v = self.videos[p.video]
        times = v.time_s - v.time_s[p.start]
        for i in range(p.start, p.stop):
            yield Frame(i - p.start, float(times[i]), np.asarray(v.frames[i]))
