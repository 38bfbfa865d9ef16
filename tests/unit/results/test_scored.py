"""Events and run records survive the trip through JSON; sources are found one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes import moving_square_video, write_video
from normalcy.api.demo_page import strip_frames
from normalcy.errors import SourceError
from normalcy.video.source import find, listed


def test_listed() -> None:
    assert listed("a") == ["a"]
    assert listed(Path("a")) == [Path("a")]
    assert listed(["a", Path("b")]) == ["a", Path("b")]
    with pytest.raises(SourceError, match="no source"):
        listed([])


def test_find_keeps_what_is_there(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / "01.mp4", moving_square_video(4, 64, 96))
    refs, failed = find([tmp_path / "a", tmp_path / "gone", tmp_path / "b"])
    assert [r.name for r in refs] == ["a_01", "b_01"]  # names are unique over all sources
    assert list(failed) == [str(tmp_path / "gone")]
    with pytest.raises(SourceError, match="gone"):
        find(tmp_path / "gone")


def test_strip_shows_truth_normal_time_and_the_highest_score() -> None:
    truth = np.zeros(100, np.uint8)
    truth[60:81] = 1
    score = np.zeros(100)
    score[10] = 1  # a false alarm is shown, not hidden
    assert strip_frames(score, truth) == [10, 29, 70]
    assert strip_frames(score, np.zeros(100, np.uint8)) == [10, 49]
    assert strip_frames(score, np.ones(100, np.uint8)) == [10, 49]
    assert len(strip_frames(np.arange(9.0), np.array([1, 0, 1, 0, 1, 0, 1, 0, 1], np.uint8))) <= 4
