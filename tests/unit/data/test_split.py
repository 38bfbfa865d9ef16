from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.data.split import split
from normalcy.errors import TrainingError


def whole(lengths: list[int]) -> list[list[tuple[int, int]]]:
    """Videos without a gap."""
    return [[(0, n)] for n in lengths]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=30), st.floats(0.05, 0.5), st.integers(3, 20))
def test_no_frame_is_in_both_parts(lengths: list[int], share: float, length: int) -> None:
    need = 2 * length
    try:
        fit, held = split(whole(lengths), ["a"] * len(lengths), share, length, [1] * len(lengths))
    except TrainingError:
        assert sum(n >= need for n in lengths) < 2 and max(lengths) < 2 * need + max(lengths) * share
        return
    frames = [(p.video, i) for p in fit + held for i in range(p.start, p.stop)]
    assert len(frames) == len(set(frames))
    assert all(0 <= p.start < p.stop <= lengths[p.video] and p.frames >= need for p in fit + held)


def test_many_videos_are_held_out_whole() -> None:
    fit, held = split(whole([50] * 20), ["a"] * 20, 0.2, 5, [1] * 20)
    assert [p.video for p in held] == [4, 9, 14, 19]
    assert all(p.frames == 50 for p in fit + held)


def test_few_videos_give_their_ends() -> None:
    fit, held = split(whole([400, 300]), ["a", "a"], 0.2, 5, [1, 2])
    assert fit == [(0, 0, 320, 1), (1, 0, 240, 2)]
    assert held == [(0, 320, 400, 1), (1, 240, 300, 2)]


def test_every_folder_is_in_both_parts() -> None:
    fit, held = split(whole([100] * 24), ["a"] * 20 + ["b"] * 4, 0.2, 5, [1] * 24)
    assert {p.video >= 20 for p in fit} == {p.video >= 20 for p in held} == {True, False}


def test_too_little_video_says_how_much_is_needed() -> None:
    with pytest.raises(TrainingError, match=r"12 frames.*at least 20 frames"):
        split(whole([12]), ["a"], 0.2, 5, [1])


def test_no_piece_reaches_over_a_gap() -> None:
    fit, held = split([[(0, 100), (100, 105), (105, 200)]], ["a"], 0.2, 5, [1])
    assert fit == [(0, 0, 100, 1), (0, 105, 161, 1)] and held == [(0, 161, 200, 1)]
