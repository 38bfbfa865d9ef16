from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from normalcy.scoring.smooth import smooth, smoother


def slow_gaussian(x: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """The definition, frame by frame: weights exp(-d^2 / 2 sigma^2) within 3 sigma, renormalised over what exists."""
    reach = int(np.ceil(3 * sigma))
    out = []
    for i in range(len(x)):
        js = [j for j in range(len(x)) if abs(j - i) <= reach]
        w = np.array([np.exp(-0.5 * ((j - i) / sigma) ** 2) for j in js])
        out.append((w * x[js]).sum() / w.sum())
    return np.array(out)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=40), st.floats(0.3, 6.0))
def test_the_stream_equals_the_definition(values: list[float], sigma: float) -> None:
    x = np.array(values)
    np.testing.assert_allclose(smooth(x, "gaussian", sigma), slow_gaussian(x, sigma), atol=1e-9)


def test_the_peak_of_a_gaussian_is_not_shifted() -> None:
    x = np.zeros(41)
    x[20] = 1.0
    assert int(smooth(x, "gaussian", 3.0).argmax()) == 20


def test_ema_is_causal() -> None:
    x = np.zeros(20)
    x[10] = 1.0
    y = smooth(x, "ema", 3.0)
    assert np.all(y[:10] == 0.0)
    assert y[10] > y[11] > 0.0


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="median"):
        smoother("median", 1.0)
