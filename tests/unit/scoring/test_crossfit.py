"""Folds of normal video: every frame once, videos whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from normalcy.scoring.crossfit import FOLDS, folds, joined
from normalcy.types import Piece


def test_pieces_of_a_video_are_joined() -> None:
    pieces = [Piece(1, 0, 10, 2), Piece(0, 5, 9), Piece(1, 10, 30, 2)]
    assert joined(pieces, [(0,), (0,)]) == [(0, 5, 9, 1), (1, 0, 30, 2)]
    assert joined(pieces, [(0,), (0, 10)]) == [(0, 5, 9, 1), (1, 0, 10, 2), (1, 10, 30, 2)]  # no piece reaches over a gap


@given(st.lists(st.integers(1, 300), min_size=1, max_size=20), st.integers(3, 20))
def test_folds_hold_every_frame_once_and_no_video_twice(lengths: list[int], length: int) -> None:
    pieces = [Piece(i, 3, 3 + n) for i, n in enumerate(lengths)]
    parts = folds(pieces, length)
    assert 1 <= len(parts) <= FOLDS and all(parts)
    frames = sorted((p.video, i) for part in parts for p in part for i in range(p.start, p.stop))
    assert frames == [(p.video, i) for p in pieces for i in range(p.start, p.stop)]
    if len(pieces) > 1:
        assert len({p.video for part in parts for p in part}) == sum(map(len, parts)) == len(pieces)
    elif len(parts) > 1:
        assert all(p.frames >= 2 * length for part in parts for p in part)
