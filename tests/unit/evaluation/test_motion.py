"""The baselines of motion and interpolation error against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes import moving_square_video, write_frames, write_video
from normalcy.errors import TrainingError
from normalcy.evaluation.motion import RowStatistics, block_changes, change_scores, fit_rows
from normalcy.video.source import as_ref

H, W = 160, 208


def frames_with(value: int, rows: slice, n: int = 2) -> np.ndarray:
    """Black frames; every second one has ``value`` in these rows."""
    out = np.zeros((n, H, W, 3), np.uint8)
    out[1::2, rows] = value
    return out


def test_global_is_the_mean_grey_difference(tmp_path: Path) -> None:
    ref = as_ref(write_frames(tmp_path / "v", frames_with(40, slice(0, 80), n=3)))
    rows = fit_rows([ref])
    motion, by_row, error, error_by_row = change_scores(ref, rows)
    assert motion == pytest.approx([20.0, 20.0, 20.0])  # half the picture by 40; the first frame takes the second's
    assert error == pytest.approx([20.0, 20.0, 20.0])  # between black ones; the ends take the middle's
    assert len(by_row) == len(error_by_row) == 3


def test_interpolation_error_is_blind_to_even_change_and_sees_a_single_odd_frame(tmp_path: Path) -> None:
    brighter = np.stack([np.full((H, W, 3), 10 * i, np.uint8) for i in range(5)])
    motion, error = change_scores(as_ref(write_frames(tmp_path / "even", brighter)), None)
    assert motion == pytest.approx([10.0] * 5) and error == pytest.approx([0.0] * 5)
    odd = np.zeros((6, H, W, 3), np.uint8)
    odd[2] = 60
    motion, error = change_scores(as_ref(write_frames(tmp_path / "odd", odd)), None)
    assert motion == pytest.approx([0.0, 0.0, 60.0, 60.0, 0.0, 0.0])
    assert error == pytest.approx([30.0, 30.0, 60.0, 30.0, 0.0, 0.0])  # beside the odd frame the mean is half wrong


def test_interpolation_error_against_a_slow_reading(tmp_path: Path) -> None:
    frames = np.random.default_rng(3).integers(0, 256, (7, H, W, 1), dtype=np.uint8).repeat(3, axis=3)  # grey stays exact
    ref = as_ref(write_frames(tmp_path / "v", frames))
    missed = [b for _, b in block_changes(ref) if b is not None]
    assert len(missed) == 5
    for t, blocks in enumerate(missed, 1):
        x = frames[..., 0].astype(float)
        wanted = np.abs(x[t] - (x[t - 1] + x[t + 1]) / 2)
        for i, j in ((0, 0), (3, 7), (19, 25)):
            assert blocks[i, j] == pytest.approx(wanted[8 * i : 8 * i + 8, 8 * j : 8 * j + 8].mean())


def test_blocks_are_means_of_8_by_8(tmp_path: Path) -> None:
    frames = np.zeros((2, H, W, 3), np.uint8)
    frames[1, 16:20, 24:32] = 100
    ((blocks, missed),) = block_changes(as_ref(write_frames(tmp_path / "v", frames)))
    assert missed is None
    assert blocks.shape == (20, 26)
    assert blocks[2, 3] == pytest.approx(50.0)
    assert blocks.sum() == pytest.approx(50.0)


def test_by_row_asks_what_is_usual_at_that_height(tmp_path: Path) -> None:
    """The lower half always flickers: the same flicker in the upper half scores high, in the lower it does not."""
    rng = np.random.default_rng(0)
    normal = np.zeros((12, H, W, 3), np.uint8)
    normal[:, 80:] = rng.integers(0, 60, (12, 1, W, 1), dtype=np.uint8)
    rows = fit_rows([as_ref(write_frames(tmp_path / "normal", normal))])
    below, above = np.zeros((3, H, W, 3), np.uint8), np.zeros((3, H, W, 3), np.uint8)
    below[1, 120:136, 40:56] = above[1, 20:36, 40:56] = 50
    low = change_scores(as_ref(write_frames(tmp_path / "below", below)), rows)
    high = change_scores(as_ref(write_frames(tmp_path / "above", above)), rows)
    assert low[0] == pytest.approx(high[0])  # the whole frame cannot tell them apart
    assert low[2] == pytest.approx(high[2])
    for by_row in (1, 3):
        assert high[by_row].max() > 10 * max(low[by_row].max(), 1.0)


def test_every_frame_has_a_value(tmp_path: Path) -> None:
    normal = as_ref(write_video(tmp_path / "n.mp4", moving_square_video(30, 96, 128, seed=0)))
    rows = fit_rows([normal])
    for n in (1, 2, 3, 7):
        ref = as_ref(write_video(tmp_path / f"{n}.mp4", moving_square_video(n, 96, 128, seed=1)))
        for statistics, count in ((rows, 4), (None, 2)):
            scores = change_scores(ref, statistics)
            assert scores.shape == (count, n) and np.isfinite(scores).all()
        assert change_scores(ref, None) == pytest.approx(change_scores(ref, rows)[::2])


def test_without_normal_video() -> None:
    with pytest.raises(TrainingError, match="need normal video"):
        RowStatistics().value(np.zeros((20, 26)))
