"""benchmarks/saliency.py: gradients of a density, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from made_models import fitted_model, square_frames, tiny_config
from normalcy.video.writer import VideoWriter
from saliency import looks, on_anomaly, panel


def test_shares_by_hand() -> None:
    mask = np.zeros((40, 40), np.bool_)
    mask[10:20, 10:20] = True
    at = np.zeros((40, 40), np.float32)
    at[12:18, 12:18] = 3.0
    share, over, top = on_anomaly(at, mask)
    assert (share, over, top) == (pytest.approx(1.0), pytest.approx(16.0), True)
    assert on_anomaly(np.ones((40, 40), np.float32), mask)[1] == pytest.approx(1.0)
    assert not on_anomaly(at[::-1, ::-1].copy(), mask)[2]


def test_the_gradient_lies_where_something_moves(tmp_path: Path) -> None:
    cfg = tiny_config("scoring.readouts=[density]", "clip.fps=null", "scoring.top=0.02")
    frames = square_frames(30)
    model = fitted_model(
        cfg, np.repeat(frames[:1], 30, axis=0) + np.random.default_rng(0).integers(0, 3, frames.shape, np.uint8)
    )
    h, w = frames.shape[1:3]
    with VideoWriter(tmp_path / "01.mp4", (w, h), 10.0) as out:
        for i, frame in enumerate(frames):
            out.write(frame, i / 10)
    moved = np.abs(np.diff(frames.astype(int), axis=0)).sum(axis=-1) > 40
    masks = np.concatenate([moved[:1], moved])
    masks = np.stack([cv2.dilate(m.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0 for m in masks])
    np.savez(tmp_path / "01.npz", masks=masks)
    found = list(looks(model, tmp_path / "01.mp4", tmp_path / "01.npz", 4))
    assert len(found) == 4
    assert all(look.gradient.shape == look.mask.shape == (h, w) and look.gradient.max() > 0 for look in found)
    assert np.median([on_anomaly(look.gradient, look.mask)[1] for look in found]) > 2.0
    assert panel(found[0]).shape == (h, 2 * w, 3)
