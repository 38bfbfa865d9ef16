"""Motion-magnitude baselines against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes import moving_square_video, write_frames, write_video
from normalcy.errors import TrainingError
from normalcy.scoring.motion import RowMotion, block_motion, fit_rows, motion_scores
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
    whole, by_row = motion_scores(ref, rows)
    assert whole == pytest.approx([20.0, 20.0, 20.0])  # half the picture by 40; the first frame takes the second's
    assert len(by_row) == 3


def test_blocks_are_means_of_8_by_8(tmp_path: Path) -> None:
    frames = np.zeros((2, H, W, 3), np.uint8)
    frames[1, 16:20, 24:32] = 100
    (blocks,) = block_motion(as_ref(write_frames(tmp_path / "v", frames)))
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
    low = motion_scores(as_ref(write_frames(tmp_path / "below", below)), rows)
    high = motion_scores(as_ref(write_frames(tmp_path / "above", above)), rows)
    assert low[0] == pytest.approx(high[0])  # the whole frame cannot tell them apart
    assert high[1].max() > 10 * max(low[1].max(), 1.0)


def test_every_frame_has_a_value(tmp_path: Path) -> None:
    normal = as_ref(write_video(tmp_path / "n.mp4", moving_square_video(30, 96, 128, seed=0)))
    rows = fit_rows([normal])
    for n in (1, 2, 7):
        ref = as_ref(write_video(tmp_path / f"{n}.mp4", moving_square_video(n, 96, 128, seed=1)))
        for scores in motion_scores(ref, rows):
            assert scores.shape == (n,) and np.isfinite(scores).all()


def test_without_normal_video() -> None:
    with pytest.raises(TrainingError, match="needs normal video"):
        RowMotion().value(np.zeros((20, 26)))
