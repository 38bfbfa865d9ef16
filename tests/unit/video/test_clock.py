"""The one rule of time: stamps that jump, step back, stand still or are missing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.video.clock import times

P = 0.04
LINE = [i * P for i in range(60)]


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([5.0, 5.04, 5.12], [0.0, 0.04, 0.12]),
        ([None] * 4, [0.0, 0.04, 0.08, 0.12]),
        ([2.0, None, 2.5, 2.54, 2.58], [0.0, 0.04, 0.5, 0.54, 0.58]),
        ([0.0, 0.04, 0.04, 0.08, 0.12], [0.0, 0.04, 0.06, 0.08, 0.12]),  # two pictures share a stamp
        ([0.0, 0.04, 3.08, 0.12, 0.16], LINE[:5]),  # one lies 3 s ahead
        ([0.0, 0.04, 4.0, 4.04, 4.08], [0.0, 0.04, 4.0, 4.04, 4.08]),  # a gap is a gap
        ([0.0, 0.04, 0.08, 500.0, 500.04], LINE[:5]),  # too few to agree before the end
    ],
)
def test_by_hand(stamps: list[float | None], expected: list[float]) -> None:
    assert times(stamps, P) == pytest.approx(expected)


def test_two_pictures_far_ahead_stand_at_their_expected_places() -> None:
    stamps = [t + 37_600 if i in (20, 21) else t for i, t in enumerate(LINE)]
    assert times(stamps, P, 0.0) == pytest.approx(LINE)


@pytest.mark.parametrize("step", [-1.0, -0.08, -20.0, 37_600.0, 6.0])
def test_a_time_line_that_steps_and_stays_is_joined_on(step: float) -> None:
    assert times([t + step if i >= 30 else t for i, t in enumerate(LINE)], P, 0.0) == pytest.approx(LINE)


@pytest.mark.parametrize("late", [0.5, 2.0, 30.0])
def test_a_late_start_is_the_containers(late: float) -> None:
    assert times([10 + late + t for t in LINE], P, 10.0) == pytest.approx([late + t for t in LINE])


@given(
    gaps=st.lists(st.sampled_from([1, 1, 1, 1, 2, 25, 100]), min_size=10, max_size=120),
    patches=st.lists(st.tuples(st.integers(0, 119), st.sampled_from([1, 2, 40, 200]), st.floats(-1e5, 1e5)), max_size=5),
    missing=st.sets(st.integers(0, 119), max_size=10),
)
def test_times_rise_and_never_jump_by_more_than_the_true_gap(
    gaps: list[int], patches: list[tuple[int, int, float]], missing: set[int]
) -> None:
    """Patches move one picture, two, or all from there on, by anything: what they move within 5 s may look like a gap."""
    true = [P * sum(gaps[:i]) for i in range(len(gaps))]
    stamps: list[float | None] = list(true)
    for start, count, by in patches:
        by = by + 11.0 if by >= 0 else by - 11.0  # no patch is taken for a gap
        stamps = [None if s is None else s + by if start <= i < start + count else s for i, s in enumerate(stamps)]
    stamps = [None if i in missing else s for i, s in enumerate(stamps)]
    got = times(stamps, P, 0.0)
    assert len(got) == len(true)
    assert all(b > a for a, b in pairwise(got))
    assert got[0] >= 0.0


@given(st.integers(1, 57), st.integers(1, 2), st.floats(6.0, 1e6), st.booleans())
def test_a_few_wild_stamps_change_nothing(start: int, count: int, by: float, back: bool) -> None:
    stamps = [t + (-by if back else by) if start <= i < start + count else t for i, t in enumerate(LINE)]
    assert times(stamps, P, 0.0) == pytest.approx(LINE)
