"""What every smoothing keeps: run over the whole dictionary, so a new one is held to it by its name alone."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalcy.config import ScoringConfig
from normalcy.scoring.smooth import SMOOTHINGS, describe, smooth, smoother

names = pytest.mark.parametrize("name", SMOOTHINGS)


def test_the_configuration_names_all_of_them() -> None:
    assert set(get_args(ScoringConfig.model_fields["smoothing"].annotation)) == set(SMOOTHINGS)


@names
def test_it_says_what_it_is(name: str) -> None:
    assert SMOOTHINGS[name].name == name and len(SMOOTHINGS[name].words.split()) >= 2
    assert describe(name, 0.0) == "not smoothed"
    assert len({s.words for s in SMOOTHINGS.values()}) == len(SMOOTHINGS)
    said = describe(name, 0.5)
    assert said == ("not smoothed" if name == "none" else f"smoothed by {SMOOTHINGS[name].words}, sigma 0.5 s")


@names
@pytest.mark.parametrize("frames", [1, 3, 80])
def test_every_frame_comes_out_once_after_the_delay_that_it_states(name: str, frames: int) -> None:
    s = smoother(name, 2.0)
    given_out = [len(s.push(np.array([float(i), 1.0]))) for i in range(frames)]
    assert given_out == [int(i >= s.delay) for i in range(frames)]
    assert len(s.finish()) == min(s.delay, frames)


@names
@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 59), sigma=st.floats(0.3, 6.0))
def test_it_looks_no_further_ahead_than_its_delay(name: str, start: int, sigma: float) -> None:
    """What happens from frame ``start`` on changes nothing more than ``delay`` frames before it."""
    x = np.random.default_rng(0).normal(size=60)
    other = x.copy()
    other[start:] += 10.0
    same = smooth(x, name, sigma) == smooth(other, name, sigma)
    assert same[: max(0, start - smoother(name, sigma).delay)].all()


@names
@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-10, 10), min_size=1, max_size=40), sigma=st.floats(0.3, 6.0))
def test_it_is_a_mean(name: str, values: list[float], sigma: float) -> None:
    """Between the lowest and the highest value everywhere, at both ends too; a constant stays what it is."""
    x = np.array(values)
    y = smooth(x, name, sigma)
    assert y.shape == x.shape
    assert y.min() >= x.min() - 1e-9 and y.max() <= x.max() + 1e-9
    np.testing.assert_allclose(smooth(np.full(50, 3.0), name, sigma), 3.0)


@names
def test_a_width_of_zero_smooths_nothing(name: str) -> None:
    x = np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_array_equal(smooth(x, name, 0.0), x)
