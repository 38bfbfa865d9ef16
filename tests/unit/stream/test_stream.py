from __future__ import annotations

import numpy as np

from normalcy.config import AlarmConfig
from normalcy.events.detector import EventDetector
from normalcy.types import Event, FrameScore


def run(scores: list[float], cfg: AlarmConfig | None = None, threshold: float = 1.0, fps: float = 10.0) -> list[Event]:
    d = EventDetector(threshold, cfg or AlarmConfig(min_s=0.0, merge_s=0.25, release=0.5), (60, 40))
    out: list[Event] = []
    for i, s in enumerate(scores):
        m = np.zeros((4, 6), np.float32)
        m[1, 2] = s
        out += d.push(FrameScore(i, i / fps, s, {"density": s, "motion": s / 2 if i < 8 else s * 2}, m))
    return out + d.finish()


def test_one_event_with_its_peak_region_and_reason() -> None:
    (e,) = run([0, 0, 2, 5, 2, 0, 0])
    assert (e.start_frame, e.end_frame, e.peak_frame, e.peak) == (2, 4, 3, 5.0)
    assert (e.start_s, e.end_s, e.peak_s) == (0.2, 0.4, 0.3)
    assert e.region == (20.0, 10.0, 30.0, 20.0)
    assert e.readout == "density"


def test_hysteresis_holds_an_event_until_the_release() -> None:
    assert len(run([0, 2, 0.7, 2, 0, 0, 0])) == 1
    (e,) = run([0, 2, 0.7, 0.6, 0.4, 0, 0])
    assert (e.start_frame, e.end_frame) == (1, 3)


def test_events_close_in_time_are_one_and_others_are_not() -> None:
    assert [(e.start_frame, e.end_frame) for e in run([2, 0, 2, 0, 0, 0, 2])] == [(0, 2), (6, 6)]


def test_short_events_are_dropped() -> None:
    cfg = AlarmConfig(min_s=0.2, merge_s=0.0)
    assert [(e.start_frame, e.end_frame) for e in run([0, 3, 0, 0, 3, 3, 3, 0], cfg)] == [(4, 6)]


def test_an_event_at_the_end_of_the_video_is_not_lost() -> None:
    (e,) = run([0, 0, 0, 2, 3])
    assert (e.start_frame, e.end_frame, e.peak_frame) == (3, 4, 4)


def test_a_low_threshold_below_zero_still_releases() -> None:
    assert [(e.start_frame, e.end_frame) for e in run([-2, 0, -2, -2, -2], threshold=-1.0)] == [(1, 1)]


def test_the_readout_named_is_the_one_that_fired_most_at_the_peak() -> None:
    (e,) = run([0] * 9 + [2, 3, 2, 0])
    assert e.readout == "motion"
