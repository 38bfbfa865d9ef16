"""Bootstrap intervals and paired comparison against frames that are really copied and concatenated."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalcy.errors import MetricError, UsageError
from normalcy.metrics.auc import CountCurve, auc, frame_metrics
from normalcy.metrics.bootstrap import METRICS, bootstrap, draw, needs, percentile
from normalcy.metrics.compare import compare
from normalcy.metrics.inputs import check
from normalcy.metrics.pairs import PairTable


def make(seed: int, videos: int, signal: float = 1.0, frames: int = 12):  # type: ignore[no-untyped-def]
    """Scores with ties, labels with a few one-class videos."""
    rng = np.random.default_rng(seed)
    labels = {f"v{i:02}": (rng.random(frames) < rng.choice([0.0, 0.3, 0.5, 1.0])).astype(int) for i in range(videos)}
    labels["v00"] = np.arange(frames) % 2
    return {n: np.round(rng.normal(size=frames) + signal * y, 1) for n, y in labels.items()}, labels


def copied(values, names, row):  # type: ignore[no-untyped-def]
    """The resampled set as arrays: each video as often as it was drawn."""
    return [values[n] for n, times in zip(names, row, strict=True) for _ in range(times)]


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_intervals_equal_those_of_really_copied_videos(seed: int, videos: int) -> None:
    scores, labels = make(seed, videos)
    result = bootstrap(scores, labels, resamples=40, seed=seed, level=0.8)
    data = check(scores, labels)
    counts, redrawn = draw(needs(data), 40, seed)
    assert counts.sum(axis=1).tolist() == [videos] * 40
    assert result.redrawn == redrawn
    slow: dict[str, list[float]] = {name: [] for name in METRICS}
    for row in counts:
        s, y = copied(scores, data.names, row), copied(labels, data.names, row)
        # as separate videos with names of their own, so that the plain metrics do the work
        m = frame_metrics({str(i): v for i, v in enumerate(s)}, {str(i): v for i, v in enumerate(y)})
        for name in METRICS:
            slow[name].append(getattr(m, name))
    both = sum(0 < y.sum() < len(y) for y in labels.values())
    for name in METRICS:
        if name == "macro_auc_defined" and both < 2:
            assert result.intervals[name].low is None
            assert "1 video of both classes" in (result.intervals[name].reason or "")
            continue
        expected = percentile(np.array(slow[name]), 0.8)
        assert result.intervals[name].low == pytest.approx(expected.low, abs=1e-12)
        assert result.intervals[name].high == pytest.approx(expected.high, abs=1e-12)
        assert result.intervals[name].reason is None


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_the_pair_table_is_the_micro_auc_plain_and_resampled(seed: int, videos: int) -> None:
    scores, labels = make(seed, videos)
    data = check(scores, labels)
    table = PairTable.labelled(data)
    assert table.auc() == pytest.approx(CountCurve.of(*data.joined()).auc(), abs=1e-12)
    assert table.contributions().sum() == pytest.approx(table.auc(), abs=1e-12)
    counts, _ = draw(needs(data), 20, seed)
    for row, value in zip(counts, table.resampled(counts), strict=True):
        s, y = np.concatenate(copied(scores, data.names, row)), np.concatenate(copied(labels, data.names, row))
        assert value == pytest.approx(auc(s, y > 0), abs=1e-12)


def test_same_seed_same_interval_other_seed_other_interval() -> None:
    scores, labels = make(1, 8)
    first = bootstrap(scores, labels, resamples=100, seed=3)
    assert first == bootstrap(scores, labels, resamples=100, seed=3)
    assert first.intervals != bootstrap(scores, labels, resamples=100, seed=4).intervals


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Normal scores shifted by 1 have AUC Phi(1 / sqrt 2) = 0.760."""
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = {str(i): np.repeat([0, 1], 10) for i in range(20)}
        scores = {n: rng.normal(size=20) + y for n, y in labels.items()}
        interval = bootstrap(scores, labels, resamples=200, seed=seed, level=0.9).intervals["micro_auc"]
        assert interval.low is not None and interval.high is not None
        covered += interval.low <= 0.7602 <= interval.high
    assert 45 <= covered <= 60


def test_one_video_has_no_interval_and_says_why() -> None:
    result = bootstrap({"a": [1, 2, 3]}, {"a": [0, 1, 0]})
    assert set(result.intervals) == set(METRICS)
    assert all(
        i.low is None and i.high is None and i.reason == "1 video; resampling needs 2" for i in result.intervals.values()
    )
    difference = compare({"a": [1, 2, 3]}, {"a": [3, 1, 2]}, {"a": [0, 1, 0]}).micro_auc
    assert difference.interval.low is None and difference.interval.reason
    assert (difference.a, difference.b, difference.difference) == (0.5, 0.0, 0.5)


def test_draws_of_one_class_are_drawn_again_and_counted() -> None:
    """Two one-class videos: half of the draws hold one of them twice."""
    result = bootstrap({"a": [1.0, 2.0], "b": [3.0, 4.0]}, {"a": [0, 0], "b": [1, 1]}, resamples=1000)
    assert 800 < result.redrawn < 1200
    assert result.intervals["micro_auc"].low == 1.0
    assert result.intervals["macro_auc_defined"].reason == "0 videos of both classes; resampling needs 2"


def test_a_draw_that_can_never_hold_what_it_needs_is_an_error() -> None:
    with pytest.raises(MetricError, match="undefined"):
        draw([np.array([0, 0])], 10, 0)


@pytest.mark.parametrize(
    "settings_", [{"resamples": 0}, {"level": 0.0}, {"level": 1.0}, {"level": 95.0}, {"level": float("nan")}]
)
def test_settings_that_give_no_interval_are_refused(settings_) -> None:  # type: ignore[no-untyped-def]
    scores, labels = make(0, 3)
    with pytest.raises(UsageError, match="bootstrap"):
        bootstrap(scores, labels, **settings_)
    with pytest.raises(UsageError, match="bootstrap"):
        compare(scores, scores, labels, **settings_)


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_contributions_add_up_and_swapping_the_methods_flips_the_sign(seed: int, videos: int) -> None:
    a, labels = make(seed, videos)
    b = {n: np.roll(s, 3) for n, s in a.items()}
    forward, back = compare(a, b, labels, resamples=20), compare(b, a, labels, resamples=20)
    plain_a, plain_b = frame_metrics(a, labels), frame_metrics(b, labels)
    for name in ("micro_auc", "macro_auc_padded", "macro_auc_defined"):
        d, e = getattr(forward, name), getattr(back, name)
        assert d.a == pytest.approx(getattr(plain_a, name), abs=1e-12)
        assert d.b == pytest.approx(getattr(plain_b, name), abs=1e-12)
        assert d.difference == pytest.approx(d.a - d.b, abs=1e-12)
        assert sum(d.contributions.values()) == pytest.approx(d.difference, abs=1e-12)
        assert e.difference == pytest.approx(-d.difference, abs=1e-12)
        if d.interval.low is not None:
            assert (e.interval.low, e.interval.high) == pytest.approx((-d.interval.high, -d.interval.low), abs=1e-12)


def test_the_difference_comes_from_the_video_that_differs() -> None:
    labels = {n: np.repeat([0, 1], 20) for n in "abcdef"}
    rng = np.random.default_rng(0)
    good = {n: rng.normal(size=40) + 2 * y for n, y in labels.items()}
    bad = good | {"d": rng.normal(size=40)}
    result = compare(good, bad, labels, resamples=200)
    assert result.micro_auc.largest(1)[0][0] == "d"
    assert result.macro_auc_padded.largest()[0][0] == "d"
    assert result.macro_auc_defined is not None
    assert [n for n, v in result.macro_auc_defined.contributions.items() if v != 0] == ["d"]
    assert len(result.micro_auc.largest(3)) == 3


def test_pairing_makes_the_interval_narrower_than_either_methods_own() -> None:
    """Video d is hard for both methods: resampling moves both, the paired difference stays."""
    rng = np.random.default_rng(1)
    labels = {n: np.repeat([0, 1], 30) for n in "abcdef"}
    a = {n: rng.normal(size=60) + (0.0 if n in "de" else 3.0) * y for n, y in labels.items()}
    b = {n: s + 0.05 * rng.normal(size=60) for n, s in a.items()}
    own, paired = bootstrap(a, labels).intervals["micro_auc"], compare(a, b, labels).micro_auc.interval
    assert own.low is not None and own.high is not None and paired.low is not None and paired.high is not None
    assert paired.high - paired.low < 0.2 * (own.high - own.low)


def test_a_method_against_itself_has_no_difference() -> None:
    scores, labels = make(2, 5)
    d = compare(scores, scores, labels, resamples=50).micro_auc
    assert d.difference == 0 and d.interval.low == 0 and d.interval.high == 0
    assert set(d.contributions.values()) == {0.0}


def test_no_video_with_both_classes_leaves_defined_out_of_the_comparison() -> None:
    labels = {"a": [0, 0], "b": [1, 1]}
    result = compare({"a": [1, 2], "b": [3, 4]}, {"a": [1, 3], "b": [2, 4]}, labels, resamples=20)
    assert result.macro_auc_defined is None
    assert result.micro_auc.difference == pytest.approx(0.25)


def test_to_dict_survives_json() -> None:
    scores, labels = make(3, 4)
    for result in (bootstrap(scores, labels, resamples=10), compare(scores, scores, labels, resamples=10)):
        back = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert back["videos"] == 4 and back["resamples"] == 10
