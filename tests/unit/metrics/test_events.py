"""False alarms, detected events and delay on timelines that can be read off, and against a frame-by-frame loop."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalcy.errors import DataError, MetricError
from normalcy.metrics.events import event_metrics, holds_anomaly, meets_alarm, runs


def line(text: str) -> np.ndarray:  # type: ignore[type-arg]
    """``..##`` as booleans."""
    return np.array([c == "#" for c in text])


def frame_times(lengths: dict[str, int], fps: float) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return {name: np.arange(n) / fps for name, n in lengths.items()}


def test_a_timeline_read_by_eye() -> None:
    labels = {"a": line("....####......###....")}
    alarms = {"a": line(".##...##..#.........#")}
    m = event_metrics(alarms, labels, frame_times({"a": 21}, 2.0))
    # 14 normal frames of half a second; events at 1-2, 10 and 20 meet no abnormal frame
    assert (m.alarms, m.false_alarms, m.detected) == (4, 3, 1)
    assert m.normal_hours == pytest.approx(7 / 3600)
    assert m.false_alarms_per_hour == pytest.approx(3 / (7 / 3600))
    assert m.alarm_share_normal == pytest.approx(4 / 14)
    assert [(e.video, e.start_frame, e.end_frame, e.delay_s) for e in m.events] == [("a", 4, 7, 1.0), ("a", 14, 16, None)]
    assert m.delays_s == [1.0]


def test_an_alarm_that_reaches_into_an_event_is_no_false_alarm_and_has_no_delay() -> None:
    m = event_metrics({"a": line(".####..")}, {"a": line("...###.")}, frame_times({"a": 7}, 1.0))
    assert (m.false_alarms, m.detected, m.delays_s) == (0, 1, [0.0])
    assert m.alarm_share_normal == pytest.approx(2 / 4)


def test_one_long_alarm_over_two_events_detects_both() -> None:
    m = event_metrics({"a": line("#######")}, {"a": line(".##.##.")}, frame_times({"a": 7}, 1.0))
    assert (m.alarms, m.detected, m.false_alarms) == (1, 2, 0)
    # what gives the always-on alarm away
    assert m.alarm_share_normal == 1.0


def test_intervals_stay_apart_where_runs_would_join() -> None:
    labels, times = {"a": line("......##")}, frame_times({"a": 8}, 1.0)
    as_runs = event_metrics({"a": line("####....")}, labels, times)
    as_intervals = event_metrics({"a": [[0, 1], [2, 3]]}, labels, times)
    assert (as_runs.false_alarms, as_intervals.false_alarms) == (1, 2)
    assert event_metrics({"a": []}, labels, times).alarms == 0
    assert event_metrics({"a": np.zeros((0, 2))}, labels, times).detected == 0


def test_time_stamps_not_the_frame_count_decide() -> None:
    """Variable frame rate: normal frames last 1, 1 and 10 s; the last frame as long as the median of the others (1 s)."""
    m = event_metrics({"a": line("..#.#")}, {"a": line("...##")}, {"a": [0.0, 1.0, 2.0, 12.0, 13.0]})
    assert m.normal_hours == pytest.approx(12 / 3600)
    assert m.alarm_share_normal == pytest.approx(10 / 12)
    assert m.delays_s == [1.0]


def test_video_without_events_counts_false_alarms_alone() -> None:
    m = event_metrics({"a": line("#.#.")}, {"a": [0, 0, 0, 0]}, frame_times({"a": 4}, 1.0))
    assert (m.false_alarms, m.detected, m.events) == (2, 0, ())
    assert m.false_alarms_per_hour == pytest.approx(1800)
    back = json.loads(json.dumps(m.to_dict(), allow_nan=False))
    assert back["median_delay_s"] is None and back["true_events"] == 0


def test_events_do_not_run_over_the_end_of_a_video() -> None:
    m = event_metrics(
        {"a": line(".##"), "b": line("##.")}, {"a": line("..."), "b": line("..#")}, frame_times({"a": 3, "b": 3}, 1.0)
    )
    assert (m.alarms, m.false_alarms) == (2, 2)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40), st.sampled_from([0.5, 1.0, 25.0]))
@settings(max_examples=150, deadline=None)
def test_equals_a_loop_over_frames(frames, fps: float) -> None:  # type: ignore[no-untyped-def]
    on, y = [a for a, _ in frames] + [False, False], [b for _, b in frames] + [False, False]
    m = event_metrics({"a": np.array(on)}, {"a": y}, frame_times({"a": len(y)}, fps))
    alarm_sets, true_sets = [], []
    for flags, found in ((on, alarm_sets), (y, true_sets)):
        for i, flag in enumerate(flags):
            if flag and i and flags[i - 1]:
                found[-1].append(i)
            elif flag:
                found.append([i])
    assert m.alarms == len(alarm_sets)
    assert m.false_alarms == sum(not any(y[i] for i in a) for a in alarm_sets)
    assert m.normal_hours == pytest.approx((len(y) - sum(y)) / fps / 3600)
    expected = []
    for e in true_sets:
        hits = [i for i in e if on[i]]
        expected.append((hits[0] - e[0]) / fps if hits else None)
    assert [e.delay_s for e in m.events] == pytest.approx(expected)
    assert m.detected == sum(d is not None for d in expected)
    assert int(holds_anomaly(runs(on), y).sum()) == m.alarms - m.false_alarms
    assert meets_alarm(runs(on), y).tolist() == [d is not None for d in expected]


def test_runs() -> None:
    assert runs(line("##..#")).tolist() == [[0, 1], [4, 4]]
    assert runs(line("....")).shape == (0, 2)


@pytest.mark.parametrize(
    ("alarms", "labels", "times", "error", "words"),
    [
        ({"a": line("##")}, {"a": [0, 0, 1]}, {"a": [0, 1, 2]}, DataError, "have 2 frames, labels of video 'a' have 3"),
        ({"b": line("##")}, {"a": [0, 1]}, {"a": [0, 1]}, DataError, "only in alarms: 'b'"),
        ({"a": line("##")}, {"a": [0, 1]}, {}, DataError, "only in labels: 'a'"),
        ({"a": line("##")}, {"a": [0, 3]}, {"a": [0, 1]}, DataError, "frame 1 is 3"),
        ({"a": line("##")}, {"a": [0, 1]}, {"a": [0, 1, 2]}, DataError, "time_s of video 'a'"),
        ({"a": line("##")}, {"a": [0, 1]}, {"a": [1, 0]}, DataError, "falls after frame 0"),
        ({"a": line("##")}, {"a": [0, 1]}, {"a": [0, np.nan]}, MetricError, "frame 1 has no finite time"),
        ({"a": [[0, 2]]}, {"a": [0, 1]}, {"a": [0, 1]}, DataError, r"event \[0, 2\]"),
        ({"a": [[1, 0]]}, {"a": [0, 1]}, {"a": [0, 1]}, DataError, "ends before"),
        ({"a": [[-1, 0]]}, {"a": [0, 1]}, {"a": [0, 1]}, DataError, r"event \[-1, 0\]"),
        ({"a": [0, 1]}, {"a": [0, 1]}, {"a": [0, 1]}, DataError, r"\(N,\) bool or \(E, 2\)"),
        ({"a": [[0.0, 1.0]]}, {"a": [0, 1]}, {"a": [0, 1]}, DataError, "float64"),
        ({"a": line("##")}, {"a": [1, 1]}, {"a": [0, 1]}, MetricError, "no normal time"),
        ({"a": line("##")}, {"a": [0, 1]}, {"a": [5, 5]}, MetricError, "no normal time"),
    ],
)
def test_wrong_input_is_an_error(alarms, labels, times, error, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=words) as caught:
        event_metrics(alarms, labels, times)
    assert type(caught.value) is error
