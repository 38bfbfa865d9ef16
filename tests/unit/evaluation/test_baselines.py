"""Baselines that never look at the picture: their post-processing and the rows made of them."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from normalcy.evaluation.baselines import content_free_rows, fixed_scores, random_draws
from normalcy.evaluation.evaluate import evaluate
from normalcy.evaluation.protocol import PEEKED, Protocol, post_processed
from normalcy.metrics.auc import frame_metrics
from normalcy.metrics.baselines import DRAWS, RANDOM
from normalcy.scoring.smooth import smooth

LENGTHS = {"a": 200, "b": 160, "c": 240}
SMOOTH = Protocol("train, gaussian", None, "gaussian", dict.fromkeys(LENGTHS, 15.0))


def truth() -> dict[str, np.ndarray]:
    """One stretch per video, in the middle."""
    return {n: ((np.arange(k) > k / 3) & (np.arange(k) < k / 2)).astype(np.uint8) for n, k in LENGTHS.items()}


def test_smooths_first_and_normalises_then() -> None:
    raw = {"a": np.array([0.0, 0.0, 9.0, 0.0, 0.0])}
    np.testing.assert_array_equal(post_processed(raw, Protocol())["a"], raw["a"])
    smoothed = post_processed(raw, Protocol(smoothing="gaussian", sigma={"a": 1.0}))["a"]
    assert smoothed[1] > 0
    peeked = Protocol("per_video", PEEKED, "gaussian", {"a": 1.0})
    both = post_processed(raw, peeked)["a"]
    assert (both.min(), both.max()) == (0.0, 1.0)
    np.testing.assert_allclose(both, (smoothed - smoothed.min()) / (smoothed.max() - smoothed.min()))
    np.testing.assert_array_equal(post_processed({"a": np.ones(5)}, peeked)["a"], np.zeros(5))


def test_smoothing_is_per_video() -> None:
    lengths = {"a": 40, "b": 7}
    found = list(random_draws(lengths, Protocol(smoothing="ema", sigma={"a": 5.0, "b": 0.0})))
    raw = list(random_draws(lengths, Protocol()))
    assert len(found) == len(raw) == DRAWS
    for f, r in zip(found, raw, strict=True):
        assert f["a"] == pytest.approx(smooth(r["a"], "ema", 5.0))
        np.testing.assert_array_equal(f["b"], r["b"])
    assert np.ptp(fixed_scores(lengths, Protocol(smoothing="ema", sigma={"a": 5.0, "b": 1.0}))["constant"]["a"]) == 0


def test_random_row_is_the_mean_of_its_draws_and_its_interval_their_middle() -> None:
    row = content_free_rows(truth(), SMOOTH, seed=3)[0]
    assert (row.name, row.protocol) == ("random (mean of 20)", "train, gaussian")
    draws = [frame_metrics(s, truth()) for s in random_draws(LENGTHS, SMOOTH, seed=3)]
    for metric, value in row.values.items():
        each = np.array([getattr(d, metric) for d in draws])
        assert value == pytest.approx(each.mean())
        bounds = row.intervals[metric]
        assert (bounds.low, bounds.high) == pytest.approx(tuple(np.quantile(each, [0.025, 0.975])))
    assert len({d.micro_auc for d in draws}) == DRAWS


def test_random_row_holds_one_half_where_a_single_draw_is_far_from_it() -> None:
    for seed in range(5):
        row = content_free_rows(truth(), SMOOTH, seed)[0]
        micro, bounds = row.values["micro_auc"], row.intervals["micro_auc"]
        assert micro is not None and bounds.low is not None and bounds.high is not None
        assert micro == pytest.approx(0.5, abs=0.12)
        assert bounds.low < 0.4 and bounds.high > 0.6
        assert bounds.low < 0.5 < bounds.high


def test_same_seed_same_row_and_another_seed_other_draws() -> None:
    one, again, other = (content_free_rows(truth(), SMOOTH, s)[0] for s in (0, 0, 1))
    assert one == again
    assert one.values["micro_auc"] != other.values["micro_auc"]
    first, second = ({float(s["a"][0]) for s in random_draws(LENGTHS, SMOOTH, seed)} for seed in (0, 1))
    assert not first & second


def test_the_other_rows_have_intervals_over_videos() -> None:
    rows = content_free_rows(truth(), SMOOTH, resamples=10)
    assert [r.name for r in rows] == [RANDOM, "constant", "position"]
    assert rows[1].values["micro_auc"] == 0.5
    assert rows[1].intervals["micro_auc"].low == rows[1].intervals["micro_auc"].high == 0.5
    assert rows[2].intervals["micro_auc"].low is not None


def test_every_row_says_that_it_peeked() -> None:
    rows = content_free_rows(truth(), Protocol("per_video", PEEKED))
    assert {r.peeked for r in rows} == {PEEKED}


def test_undefined_metric_has_neither_value_nor_interval_but_a_reason() -> None:
    one_class = {"a": np.zeros(20, np.uint8), "b": np.ones(20, np.uint8)}
    row = content_free_rows(one_class, Protocol())[0]
    assert row.values["macro_auc_defined"] is None
    assert row.intervals["macro_auc_defined"].low is None
    assert row.intervals["macro_auc_defined"].reason == "no video of both classes"
    assert row.values["micro_auc"] is not None


def test_evaluation_holds_the_same_rows_also_as_plain_values() -> None:
    mine = {n: y.astype(float) for n, y in truth().items()}
    found = evaluate(mine, truth(), masks=None, versus=None, name="mine", resamples=5, seed=2)
    rows = content_free_rows(truth(), Protocol(), seed=2, resamples=5)
    assert found.rows[1:] == rows
    assert found.to_dict()["rows"][1] == asdict(rows[0])
    assert found.to_dict()["rows"][1]["intervals"]["micro_auc"]["low"] is not None
