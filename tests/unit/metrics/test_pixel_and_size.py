"""Pixel AUC, the grid below it, and AUC by anomaly size, against full-size pixels and pair counting."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalcy.errors import DataError, MetricError, UsageError
from normalcy.metrics.bysize import BINS, auc_by_size, region_scores, size_bin
from normalcy.metrics.grid import cell_areas, cell_counts, mask_share
from normalcy.metrics.pixel import criterion_scores, pixel_metrics


def pair_count(abnormal, normal) -> float:  # type: ignore[no-untyped-def]
    won = sum(1.0 if s > t else 0.5 if s == t else 0.0 for s in abnormal for t in normal)
    return won / (len(abnormal) * len(normal))


def enlarged(maps, height: int, width: int):  # type: ignore[no-untyped-def]
    """Pixel by pixel: the map value that pixel (y, x) lies in."""
    n, h, w = maps.shape
    full = np.empty((n, height, width))
    for y in range(height):
        for x in range(width):
            full[:, y, x] = maps[:, y * h // height, x * w // width]
    return full


@st.composite
def map_and_mask(draw):  # type: ignore[no-untyped-def]
    height, width = draw(st.integers(1, 7)), draw(st.integers(2, 7))
    grid = draw(st.integers(1, height)), draw(st.integers(1, width))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = rng.random((4, height, width)) < draw(st.sampled_from([0.1, 0.5]))
    masks[0], masks[1, 0, 0] = False, True
    return np.round(rng.normal(size=(4, *grid)), draw(st.sampled_from([0, 8]))), masks


@given(map_and_mask(), st.sampled_from([0.1, 0.4, 0.5, 1.0]))
@settings(max_examples=100, deadline=None)
def test_pixel_results_equal_those_of_enlarged_maps(case, share: float) -> None:  # type: ignore[no-untyped-def]
    maps, masks = case
    result = pixel_metrics({"a": maps[:2], "b": maps[2:]}, {"a": masks[:2], "b": masks[2:]}, share=share)
    full = enlarged(maps, *masks.shape[1:])
    assert result.pixel_auc == pytest.approx(pair_count(full[masks], full[~masks]), abs=1e-12)
    assert (result.pixels, result.abnormal_pixels) == (masks.size, masks.sum())
    found = []
    for f, m in zip(full, masks, strict=True):
        # highest threshold at which the frame counts as found, tried one by one
        found.append(max(t for t in np.unique(f) if (np.mean(f[m] >= t) >= share if m.any() else (f >= t).any())))
    abnormal = masks.any(axis=(1, 2))
    np.testing.assert_array_equal(criterion_scores(maps, cell_counts(masks, maps.shape[1:]), share), found)
    found_array = np.array(found)
    assert result.criterion_auc == pytest.approx(pair_count(found_array[abnormal], found_array[~abnormal]), abs=1e-12)


@given(map_and_mask())
@settings(max_examples=60, deadline=None)
def test_every_mask_pixel_lands_in_one_cell(case) -> None:  # type: ignore[no-untyped-def]
    maps, masks = case
    counts, areas = cell_counts(masks, maps.shape[1:]), cell_areas(masks.shape[1:], maps.shape[1:])
    np.testing.assert_array_equal(counts.sum(axis=(1, 2)), masks.sum(axis=(1, 2)))
    assert areas.sum() == masks[0].size
    assert areas.min() >= 1
    assert (counts <= areas).all()


def test_counting_in_portions_equals_counting_at_once() -> None:
    masks = np.random.default_rng(0).random((150, 5, 6)) < 0.3
    np.testing.assert_array_equal(cell_counts(masks, (5, 6)), masks)
    assert cell_counts(masks, (1, 1)).ravel().tolist() == masks.sum(axis=(1, 2)).tolist()


def test_a_map_that_is_the_mask_is_perfect_and_a_flat_one_is_chance() -> None:
    masks = np.zeros((4, 8, 8), dtype=bool)
    masks[1:3, 2:4, 2:4] = True
    best = pixel_metrics({"a": masks.astype(float)}, {"a": masks})
    assert (best.pixel_auc, best.criterion_auc, best.abnormal_frames) == (1.0, 1.0, 2)
    flat = pixel_metrics({"a": np.zeros((4, 2, 2))}, {"a": masks})
    assert (flat.pixel_auc, flat.criterion_auc) == (0.5, 0.5)
    assert json.loads(json.dumps(flat.to_dict()))["pixels"] == 256


def test_being_high_at_the_wrong_place_of_the_right_frame_earns_nothing_by_pixels() -> None:
    masks = np.zeros((2, 4, 4), dtype=bool)
    masks[1, 0, 0] = True
    maps = np.zeros((2, 4, 4))
    maps[1, 3, 3] = 9.0
    result = pixel_metrics({"a": maps}, {"a": masks})
    assert result.criterion_auc == 0.5
    assert result.pixel_auc < 0.5


ONE = np.zeros((2, 4, 4), dtype=bool)
ONE[1, 0, 0] = True


@pytest.mark.parametrize(
    ("maps", "masks", "error", "words"),
    [
        (np.full((2, 4, 4), np.nan), ONE, MetricError, ["'a'", "frame 0", "2 such"]),
        (np.zeros((2, 4, 4)), np.zeros((2, 4, 4), bool), MetricError, ["all 2 frames are normal"]),
        (np.zeros((2, 4, 4)), np.ones((2, 4, 4), bool), MetricError, ["all 2 frames are abnormal"]),
        (np.zeros((3, 4, 4)), ONE, DataError, ["have 3 frames", "have 2"]),
        (np.zeros((2, 5, 4)), ONE, DataError, ["4x5", "finer", "4x4"]),
        (np.zeros((2, 4)), ONE, DataError, ["score maps of video 'a'", "(2, 4)"]),
        (np.zeros((2, 4, 4)), ONE[0], DataError, ["masks of video 'a'", "(4, 4)"]),
        (np.zeros((2, 4, 4)), ONE.astype(float), DataError, ["masks of video 'a'", "float64"]),
    ],
)
def test_wrong_maps_and_masks_are_errors(maps, masks, error, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error) as caught:
        pixel_metrics({"a": maps}, {"a": masks})
    assert type(caught.value) is error
    for word in words:
        assert word in str(caught.value)


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match="share"):
        pixel_metrics({"a": np.zeros((2, 4, 4))}, {"a": ONE}, share=0.0)


# ---- by size


def test_bins_at_their_bounds() -> None:
    shares = [0.0001, 0.00499, 0.005, 0.0199, 0.02, 0.08, 0.0801, 1.0]
    assert [BINS[i] for i in size_bin(shares)] == [BINS[0]] * 2 + [BINS[1]] * 2 + [BINS[2]] * 2 + [BINS[3]] * 2


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_each_bin_equals_pair_counting_against_all_normal_frames(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ["a", "b", "c"]
    labels = {n: (rng.random(12) < 0.6).astype(int) for n in names}
    labels["a"][:2] = [0, 1]
    shares = {n: rng.choice([0, 0.001, 0.01, 0.05, 0.3], 12) * (rng.random(12) < 0.9) for n in names[:2]}
    shares["a"][1] = 0.01
    scores = {n: np.round(rng.normal(size=12), 1) for n in names}
    result = auc_by_size(scores, labels, shares, resamples=20)
    normal = [s for n in names for s, y in zip(scores[n], labels[n], strict=True) if not y]
    assert result.normal_frames == len(normal)
    low, high = [0, 0.005, 0.02, 0.08], [0.005, 0.02, 0.0800001, 2]
    for i, b in enumerate(result.bins):
        inside = {
            n: scores[n][(labels[n] == 1) & (shares[n] > 0) & (shares[n] >= low[i]) & (shares[n] < high[i])] for n in shares
        }
        assert b.name == BINS[i]
        assert b.frames == sum(map(len, inside.values()))
        assert b.videos == sum(len(v) > 0 for v in inside.values())
        if not b.frames:
            assert b.auc is None and b.interval.low is None and b.interval.reason
            continue
        assert b.auc == pytest.approx(pair_count(np.concatenate(list(inside.values())), normal), abs=1e-12)
        assert (b.interval.low is None) == (b.videos < 2)
    abnormal = sum(int(y.sum()) for y in labels.values())
    assert sum(b.frames for b in result.bins) + result.left_out == abnormal
    assert result.masked_normal == sum(int(((labels[n] == 0) & (shares[n] > 0)).sum()) for n in shares)


def test_small_anomalies_that_are_missed_show_in_their_own_bin() -> None:
    labels = {"a": [0, 0, 1, 1], "b": [0, 0, 1, 1]}
    scores = {"a": [1.0, 2.0, 0.0, 9.0], "b": [1.0, 2.0, 0.5, 9.0]}
    shares = {n: [0, 0, 0.001, 0.2] for n in labels}
    small, _, _, large = auc_by_size(scores, labels, shares, resamples=20).bins
    assert (small.auc, large.auc) == (0.0, 1.0)
    assert (small.frames, small.videos) == (2, 2)
    assert (small.interval.low, large.interval.high) == (0.0, 1.0)


def test_by_size_errors() -> None:
    labels, scores, shares = {"a": [0, 1, 1]}, {"a": [1.0, 2.0, 3.0]}, {"a": [0, 0.1, 0.1]}
    assert auc_by_size(scores, labels, shares).bins[3].auc == 1.0
    for error, words, s, y, m in [
        (MetricError, "frame 2 is nan", {"a": [1.0, 2.0, np.nan]}, labels, shares),
        (MetricError, "frame 0 is nan", {"a": [np.nan, 2.0, 3.0]}, labels, shares),
        (MetricError, "both classes", scores, {"a": [1, 1, 1]}, shares),
        (MetricError, "no abnormal frame has a mask", scores, labels, {"a": [0.1, 0, 0]}),
        (MetricError, "no abnormal frame has a mask", scores, labels, {}),
        (DataError, "no labels: b", scores, labels, {"b": [0, 0, 0]}),
        (DataError, r"leave 0\.\.1", scores, labels, {"a": [0, 10.0, 20.0]}),
        (DataError, r"leave 0\.\.1", scores, labels, {"a": [0, np.nan, 0.1]}),
        (DataError, "3 frames", scores, labels, {"a": [0.1, 0.1]}),
        (DataError, "only in labels", {"b": [1.0]}, labels, shares),
    ]:
        with pytest.raises(error, match=words):
            auc_by_size(s, y, m)
    with pytest.raises(UsageError):
        auc_by_size(scores, labels, shares, resamples=0)


def test_nan_is_allowed_only_where_no_bin_needs_it() -> None:
    result = auc_by_size({"a": [1.0, np.nan, 3.0]}, {"a": [0, 1, 1]}, {"a": [0, 0, 0.1]})
    assert (result.left_out, result.bins[3].auc) == (1, 1.0)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["left_out"] == 1


def test_share_of_the_frame() -> None:
    masks = np.zeros((3, 10, 20), dtype=bool)
    masks[1, 0, :4] = True
    masks[2] = True
    np.testing.assert_allclose(mask_share(masks), [0, 0.02, 1])
    np.testing.assert_allclose(mask_share(masks.astype(np.uint8) * 255), [0, 0.02, 1])


@given(map_and_mask(), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_region_scores_equal_a_loop_over_cells(case, dilate: int) -> None:  # type: ignore[no-untyped-def]
    maps, masks = case
    labels = np.array([0, 1, 1, 0])
    got = region_scores({"a": maps}, {"a": masks}, {"a": labels, "unused": [0, 1]}, dilate=dilate)["a"]
    height, width = masks.shape[1:]
    h, w = maps.shape[1:]
    for f in range(4):
        if not labels[f]:
            assert got[f] == maps[f].max()
            continue
        touched = {(y * h // height, x * w // width) for y in range(height) for x in range(width) if masks[f, y, x]}
        near = [
            maps[f, i, j] for i in range(h) for j in range(w) if any(max(abs(i - a), abs(j - b)) <= dilate for a, b in touched)
        ]
        assert np.isnan(got[f]) if not touched else got[f] == max(near)


def test_region_scores_by_hand_and_their_errors() -> None:
    maps = np.zeros((2, 4, 4))
    maps[1, 3, 3], maps[1, 1, 1], maps[0, 2, 2] = 9.0, 4.0, 5.0
    labels = {"a": [0, 1]}
    assert region_scores({"a": maps}, {"a": ONE}, labels)["a"].tolist() == [5.0, 4.0]
    assert region_scores({"a": maps}, {"a": ONE}, labels, dilate=0)["a"].tolist() == [5.0, 0.0]
    for words, m, y, d in [
        ("only in masks", {"b": ONE, "a": ONE}, labels, 1),
        ("only in score maps: 'a'", {"a": ONE}, {"c": [0, 1]}, 1),
        ("labels of video 'a' have 3", {"a": ONE}, {"a": [0, 1, 1]}, 1),
        ("dilate is -1", {"a": ONE}, labels, -1),
    ]:
        with pytest.raises(DataError, match=words):
            region_scores({"a": maps}, m, y, dilate=d)
