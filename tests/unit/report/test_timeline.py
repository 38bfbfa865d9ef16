from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest

from normalcy.errors import OutputError
from normalcy.report.style import COLOURS, to_png
from normalcy.report.timeline import extent, flag_spans, limits, save_timeline, timeline_figure
from normalcy.types import Event, VideoScores


def scores_of(score: np.ndarray, fps: float = 25.0, readouts: int = 2, name: str = "cam") -> VideoScores:
    score = np.asarray(score, dtype=np.float64)
    parts = {f"readout{i}": score * (i + 1) / 2 for i in range(readouts)}
    return VideoScores(name, np.arange(len(score)) / fps, score, parts)


def event_of(v: VideoScores, a: int, b: int) -> Event:
    t = v.time_s
    return Event(a, b, a, float(t[a]), float(t[b]), float(t[a]), float(v.score[a]), None, "density")


def share_of(png: bytes, colour: str) -> float:
    """Share of pixels that have exactly this theme colour."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    want = [int(COLOURS[colour][i : i + 2], 16) for i in (1, 3, 5)]
    return float((image == want).all(axis=2).mean())


@pytest.mark.parametrize("threshold", [None, 2.0])
@pytest.mark.parametrize(
    "score",
    [[1.0], [0.0], [2.0] * 30, [-3.0] * 5, [1e-12, 2e-12], list(np.linspace(-1, 5, 3000))],
    ids=lambda s: f"{len(s)}x{s[0]:g}",
)
def test_odd_scores_draw_without_a_warning(tmp_path: Path, score: list[float], threshold: float | None) -> None:
    v = scores_of(np.array(score))
    events = [event_of(v, 0, len(score) - 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_timeline(tmp_path / "timeline.png", v, threshold, events, np.ones(len(score)))
        fig = timeline_figure(v, threshold, events)
    assert cv2.imread(str(tmp_path / "timeline.png")).shape == (400, 1200, 3)
    assert np.isfinite([lim for ax in fig.axes for lim in (*ax.get_xlim(), *ax.get_ylim())]).all()
    assert [p.name for p in tmp_path.iterdir()] == ["timeline.png"]


def test_a_gap_in_the_scores_is_a_gap_in_the_line() -> None:
    score = np.sin(np.arange(200) / 9)
    score[50:60] = np.nan
    assert to_png(timeline_figure(scores_of(score), 1.0, []))
    assert np.isfinite(limits([score, [np.nan]], None)).all()


def test_one_spike_in_ten_hours_is_seen() -> None:
    score = np.zeros(10 * 3600 * 25)
    score[314159] = 9.0
    fig = timeline_figure(scores_of(score, readouts=1), 5.0, [])
    drawn = fig.axes[0].lines[-1].get_ydata()
    assert len(drawn) <= 1200 and drawn.max() == 9.0
    x = fig.axes[0].lines[-1].get_xdata()[drawn.argmax()]
    assert x == pytest.approx(314159 / 25)


def test_truth_and_events_show_only_where_given() -> None:
    v = scores_of(np.sin(np.arange(500) / 20) + 1)
    truth = np.zeros(500)
    truth[100:200] = 1
    bare = to_png(timeline_figure(v, None, []))
    assert share_of(bare, "truth") == share_of(bare, "alarm") == 0
    assert share_of(to_png(timeline_figure(v, None, [], truth)), "truth") > 1e-3
    assert share_of(to_png(timeline_figure(v, None, [event_of(v, 3, 5)])), "alarm") > 1e-5
    long, short = (share_of(to_png(timeline_figure(v, None, [event_of(v, 3, e)])), "alarm") for e in (300, 30))
    assert long > 3 * short


def test_a_one_frame_event_of_a_long_video_still_shows() -> None:
    v = scores_of(np.zeros(500_000), readouts=0)
    fig = timeline_figure(v, None, [event_of(v, 1000, 1000)])
    bars = [p.get_extents().width for c in fig.axes[0].collections for p in c.get_paths()]
    pixel = (v.time_s[-1] - v.time_s[0]) / 1200
    assert len(bars) >= 2 and min(bars) >= pixel


def test_events_are_numbered_and_crowded_numbers_left_out() -> None:
    v = scores_of(np.zeros(1000))
    few = timeline_figure(v, 1.0, [event_of(v, a, a + 9) for a in (10, 400, 800)])
    assert [t.get_text() for t in few.axes[0].texts] == ["1", "2", "3"]
    many = timeline_figure(v, 1.0, [event_of(v, a, a + 1) for a in range(0, 1000, 2)])
    assert 10 < len(many.axes[0].texts) < 80


def test_spans_follow_true_time_stamps() -> None:
    time = np.array([0.0, 1.0, 1.1, 5.0, 5.1])
    assert flag_spans(time, [0, 1, 1, 0, 1]) == [(1.0, 5.0), (5.1, pytest.approx(5.1 + 0.55))]
    assert extent(np.array([3.0])) == (3.0, pytest.approx(3.04))


def test_wrong_lengths_are_errors(tmp_path: Path) -> None:
    v = scores_of(np.zeros(10))
    with pytest.raises(ValueError, match="one 0/1 per frame"):
        save_timeline(tmp_path / "t.png", v, None, [], np.zeros(9))
    with pytest.raises(ValueError, match="without frames"):
        save_timeline(tmp_path / "t.png", scores_of(np.zeros(0)), None, [])
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "timeline.png"
    with pytest.raises(OutputError, match="missing"):
        save_timeline(target, scores_of(np.zeros(3)), None, [])


def test_what_was_there_survives_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "timeline.png"
    target.write_bytes(b"old")

    def full(self: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match=r"timeline\.png: cannot be written: No space left"):
        save_timeline(target, scores_of(np.zeros(3)), None, [])
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["timeline.png"]
