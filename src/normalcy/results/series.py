"""The plain numbers of every frame: all that scoring keeps in memory."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from normalcy.types import Event, FrameScore, VideoScores


class Series:
    """Grows by one frame at a time: 8 bytes for its time, its score and each of its readouts."""

    def __init__(self, readouts: Sequence[str]) -> None:
        self.time_s = array("d")
        self.score = array("d")
        self.readouts = {name: array("d") for name in readouts}
        self.events: list[Event] = []

    def add(self, s: FrameScore) -> None:
        """Append one frame."""
        self.time_s.append(s.time_s)
        self.score.append(s.score)
        for name, values in self.readouts.items():
            values.append(s.readouts[name])

    def scores(self, video: str) -> VideoScores:
        """All frames so far. video: its name."""
        readouts = {name: np.array(values) for name, values in self.readouts.items()}
        return VideoScores(video, np.array(self.time_s), np.array(self.score), readouts)
