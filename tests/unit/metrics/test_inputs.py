"""The check that every metric starts with: wrong input is an error that names the video, never a number."""

from __future__ import annotations

import numpy as np
import pytest

from normalcy.errors import DataError, MetricError
from normalcy.metrics.auc import frame_metrics
from normalcy.metrics.bootstrap import bootstrap
from normalcy.metrics.compare import compare
from normalcy.metrics.inputs import check

LABELS = {"01": [0, 1, 0], "02": [1, 1, 0, 0]}
SCORES = {"01": [0.1, 0.9, 0.2], "02": [0.8, 0.7, 0.3, 0.1]}
ENTRANCES = [
    lambda s, y: frame_metrics(s, y),
    lambda s, y: bootstrap(s, y, resamples=5),
    lambda s, y: compare(s, s, y, resamples=5),
    lambda s, y: compare({k: np.zeros(len(v)) for k, v in y.items()}, s, y, resamples=5),
]


def test_good_input_comes_out_in_name_order_whatever_the_types() -> None:
    data = check({"b": np.array([1, 2], dtype=np.int8), "a": [True, False]}, {"b": [0.0, 1.0], "a": np.array([True, False])})
    assert data.names == ("a", "b")
    assert [s.dtype for s in data.scores] == [np.float64, np.float64]
    np.testing.assert_array_equal(data.scores[0], [1.0, 0.0])
    assert data.abnormal.tolist() == [1, 1]
    assert data.normal.tolist() == [1, 1]


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize(
    ("scores", "labels", "error", "words"),
    [
        ({}, {}, DataError, ["no video"]),
        ({"01": SCORES["01"]}, LABELS, DataError, ["only in labels", "'02'"]),
        (SCORES | {"03": [1.0]}, LABELS, DataError, ["only in scores", "'03'"]),
        (SCORES | {"02": [0.1, 0.2, 0.3]}, LABELS, DataError, ["scores of video '02' have 3", "labels of video '02' have 4"]),
        (SCORES | {"02": [[0.1, 0.2, 0.3, 0.4]]}, LABELS, DataError, ["'02'", "1-D", "(1, 4)"]),
        (SCORES | {"02": ["a", "b", "c", "d"]}, LABELS, DataError, ["'02'", "numbers"]),
        (SCORES | {"02": [0.1, np.nan, 0.3, np.nan]}, LABELS, MetricError, ["'02'", "frame 1", "nan", "2 such"]),
        (SCORES | {"01": [0.1, 0.2, -np.inf]}, LABELS, MetricError, ["'01'", "frame 2", "-inf"]),
        (SCORES, LABELS | {"01": [0, 2, 0]}, DataError, ["labels of video '01'", "frame 1 is 2"]),
        (SCORES, LABELS | {"01": [0, -1, 0]}, DataError, ["frame 1 is -1"]),
        (SCORES, LABELS | {"01": [0, np.nan, 0]}, DataError, ["frame 1 is nan"]),
        (SCORES | {"01": []}, LABELS | {"01": []}, DataError, ["'01'", "no frames"]),
        (SCORES, {"01": [0, 0, 0], "02": [0, 0, 0, 0]}, MetricError, ["all 7 frames of 2 videos are normal"]),
        (SCORES, {"01": [1, 1, 1], "02": [1, 1, 1, 1]}, MetricError, ["all 7 frames of 2 videos are abnormal"]),
    ],
)
def test_wrong_input_is_an_error_that_says_where(entrance, scores, labels, error, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error) as caught:
        entrance(scores, labels)
    assert type(caught.value) is error
    for word in words:
        assert word in str(caught.value)


def test_many_odd_names_are_counted_not_listed_in_full() -> None:
    with pytest.raises(DataError, match="and 7 more"):
        check({f"{i:02}": [0.0] for i in range(12)}, {"x": [1]})
