"""Frame metrics against pair counting, scikit-learn, and cases worked out by hand."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from normalcy.errors import MetricError
from normalcy.metrics.auc import CountCurve, auc, frame_metrics, padded_auc, padded_chance


def pair_count(scores, labels) -> float:  # type: ignore[no-untyped-def]
    """AUC from its meaning: over all pairs of an abnormal and a normal frame, won = 1, tied = 1/2. O(N^2) on purpose."""
    won = pairs = 0.0
    for s, y in zip(scores, labels, strict=True):
        for t, z in zip(scores, labels, strict=True):
            if y and not z:
                pairs += 1
                won += 1.0 if s > t else 0.5 if s == t else 0.0
    return won / pairs


def slow_eer(scores, labels) -> float:  # type: ignore[no-untyped-def]
    """Walk the ROC segment by segment and intersect each with fpr + tpr = 1."""
    positives, negatives = sum(labels), len(labels) - sum(labels)
    points = [(0.0, 0.0)]
    for t in sorted(set(scores), reverse=True):
        points.append(
            (
                sum(s >= t and not y for s, y in zip(scores, labels, strict=True)) / negatives,
                sum(s >= t and y for s, y in zip(scores, labels, strict=True)) / positives,
            )
        )
    for (x0, y0), (x1, y1) in pairwise(points):
        if x1 + y1 >= 1:
            return x0 + (x1 - x0) * (1 - x0 - y0) / (x1 + y1 - x0 - y0)
    raise AssertionError("the ROC ends at (1, 1)")


# few distinct values make many ties
TIED = st.sampled_from([-1e9, -0.5, 0.0, 1e-9, 0.25, 0.5, 1.0, 7.0])


@st.composite
def videos(draw, one_class: bool = True):  # type: ignore[no-untyped-def]
    names = [f"v{i}" for i in range(draw(st.integers(1, 4)))]
    labels = {n: draw(hnp.arrays(np.uint8, st.integers(1, 9), elements=st.integers(0, 1))) for n in names}
    everything = np.concatenate(list(labels.values()))
    if everything.all() or not everything.any():
        labels["both"] = np.array([0, 1], dtype=np.uint8)
    elements = draw(st.sampled_from([TIED, st.floats(-1e6, 1e6)]))
    return {n: draw(hnp.arrays(np.float64, len(y), elements=elements)) for n, y in labels.items()}, labels


@given(videos())
@settings(max_examples=150, deadline=None)
def test_every_number_equals_its_slow_definition(case) -> None:  # type: ignore[no-untyped-def]
    scores, labels = case
    m = frame_metrics(scores, labels)
    s, y = np.concatenate(list(scores.values())).tolist(), np.concatenate(list(labels.values())).tolist()
    assert m.micro_auc == pytest.approx(pair_count(s, y), abs=1e-12)
    assert m.eer == pytest.approx(slow_eer(s, y), abs=1e-12)
    padded, defined = [], {}
    for n in labels:
        low, high = scores[n].min() - 1e9, scores[n].max() + 1e9
        padded.append(pair_count([low, *scores[n], high], [0, *labels[n], 1]))
        if 0 < labels[n].sum() < len(labels[n]):
            defined[n] = pair_count(scores[n], labels[n])
    assert m.macro_auc_padded == pytest.approx(np.mean(padded), abs=1e-12)
    if defined:
        assert m.macro_auc_defined == pytest.approx(np.mean(list(defined.values())), abs=1e-12)
    else:
        assert m.macro_auc_defined is None
    assert set(m.left_out) == set(labels) - set(defined)
    assert {n for n, v in m.per_video.items() if v is not None} == set(defined)
    assert (m.videos, m.frames, m.abnormal_frames) == (len(labels), len(y), sum(y))


@given(videos())
@settings(max_examples=60, deadline=None)
def test_auc_and_average_precision_equal_those_of_scikit_learn(case) -> None:  # type: ignore[no-untyped-def]
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores, labels = case
    m = frame_metrics(scores, labels)
    s, y = np.concatenate(list(scores.values())), np.concatenate(list(labels.values()))
    assert m.micro_auc == pytest.approx(roc_auc_score(y, s), abs=1e-12)
    assert m.average_precision == pytest.approx(average_precision_score(y, s), abs=1e-12)


@given(videos())
@settings(max_examples=60, deadline=None)
def test_negated_scores_mirror_the_auc_and_a_monotone_change_leaves_it(case) -> None:  # type: ignore[no-untyped-def]
    scores, labels = case
    m = frame_metrics(scores, labels)
    assert frame_metrics({n: -s for n, s in scores.items()}, labels).micro_auc == pytest.approx(1 - m.micro_auc, abs=1e-12)
    # Doubled, not halved: half of the smallest number is 0, which ties it with others.
    doubled = frame_metrics({n: 2 * s for n, s in scores.items()}, labels)
    assert (doubled.micro_auc, doubled.eer, doubled.macro_auc_padded) == pytest.approx((m.micro_auc, m.eer, m.macro_auc_padded))


@given(st.lists(st.tuples(TIED, st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_weights_count_like_repeated_frames(entries) -> None:  # type: ignore[no-untyped-def]
    entries = [*entries, (0.1, 1, 1)]
    s, p, q = (np.array(c, dtype=np.float64) for c in zip(*entries, strict=True))
    many = [(v, y) for v, a, b in entries for y in [1] * a + [0] * b]
    curve = CountCurve.weighted(s, p, q)
    plain = CountCurve.of(np.array([v for v, _ in many], dtype=np.float64), np.array([y for _, y in many], dtype=bool))
    assert curve.auc() == pytest.approx(plain.auc(), abs=1e-12)
    assert curve.eer() == pytest.approx(plain.eer(), abs=1e-12)
    assert curve.average_precision() == pytest.approx(plain.average_precision(), abs=1e-12)


def test_by_hand() -> None:
    """abnormal 3, 2, 2 against normal 2, 1: wins 1+1, .5+1, .5+1 = 5 of 6 pairs."""
    m = frame_metrics({"a": [3, 2, 2, 2, 1]}, {"a": [1, 1, 1, 0, 0]})
    assert m.micro_auc == pytest.approx(5 / 6)
    assert m.macro_auc_defined == pytest.approx(5 / 6)
    # padded: 3 normal, 4 abnormal frames; of 12 pairs 5 + 3 (fake abnormal) + 3 (above fake normal) are won
    assert m.macro_auc_padded == pytest.approx(11 / 12)
    # precision 1 at recall 1/3, then 3/4 at recall 1
    assert m.average_precision == pytest.approx(1 / 3 + 2 / 3 * 3 / 4)
    # ROC (0, 0) (0, 1/3) (1/2, 1) (1, 1) meets fpr = 1 - tpr at x: 1 - (1/3 + 4x/3) = x
    assert m.eer == pytest.approx(2 / 7)
    assert m.prevalence == pytest.approx(0.6)


def test_perfect_and_inverted_scores() -> None:
    y = {"a": [0, 0, 1, 1]}
    best, worst = frame_metrics({"a": [1, 2, 3, 4]}, y), frame_metrics({"a": [4, 3, 2, 1]}, y)
    assert (best.micro_auc, best.eer, best.average_precision) == (1.0, 0.0, 1.0)
    assert (worst.micro_auc, worst.eer) == (0.0, 1.0)


def test_macro_is_not_fooled_by_scores_on_different_scales_and_micro_is() -> None:
    m = frame_metrics({"a": [1, 2], "b": [101, 102]}, {"a": [0, 1], "b": [0, 1]})
    assert m.macro_auc_defined == 1.0
    assert m.micro_auc == 0.75


def test_a_constant_score_is_chance_under_every_convention() -> None:
    labels = {"a": [0, 1, 1, 0, 0], "b": [1, 1], "c": [0, 0, 0]}
    m = frame_metrics({n: np.full(len(y), 3.25) for n, y in labels.items()}, labels)
    assert m.micro_auc == m.macro_auc_defined == m.eer == 0.5
    assert m.average_precision == pytest.approx(m.prevalence) == pytest.approx(0.4)
    assert m.macro_auc_padded == pytest.approx(m.macro_auc_padded_chance)


def test_one_class_videos_are_named_and_are_what_padding_gives_away() -> None:
    labels = {"a": [0, 1], "all": [1, 1, 1], "none": [0, 0]}
    m = frame_metrics({"a": [2.0, 1.0], "all": [3.0, 2.0, 1.0], "none": [9.0, 9.0]}, labels)
    assert m.left_out == ("all", "none")
    assert m.per_video == {"a": 0.0, "all": None, "none": None}
    assert m.macro_auc_defined == 0.0
    assert m.macro_auc_padded == pytest.approx((0.75 + 1 + 1) / 3)


def test_no_video_with_both_classes_leaves_defined_without_a_value() -> None:
    m = frame_metrics({"a": [1.0, 2.0], "b": [5.0]}, {"a": [0, 0], "b": [1]})
    assert m.macro_auc_defined is None
    assert m.micro_auc == 1.0


def test_the_chance_of_padded_macro_is_the_mean_of_random_scores() -> None:
    labels = {"short": np.array([0, 1, 1]), "long": np.repeat([0, 1], [30, 10]), "one": np.ones(5)}
    rng = np.random.default_rng(0)
    draws = [np.mean([padded_auc(rng.random(len(y)), y > 0) for y in labels.values()]) for _ in range(2000)]
    assert padded_chance(labels) == pytest.approx(np.mean(draws), abs=4 * np.std(draws) / np.sqrt(2000))


def test_auc_of_one_class_or_nothing_is_an_error() -> None:
    for y in ([True, True], [False, False], []):
        with pytest.raises(MetricError, match="both classes"):
            auc(np.arange(len(y), dtype=np.float64), np.array(y, dtype=bool))
    with pytest.raises(MetricError, match="no abnormal"):
        CountCurve.of(np.zeros(2), np.zeros(2, dtype=bool)).average_precision()


def test_to_dict_survives_json() -> None:
    m = frame_metrics({"a": [1, 2, 3], "b": [1.0]}, {"a": [0, 1, 0], "b": [1]})
    back = json.loads(json.dumps(m.to_dict(), allow_nan=False))
    assert back["micro_auc"] == m.micro_auc
    assert back["left_out"] == ["b"]
    assert back["per_video"] == {"a": 0.5, "b": None}
    assert back["prevalence"] == 0.5
