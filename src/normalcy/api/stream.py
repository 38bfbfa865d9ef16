"""Frames in, scores and events out: what a file and a camera have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from normalcy.api.speed import decided
from normalcy.config import AlarmConfig
from normalcy.events.detector import Change, EventDetector
from normalcy.scoring.model import Model
from normalcy.scoring.scorer import Scorer
from normalcy.scoring.settings import Alarm, alarm, with_settings
from normalcy.types import Frame, FrameScore, VideoInfo


class Update(NamedTuple):
    """What one more frame has settled."""

    scores: list[FrameScore]
    """Scores that are final now, in the order of the frames."""
    changes: list[Change]
    """What became of events with them: opened, updated, closed."""


class Stream:
    """Scores frames that you push one by one, and follows events; :func:`open_stream` makes one."""

    def __init__(self, scorer: Scorer, alarm: Alarm, cfg: AlarmConfig, size: tuple[int, int]) -> None:
        """scorer: that gives maps where events are to have a region. size: (width, height) that regions refer to."""
        self.alarm = alarm
        """The threshold of events, what it rests on, and a warning where the settings move scores away from it."""
        self._scorer = scorer
        self._detector = None if alarm.value is None else EventDetector(alarm.value, cfg, size)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) that frames are best pushed at; those of the stream do as well."""
        return self._scorer.size

    def push(self, frame: Frame) -> Update:
        """Take the next frame. Raises VideoError if it has another size or its time goes backwards."""
        return self.follow(self._scorer.push(frame))

    def finish(self) -> Update:
        """End of the stream: the scores that were waiting for later frames, and the end of an event that is open."""
        update = self.follow(self._scorer.finish())
        return Update(update.scores, update.changes + self.end().changes)

    def end(self) -> Update:
        """The end of an event that is open, after the last score that follow() was given."""
        return Update([], [] if self._detector is None else self._detector.finish())

    def follow(self, scores: list[FrameScore]) -> Update:
        """Scores that are final already, from wherever: what becomes of events with them."""
        changes: list[Change] = []
        if self._detector is not None:
            for s in scores:
                changes += self._detector.push(s)
        return Update(scores, changes)


def open_stream(
    model: Model,
    width: int,
    height: int,
    fps: float,
    *,
    name: str = "video",
    maps: bool = False,
    config: str | Path | None = None,
    sets: Sequence[str] = (),
) -> Stream:
    """Score frames that you push yourself, from a camera say. Pushing a file's frames gives the file's scores and events.

    Args:
        model: as :func:`normalcy.load` gives it.
        width: of the frames, in pixels.
        height: of the frames, in pixels.
        fps: true frame rate; the step between a clip's frames and the width of the smoothing follow from it.
        name: for messages, and what a detector with boxes from files looks them up by.
        maps: give each score its map; events have a region with and without.
        config: YAML or JSON file with settings.
        sets: ``key=value`` settings that scoring may change, such as ``scoring.smoothing=ema``.

    Returns:
        A stream for one camera; it is not thread-safe.

    Raises:
        ConfigError: a setting is unknown, or only training can change it.
    """
    live = decided(with_settings(model, config, sets))
    threshold = alarm(model.cfg, live)
    info = VideoInfo(name, Path(name), width, height, fps, None)
    scorer = live.scorer(info, maps or threshold.value is not None)
    return Stream(scorer, threshold, live.cfg.alarm, (width, height))
