from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.scoring.threshold import Threshold, fit_threshold, run_peaks


def alarms_per_hour(score: np.ndarray, time_s: np.ndarray, threshold: float, gap_s: float) -> float:
    hours = (time_s[-1] - time_s[0]) / 3600
    return len(run_peaks(score, time_s, threshold, gap_s)) / hours


def noise(hours: float, seed: int, fps: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    n = int(hours * 3600 * fps)
    return np.arcsinh(np.random.default_rng(seed).exponential(1.0, n)), np.arange(n) / fps


def test_runs_closer_than_the_gap_are_one() -> None:
    t = np.arange(10.0)
    s = np.array([0, 5, 0, 6, 0, 0, 0, 0, 7, 0.0])
    assert run_peaks(s, t, 1.0, 1.0).tolist() == [5, 6, 7]
    assert run_peaks(s, t, 1.0, 2.0).tolist() == [6, 7]
    assert run_peaks(s, t, 9.0, 2.0).size == 0


def test_with_enough_video_the_budget_is_kept_on_new_video() -> None:
    fitted = fit_threshold([noise(4.0, 0)], 20.0, 0.5)
    assert fitted.tail == "empirical"
    assert 10 < alarms_per_hour(*noise(4.0, 1), fitted.value, 0.5) < 40


def test_with_too_little_video_the_tail_is_extrapolated_and_says_so() -> None:
    fitted = fit_threshold([noise(0.2, 0)], 1.0, 0.5)
    assert fitted.tail == "exponential"
    assert "too little to count" in fitted.sentence()
    assert "12.0 minutes" in fitted.sentence()
    # The scores really have an exponential tail here, so the extrapolation has to be about right.
    assert alarms_per_hour(*noise(10.0, 1), fitted.value, 0.5) < 4.0
    assert fitted.value < noise(10.0, 1)[0].max() + 3


def test_little_video_does_not_put_the_alarm_out_of_reach() -> None:
    """Deviations with an exponential tail: what one false alarm an hour allows is at ten or so, which asinh makes three."""
    fitted = fit_threshold([noise(2.4 / 60, 0)], 1.0, 1.0)
    assert 2.0 < fitted.value < 4.0
    assert np.sinh(fitted.value) == pytest.approx(
        fitted.level + fitted.tail_scale * np.log(fitted.peaks / (2.4 / 60)), rel=0.02
    )


def test_another_budget_is_the_one_it_would_have_been_fitted_for() -> None:
    fitted = fit_threshold([noise(0.1, 5)], 1.0, 0.5)
    assert fitted.for_budget(5.0).value == pytest.approx(fit_threshold([noise(0.1, 5)], 5.0, 0.5).value)


@given(st.floats(0.1, 50.0), st.floats(1.1, 20.0))
def test_a_smaller_budget_never_lowers_the_threshold(budget: float, factor: float) -> None:
    video = [noise(0.3, 3)]
    assert fit_threshold(video, budget, 0.5).value >= fit_threshold(video, budget * factor, 0.5).value - 1e-9


def test_a_constant_score_gives_a_threshold_it_does_not_exceed() -> None:
    t = np.arange(100) / 10
    assert fit_threshold([(np.zeros(100), t)], 1.0, 1.0).value >= 0.0


def test_it_survives_the_model_folder() -> None:
    fitted = fit_threshold([noise(0.2, 0)], 1.0, 0.5)
    assert Threshold.from_dict(fitted.to_dict()) == fitted


@pytest.mark.parametrize("split", [2, 5])
def test_pieces_are_counted_apart(split: int) -> None:
    s, t = noise(1.0, 4)
    whole = fit_threshold([(s, t)], 5.0, 0.5)
    parts = fit_threshold(list(zip(np.array_split(s, split), np.array_split(t, split), strict=True)), 5.0, 0.5)
    assert parts.normal_hours == pytest.approx(whole.normal_hours, rel=1e-3)
    assert parts.value == pytest.approx(whole.value, rel=0.05)
