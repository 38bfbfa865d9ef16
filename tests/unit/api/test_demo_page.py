"""Which frames of a video the demo's report shows."""

from __future__ import annotations

import numpy as np

from normalcy.api.demo_page import strip_frames


def test_strip_shows_truth_normal_time_and_the_highest_score() -> None:
    truth = np.zeros(100, np.uint8)
    truth[60:81] = 1
    score = np.zeros(100)
    score[10] = 1  # a false alarm is shown, not hidden
    assert strip_frames(score, truth) == [10, 29, 70]
    assert strip_frames(score, np.zeros(100, np.uint8)) == [10, 49]
    assert strip_frames(score, np.ones(100, np.uint8)) == [10, 49]
    assert len(strip_frames(np.arange(9.0), np.array([1, 0, 1, 0, 1, 0, 1, 0, 1], np.uint8))) <= 4
