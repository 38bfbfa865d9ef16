"""Cross-fitted calibration against the definition, worked out by hand on steered readouts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from normalcy.config import ScoringConfig
from normalcy.errors import TrainingError
from normalcy.scoring.readouts import Motion
from normalcy.scoring.statistics import RawReadings, calibrate_folds, centre_and_scale

S = ScoringConfig(readouts=("motion",), bands=1, columns=1, top=1.0)


def raw(*levels: float) -> RawReadings:
    """Windows whose one map is everywhere of that level."""
    out = RawReadings([Motion(None)])  # type: ignore[arg-type]
    if levels:
        out.maps[0].append(torch.tensor(levels)[:, None, None, None].expand(-1, 1, 4, 6).contiguous())
    return out


def test_a_fold_is_measured_against_the_others() -> None:
    a, b = np.array([1.0, 2.0, 3.0, 6.0]), np.array([10.0, 12.0, 13.0, 17.0])
    fitted = calibrate_folds([raw(*a), raw(*b)], S)
    values = np.concatenate([(a - b.mean()) / b.std(), (b - a.mean()) / a.std()])
    centre, scale = centre_and_scale(values)
    for normal in (n.readouts["motion"] for n in (fitted.whole, *fitted.without)):
        assert (normal.centre, normal.scale) == (pytest.approx(centre, rel=1e-4), pytest.approx(scale, rel=1e-4))
    means = [float(n.readouts["motion"].place.mean_KZ[0, 0]) for n in fitted.without]
    assert means == [pytest.approx(b.mean()), pytest.approx(a.mean())]
    assert float(fitted.whole.readouts["motion"].place.mean_KZ[0, 0]) == pytest.approx(np.concatenate([a, b]).mean())


def test_one_fold_serves_itself_and_empty_ones_are_passed_over() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    alone = calibrate_folds([raw(*x)], S)
    assert alone.whole.readouts["motion"].centre == pytest.approx(0.0, abs=1e-6)
    beside = calibrate_folds([raw(), raw(*x)], S)
    assert beside.whole.readouts["motion"].centre == alone.whole.readouts["motion"].centre and len(beside.without) == 2


def test_no_window_is_an_error() -> None:
    with pytest.raises(TrainingError, match="no normal video"):
        calibrate_folds([raw(), raw()], S)


def test_quartiles_tell_the_scale_but_never_under_a_third_of_the_deviation() -> None:
    """A readout that is nearly always the same would rule the fused score if its quartiles alone were believed."""
    gauss = np.random.default_rng(0).normal(3.0, 2.0, 20_000)
    centre, scale = centre_and_scale(np.append(gauss, [1000.0]))  # one odd window moves neither
    assert (centre, scale) == (pytest.approx(3.0, abs=0.05), pytest.approx(2.36, abs=0.2))
    nearly_constant = np.append(np.zeros(90), np.ones(10))  # quartiles 0 and 0, standard deviation 0.3
    assert centre_and_scale(nearly_constant) == (0.0, pytest.approx(0.1))
    assert centre_and_scale(np.full(9, 5.0)) == (5.0, 1e-6)
