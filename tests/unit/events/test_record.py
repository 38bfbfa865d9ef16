from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.errors import DataError
from normalcy.events.record import new_id, normal_minutes, rarity, record_from
from normalcy.scoring.fusion import squash
from normalcy.scoring.threshold import Threshold
from peers import record

TAIL = Threshold(value=2.0, budget_per_hour=1.0, normal_hours=0.5, peaks=30, level=2.0, tail_scale=1.0, tail="exponential")
"""One peak a minute above two standard deviations."""


def score(deviations: float) -> float:
    return float(squash(np.array(deviations)))


def test_a_record_comes_back_from_json() -> None:
    r = record(end_time=107.5, clip="media/gate/a.mp4", type="end", change=3)
    assert record_from(json.loads(json.dumps(r.to_dict()))) == r
    assert r.message == "100.000000-abc123.3"


def test_keys_of_later_versions_are_passed_over_and_missing_ones_are_an_error() -> None:
    assert record_from({**record().to_dict(), "later": 1}) == record()
    with pytest.raises(DataError, match="not an event"):
        record_from({"id": "a"})


def test_names_sort_by_time_and_differ() -> None:
    names = [new_id(1_700_000_000.0 + i) for i in range(20)]
    assert names == sorted(names)
    assert len({new_id(5.0) for _ in range(50)}) == 50


def test_how_rare_is_counted_by_hand() -> None:
    # exp(-1) peaks a minute at one scale above the level; the chance of none in a minute is exp(-exp(-1)).
    assert normal_minutes(TAIL, score(3.0)) == pytest.approx(np.exp(-np.exp(-1.0)))
    assert normal_minutes(TAIL, score(2.0)) == pytest.approx(np.exp(-1.0))
    assert rarity(TAIL, score(3.0)) == "higher than 69 % of normal minutes"
    assert rarity(TAIL, score(2.0 - np.log(-np.log(0.99974)))) == "higher than 99.97 % of normal minutes"
    assert rarity(TAIL, score(60.0)) == "higher than 99.99 % of normal minutes, or more"


def test_normal_video_without_a_peak_gives_no_figure_but_the_limit() -> None:
    flat = replace(TAIL, peaks=0, tail_scale=0.0)
    assert (normal_minutes(flat, 2.1), normal_minutes(flat, 1.9)) == (1.0, 0.0)


@given(st.floats(0, 200), st.floats(0, 200))
def test_a_higher_score_is_never_less_rare(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert normal_minutes(TAIL, score(low)) <= normal_minutes(TAIL, score(high))
    assert "100 %" not in rarity(TAIL, score(high))
