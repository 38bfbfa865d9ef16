"""overlay.mp4: the video with its score map over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from normalcy.report.overlay import Scale, blend, draw_frame
from normalcy.results.layout import MAPS, OVERLAY
from normalcy.results.maps_npy import MapsNpy
from normalcy.results.product import Product
from normalcy.scoring.localise import PEAK_SHARE
from normalcy.types import Event, FrameScore, VideoScores
from normalcy.video.reader import VideoReader
from normalcy.video.writer import VideoWriter

MAP_TOP = 3.0
"""Map value, in units of the highest place of normal video, at which the heat is full."""
REPORT_EVERY = 8
"""Frames between two calls of the progress function."""


class OverlayMp4(Product):
    """Drawn in a second pass over the video: a score is final only some frames after its own."""

    name = OVERLAY
    needs = (MapsNpy,)

    def close(self, scores: VideoScores, events: Sequence[Event]) -> None:
        c, total = self.context, len(scores.score)
        value = c.alarm.value
        # Without a threshold the bar shows the score against the top of its range, and nothing is marked as an alarm.
        scale = Scale(value, 3.0 * value) if value is not None and value > 0 else Scale(1.0, 1.0)
        maps = np.load(c.files.path / MAPS, mmap_mode="r")
        size = (c.info.width, c.info.height)
        with (
            VideoReader(c.ref, config=c.model.cfg.video) as reader,
            VideoWriter(c.files.path / OVERLAY, size, c.info.fps) as writer,
        ):
            for frame in reader:
                i = frame.index
                s = FrameScore(i, frame.time_s, float(scores.score[i]), {})
                running = next((k for k, e in enumerate(events, 1) if e.start_frame <= i <= e.end_frame), None)
                score_map = np.asarray(maps[i], dtype=np.float32)
                # An event has a place even where several readouts raised it together and none of them is beyond normal.
                least = 1.0 if running is None else min(1.0, PEAK_SHARE * float(score_map.max()))
                image = blend(frame.image, score_map, least, MAP_TOP)
                writer.write(draw_frame(image, s, scale, running), frame.time_s)
                if (i + 1) % REPORT_EVERY == 0:
                    c.progress("overlay", i + 1, total)
        c.progress("overlay", total, total)
