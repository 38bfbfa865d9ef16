from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from normalcy.config import AlarmConfig
from normalcy.events.detector import UPDATE_S, Change, EventDetector, closed
from normalcy.types import Event, FrameScore


def changes(scores: list[float], cfg: AlarmConfig | None = None, threshold: float = 1.0, fps: float = 10.0) -> list[Change]:
    d = EventDetector(threshold, cfg or AlarmConfig(min_s=0.0, merge_s=0.25, release=0.5), (60, 40))
    out: list[Change] = []
    for i, s in enumerate(scores):
        m = np.zeros((4, 6), np.float32)
        m[1, 2] = s
        out += d.push(FrameScore(i, i / fps, s, {"density": s, "motion": s / 2 if i < 8 else s * 2}, m))
    return out + d.finish()


def run(scores: list[float], cfg: AlarmConfig | None = None, threshold: float = 1.0, fps: float = 10.0) -> list[Event]:
    return list(closed(changes(scores, cfg, threshold, fps)))


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


def test_an_event_opens_at_its_beginning_and_closes_when_nothing_can_merge_with_it() -> None:
    cfg = AlarmConfig(min_s=0.2, merge_s=0.25, release=0.5)
    d = EventDetector(1.0, cfg, (60, 40))
    said = [[c.state for c in d.push(FrameScore(i, i / 10, s, {}))] for i, s in enumerate([0, 3, 3, 3, 0, 0, 0, 0])]
    assert said == [[], [], [], ["opened"], [], [], ["closed"], []]
    assert d.finish() == []


def test_a_growing_event_is_told_once_a_second_and_only_while_its_peak_rises() -> None:
    told = changes([2 + i / 100 for i in range(45)] + [2.0] * 30 + [0] * 5)
    assert [c.state for c in told] == ["opened", *["updated"] * 5, "closed"]
    assert all(b.event.end_s - a.event.end_s >= UPDATE_S - 1e-9 for a, b in pairwise(told[:-1]))


def test_a_long_event_gives_a_sign_of_life() -> None:
    told = changes([5.0] + [2.0] * 250 + [0] * 5)
    assert [round(c.event.end_s, 1) for c in told if c.state == "updated"] == [10.0, 20.0]


def reference(scores: list[float], cfg: AlarmConfig, fps: float) -> list[tuple[int, int]]:
    """Whole runs first, then merged, then the short ones left out."""
    runs: list[list[int]] = []
    inside = False
    for i, s in enumerate(scores):
        inside = s >= cfg.release if inside else s > 1.0
        if inside and runs and (runs[-1][1] == i - 1 or i / fps - runs[-1][1] / fps <= cfg.merge_s):
            runs[-1][1] = i
        elif inside:
            runs.append([i, i])
    return [(a, b) for a, b in runs if b / fps - a / fps >= cfg.min_s - 1e-6]


@given(
    st.lists(st.sampled_from([0.0, 0.6, 0.9, 1.5, 2.0]), max_size=80),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.sampled_from([0.0, 0.15, 0.35]),
)
def test_every_event_opens_once_and_closes_once(scores: list[float], min_s: float, merge_s: float) -> None:
    cfg = AlarmConfig(min_s=min_s, merge_s=merge_s, release=0.7)
    told = changes(scores, cfg)
    states = " ".join(c.state for c in told)
    assert states.replace(" updated", "").split() == ["opened", "closed"] * (len(told) - states.count("updated") >> 1)
    assert [(e.start_frame, e.end_frame) for e in closed(told)] == reference(scores, cfg, 10.0)
