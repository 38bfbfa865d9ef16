"""Crops through time: where they look, at borders, along tracks, and for a crowd."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.objects.tubes import cut, cut_tracked


def ramp(t: int, h: int, w: int) -> np.ndarray:
    """(t, h, w, 3) uint8: red is the column, green the row, blue the frame."""
    out = np.zeros((t, h, w, 3), np.uint8)
    out[..., 0], out[..., 1] = np.arange(w), np.arange(h)[:, None]
    out[..., 2] = np.arange(t)[:, None, None]
    return out


def test_a_square_box_of_the_crops_size_is_copied() -> None:
    frames = ramp(4, 60, 80)
    got = cut(frames, np.array([[10, 20, 42, 52], [0, 0, 32, 32]], np.float32), 32, 0.0)
    assert got.shape == (2, 4, 32, 32, 3) and got.dtype == np.uint8
    assert np.array_equal(got[0], frames[:, 20:52, 10:42]) and np.array_equal(got[1], frames[:, :32, :32])


def test_proportions_stay_and_the_margin_shows_more() -> None:
    frames = ramp(2, 200, 200)
    tall = np.array([[90, 60, 110, 140]], np.float32)  # 20 x 80: a square of 80 around (100, 100)
    got = cut(frames, tall, 16, 0.0)[0, 0]
    assert got[0, 0, :2] == pytest.approx([62, 62], abs=3) and got[-1, -1, :2] == pytest.approx([137, 137], abs=3)
    wide = cut(frames, tall, 16, 0.5)[0, 0]
    assert wide[0, 0, :2] == pytest.approx([44, 44], abs=4) and wide[-1, -1, :2] == pytest.approx([156, 156], abs=4)


@given(st.integers(0, 10_000))
def test_beyond_the_border_the_last_pixels_go_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 255, (2, 20, 30, 3), dtype=np.uint8)
    low = rng.integers(-12, 26, 2)
    side = int(rng.integers(4, 25))
    box = np.array([[*low, *(low + side)]], np.float32)
    got = cut(frames, box, side, 0.0)[0]
    padded = np.pad(frames, ((0, 0), (60, 60), (60, 60), (0, 0)), mode="edge")
    assert np.array_equal(got, padded[:, 60 + low[1] : 60 + low[1] + side, 60 + low[0] : 60 + low[0] + side])


def test_a_tiny_box_is_still_a_picture() -> None:
    got = cut(ramp(3, 40, 40), np.array([[20.2, 20.1, 20.9, 20.6]], np.float32), 16, 0.0)
    assert got.shape == (1, 3, 16, 16, 3) and np.ptp(got[0, 0, ..., 0].astype(int)) >= 2


def test_no_boxes_no_frames() -> None:
    assert cut(ramp(5, 20, 20), np.zeros((0, 4), np.float32), 16, 0.2).shape == (0, 5, 16, 16, 3)
    assert cut(ramp(0, 20, 20), np.array([[0, 0, 9, 9]], np.float32), 16, 0.2).shape == (1, 0, 16, 16, 3)
    assert cut_tracked(ramp(5, 20, 20), np.zeros((0, 5, 4), np.float32), 16, 0.2).shape == (0, 5, 16, 16, 3)


def test_a_still_box_gives_what_a_track_that_stays_gives() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (5, 50, 70, 3), dtype=np.uint8)
    box = np.array([[3, 4, 20, 40], [50, 10, 80, 30]], np.float32)
    assert np.array_equal(cut(frames, box, 24, 0.2), cut_tracked(frames, np.repeat(box[:, None], 5, 1), 24, 0.2))


def test_along_a_track_the_object_stays_in_the_middle() -> None:
    ground = np.random.default_rng(0).integers(0, 60, (80, 120, 3), dtype=np.uint8)
    frames = np.repeat(ground[None], 6, axis=0)
    box = np.zeros((1, 6, 4), np.float32)
    for t in range(6):
        x, y = 5 + 15 * t, 20 + 3 * t
        frames[t, y : y + 16, x : x + 16] = (250, 200, 150)
        box[0, t] = (x, y, x + 16, y + 16)
    followed, fixed = cut_tracked(frames, box, 16, 0.0)[0], cut(frames, box[:, 0], 16, 0.0)[0]
    assert (followed == (250, 200, 150)).all()
    assert (fixed[0] == (250, 200, 150)).all() and not (fixed[2] == (250, 200, 150)).any()


def test_the_size_is_one_and_gaps_take_the_nearest_box() -> None:
    frames = ramp(4, 100, 100)
    box = np.full((1, 4, 4), np.nan, np.float32)
    box[0, 1], box[0, 3] = (40, 40, 50, 50), (60, 40, 80, 60)
    got = cut_tracked(frames, box, 20, 0.0)[0]
    middle = got[:, 9:11, 9:11, :2].astype(float).mean(axis=(1, 2))
    assert middle == pytest.approx(np.array([[44.5, 44.5], [44.5, 44.5], [44.5, 44.5], [69.5, 49.5]]), abs=1)
    assert np.ptp(got[1, 0, :, 0].astype(int)) == np.ptp(got[3, 0, :, 0].astype(int)) == 19
    with pytest.raises(ValueError, match="no box in any"):
        cut_tracked(frames, np.full((1, 4, 4), np.nan, np.float32), 20, 0.0)


def test_a_crowd_of_a_hundred() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (5, 360, 640, 3), dtype=np.uint8)
    low = rng.uniform(-20, [620, 340], (100, 2))
    box = np.concatenate([low, low + rng.uniform(5, 90, (100, 2))], axis=1).astype(np.float32)
    whole = cut(frames, box, 32, 0.2)
    assert whole.shape == (100, 5, 32, 32, 3)
    for i in (0, 41, 99):
        assert np.array_equal(whole[i], cut(frames, box[i : i + 1], 32, 0.2)[0]), (
            "an object's crop does not depend on the others"
        )
