"""Cross-fitted calibration of objects against the definition, worked out by hand on steered values."""

from __future__ import annotations

import numpy as np
import pytest

from normalcy.config import Config
from normalcy.detection.boxes import Boxes
from normalcy.errors import TrainingError
from normalcy.objects.readouts import FlowReadout
from normalcy.objects.statistics import Cells, ObjectNormal, ObjectValues, calibrate_folds
from normalcy.presets import load_config
from normalcy.scoring.statistics import centre_and_scale
from objects_help import boxes

A, B = np.array([1.0, 2.0, 3.0, 6.0]), np.array([10.0, 12.0, 13.0, 17.0])


def config(*sets: str) -> Config:
    return load_config("tiny", environ={}, sets=["level=object", "scoring.bands=1", "objects.sizes=1", *sets])


def seen(*values: float) -> ObjectValues:
    """Frames of 64x48 with one object each of that value."""
    return ObjectValues(np.array(values).reshape(-1, 1), [boxes((4, 4, 20, 20)) for _ in values], (64, 48), 25.0)


def test_a_fold_is_measured_against_the_others() -> None:
    fitted = calibrate_folds([[seen(*A)], [seen(*B)]], [FlowReadout(0)], config())
    tops = np.concatenate([(A - B.mean()) / B.std(), (B - A.mean()) / A.std()])
    fused = np.arcsinh(np.maximum(tops, 0.0))
    expected = [centre_and_scale(tops), centre_and_scale(fused)]
    for normal in (fitted.whole, *fitted.without):
        np.testing.assert_allclose(np.stack([normal.centre_R, normal.scale_R], axis=1), expected, rtol=1e-4)
        assert normal.map_scale == pytest.approx(np.quantile(fused, 0.99), rel=1e-4)
    means = [float(n.cells.mean_RZ[0, 0]) for n in (*fitted.without, fitted.whole)]
    assert means == pytest.approx([B.mean(), A.mean(), np.concatenate([A, B]).mean()])


def test_measured_on_itself_normal_looks_tighter() -> None:
    itself = calibrate_folds([[seen(*A), seen(*B)]], [FlowReadout(0)], config()).whole
    crossed = calibrate_folds([[seen(*A)], [seen(*B)]], [FlowReadout(0)], config()).whole
    assert crossed.scale_R[0] > 2 * itself.scale_R[0]


def test_size_classes_are_those_of_the_other_folds() -> None:
    def of(side: float) -> ObjectValues:
        return ObjectValues(np.ones((4, 1)), [boxes((0, 0, side * k, side * k)) for k in (1, 2, 3, 4)], (64, 48), 25.0)

    fitted = calibrate_folds([[of(4)], [of(8)]], [FlowReadout(0)], config("objects.sizes=2"))
    unit = np.sqrt(64 * 48)
    np.testing.assert_allclose([n.cells.edges[0] * unit for n in fitted.without], [20, 10], rtol=1e-5)
    assert fitted.whole.cells.edges[0] * unit == pytest.approx(14)


def test_one_fold_with_objects_serves_itself() -> None:
    alone = calibrate_folds([[seen(*A)]], [FlowReadout(0)], config())
    beside = calibrate_folds([[seen()], [seen(*A)], []], [FlowReadout(0)], config())
    np.testing.assert_array_equal(beside.whole.centre_R, alone.whole.centre_R)
    assert len(beside.without) == 3
    with pytest.raises(TrainingError, match="found no object"):
        calibrate_folds([[ObjectValues(np.zeros((0, 1)), [Boxes.none()], (64, 48), 25.0)]], [FlowReadout(0)], config())


def test_state_there_and_back() -> None:
    whole = calibrate_folds([[seen(*A)], [seen(*B)]], [FlowReadout(0)], config()).whole
    again = ObjectNormal.from_state(*whole.state())
    assert isinstance(again.cells, Cells) and again.map_scale == whole.map_scale
    z = [n.cells.z(A[:, None], seen(*A).xyxy_N4, (64, 48), [False]) for n in (whole, again)]
    np.testing.assert_array_equal(z[0], z[1])
