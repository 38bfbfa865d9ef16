"""benchmarks/alarms.py: the program's own events, counted against labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alarms import measure, table
from normalcy.config import AlarmConfig
from normalcy.errors import DataError
from normalcy.types import VideoScores


def video(name: str, *score: float) -> VideoScores:
    return VideoScores(name, np.arange(len(score)) / 2.0, np.array(score), {})


def test_events_are_those_of_the_program() -> None:
    """Hysteresis and merging count: the dip to 1.7 stays within one alarm, and the second peak is a false one."""
    scores = [video("a", 0, 0, 3, 1.7, 3, 0, 0, 0, 0, 0, 3, 3, 0), video("b", 0, 0, 0)]
    labels = {"a": np.array([0] * 3 + [1] * 2 + [0] * 8, np.uint8), "b": np.array([0, 1, 1], np.uint8)}
    m = measure(scores, labels, 2.0, AlarmConfig())
    assert (m.alarms, m.false_alarms, m.detected, len(m.events)) == (2, 1, 1, 2)


def test_nothing_to_count_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("")
    with pytest.raises(DataError, match="no cell"):
        table(tmp_path, [tmp_path / "r.jsonl"], [1.0])
