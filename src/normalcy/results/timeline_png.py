"""timeline.png: score, threshold and events over time."""

from __future__ import annotations

from collections.abc import Sequence

from normalcy.report.timeline import save_timeline
from normalcy.results.layout import TIMELINE
from normalcy.results.product import Product
from normalcy.types import Event, VideoScores


class TimelinePng(Product):
    """A picture of the whole video."""

    name = TIMELINE

    def close(self, scores: VideoScores, events: Sequence[Event]) -> None:
        save_timeline(self.context.files.path / TIMELINE, scores, self.context.alarm.value, events)
