"""The baselines that look at the picture go through the model's smoothing, video by video."""

from __future__ import annotations

from pathlib import Path

import pytest

from normalcy.evaluation.baselines import PICTURE, motion_scores
from normalcy.scoring.smooth import smooth
from road import FPS


def test_motion_scores(normal: Path, odd: Path) -> None:
    raw = motion_scores(normal, odd, "none", 0.0)
    assert list(raw) == list(PICTURE)
    smoothed = motion_scores(normal, odd, "gaussian", 0.2)
    for method, videos in raw.items():
        assert list(videos) == ["odd"] and videos["odd"].shape == (60,)
        assert smoothed[method]["odd"] == pytest.approx(smooth(videos["odd"], "gaussian", 0.2 * FPS))
        assert videos["odd"][31:44].mean() > videos["odd"][:29].mean()
