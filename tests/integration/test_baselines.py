"""Motion baselines go through the model's smoothing, video by video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from normalcy.api.baselines import BY_ROW, GLOBAL, content_free_scores, motion_scores
from normalcy.scoring.smooth import smooth
from road import FPS


def test_motion_scores(normal: Path, odd: Path) -> None:
    raw = motion_scores(normal, odd, "none", 0.0)
    assert list(raw) == [GLOBAL, BY_ROW]
    smoothed = motion_scores(normal, odd, "gaussian", 0.2)
    for method, videos in raw.items():
        assert list(videos) == ["odd"] and videos["odd"].shape == (60,)
        assert smoothed[method]["odd"] == pytest.approx(smooth(videos["odd"], "gaussian", 0.2 * FPS))
        assert videos["odd"][31:44].mean() > videos["odd"][:29].mean()


def test_content_free_scores_are_smoothed_per_video() -> None:
    found = content_free_scores({"a": 40, "b": 7}, "ema", {"a": 5.0, "b": 0.0})
    raw = content_free_scores({"a": 40, "b": 7}, "none", {"a": 0.0, "b": 0.0})
    assert set(found) == {"random", "constant", "position"}
    assert found["random"]["a"] == pytest.approx(smooth(raw["random"]["a"], "ema", 5.0))
    assert np.array_equal(found["random"]["b"], raw["random"]["b"])
    assert np.ptp(found["constant"]["a"]) == 0
