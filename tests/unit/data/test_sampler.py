from __future__ import annotations

import numpy as np
import pytest

from normalcy.config import ClipConfig
from normalcy.data.sampler import ClipSampler
from normalcy.errors import TrainingError
from normalcy.types import Piece


def counting_video(n: int, h: int = 48, w: int = 64) -> np.ndarray:
    """Frame i is all i, with a bright square that moves in the right half: crops should favour it."""
    v = np.zeros((n, h, w, 3), np.uint8) + np.arange(n, dtype=np.uint8)[:, None, None, None]
    for i in range(n):
        x = 40 + (i * 2) % 16
        v[i, 8:24, x : x + 8] = 255
    return v


CLIP = ClipConfig(length=5)


def sampler(crop: int | None = 16, clip: ClipConfig = CLIP, pieces: list[Piece] | None = None) -> ClipSampler:
    return ClipSampler([counting_video(60), counting_video(40)], pieces or [Piece(0, 0, 60), Piece(1, 0, 40)], clip, crop, 7)


def test_shapes_and_the_meaning_of_each_part() -> None:
    b = sampler().batch(0, 9)
    assert b.v.shape == (9, 5, 16, 16, 3)
    assert b.c.shape == (9, 4, 16, 16, 3)  # match_lengths
    assert set(b.m) <= {1, 2, 3}
    assert set(b.video) <= {0, 1}


def test_literal_lengths_on_request() -> None:
    assert sampler(clip=ClipConfig(length=5, match_lengths=False)).batch(0, 3).c.shape[1] == 5


def test_clips_are_continuous_and_do_not_overlap() -> None:
    b = sampler(crop=None, pieces=[Piece(0, 10, 50)]).batch(3, 32)
    v, c = b.v[:, :, -1, 0, 0].astype(int), b.c[:, :, -1, 0, 0].astype(int)
    assert np.all(np.diff(v, axis=1) == 1)
    assert np.all(np.diff(c, axis=1) == 1)
    assert not any(set(a) & set(d) for a, d in zip(v, c, strict=True))
    assert v.min() >= 10 and max(v.max(), c.max()) < 50


def test_the_step_between_frames() -> None:
    b = sampler(crop=None, clip=ClipConfig(length=4), pieces=[Piece(0, 0, 60, 3)]).batch(0, 8)
    assert np.all(np.diff(b.v[:, :, -1, 0, 0].astype(int), axis=1) == 3)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    s = sampler()
    first = s.batch(5, 4)
    s.batch(6, 4)
    again = sampler().batch(5, 4)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.v, s.batch(7, 4).v)


def test_crops_are_drawn_where_things_move() -> None:
    b = sampler(pieces=[Piece(0, 0, 60)]).batch(0, 200)
    moving = (b.v == 255).any(axis=(1, 2, 3, 4)).mean()
    # A crop placed at random touches the square's track in under half of the cases.
    assert moving > 0.75


def test_too_short_and_too_small_are_errors() -> None:
    with pytest.raises(TrainingError, match="10 frames"):
        sampler(pieces=[Piece(0, 0, 9)])
    with pytest.raises(TrainingError, match=r"train\.crop is 64"):
        sampler(crop=64)


def test_whole_frames_of_two_sizes_are_an_error() -> None:
    with pytest.raises(TrainingError, match="one size"):
        ClipSampler([counting_video(40), counting_video(40, 32, 32)], [Piece(0, 0, 40), Piece(1, 0, 40)], CLIP, None, 0)
