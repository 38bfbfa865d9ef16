"""Boxes: what is refused, and geometry against cases worked out by hand and a slow reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.detection.boxes import Boxes, iou, joined, nms, overlap
from objects_help import boxes, random_boxes


def slow_iou(a: np.ndarray, b: np.ndarray) -> float:
    """By counting the cells of a fine grid: for whole coordinates exact."""
    grid = np.zeros((2, 40, 40), bool)
    for k, (x1, y1, x2, y2) in enumerate((a.astype(int), b.astype(int))):
        grid[k, y1:y2, x1:x2] = True
    return float((grid[0] & grid[1]).sum() / (grid[0] | grid[1]).sum())


@given(st.integers(0, 10_000))
def test_iou_counts_shared_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 30, (4, 2))
    xyxy = np.concatenate([low, low + rng.integers(1, 10, (4, 2))], axis=1).astype(np.float32)
    got = iou(xyxy[:2], xyxy[2:])
    assert got == pytest.approx(np.array([[slow_iou(a, b) for b in xyxy[2:]] for a in xyxy[:2]]), abs=1e-6)


def test_touching_boxes_share_nothing() -> None:
    assert overlap(boxes((0, 0, 10, 10)).xyxy_N4, boxes((10, 0, 20, 10)).xyxy_N4).tolist() == [[0.0]]


def test_none_is_empty_everywhere() -> None:
    none = Boxes.none(classes=3)
    assert len(none) == 0 and none.probs_NK is not None and none.probs_NK.shape == (0, 3)
    assert iou(none.xyxy_N4, boxes((0, 0, 1, 1)).xyxy_N4).shape == (0, 1)
    assert len(nms(none, 0.5)) == len(none.within(10, 10)) == len(none.scaled(2, 2)) == 0


@pytest.mark.parametrize(
    ("xyxy", "score", "words"),
    [
        ((5, 0, 5, 10), 0.5, "no area"),
        ((0, 9, 5, 3), 0.5, "no area"),
        ((0, np.nan, 5, 10), 0.5, "finite"),
        ((0, 0, 5, np.inf), 0.5, "finite"),
        ((0, 0, 5, 5), 1.5, "outside 0..1"),
        ((0, 0, 5, 5), np.nan, "outside 0..1"),
    ],
)
def test_impossible_boxes_are_refused(xyxy: tuple[float, ...], score: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Boxes(np.array([xyxy], np.float32), np.array([score], np.float32), np.array([-1], np.int64))


def test_parts_have_to_fit() -> None:
    xyxy = np.array([[0, 0, 1, 1]], np.float32)
    with pytest.raises(ValueError, match="score_N must be"):
        Boxes(xyxy, np.zeros(2, np.float32), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="xyxy_N4 must be"):
        Boxes(xyxy.astype(np.float64), np.zeros(1, np.float32), np.zeros(1, np.int64))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="probs_NK must be"):
        Boxes(xyxy, np.zeros(1, np.float32), np.zeros(1, np.int64), np.zeros((2, 80), np.float32))


def test_scaled_within_select() -> None:
    b = boxes((-4, 2, 6, 8), (20, 20, 30, 30), (9, 9, 40, 12))
    assert b.scaled(2, 0.5).xyxy_N4[0].tolist() == [-8, 1, 12, 4]
    assert b.within(10, 10).xyxy_N4.tolist() == [[0, 2, 6, 8], [9, 9, 10, 10]]
    assert b.select(np.array([2, 0])).xyxy_N4[:, 0].tolist() == [9, -4]
    assert b.area_N.tolist() == [60, 100, 93]


def test_nms_keeps_the_surest_and_what_overlaps_little() -> None:
    b = boxes((0, 0, 10, 10), (1, 0, 11, 10), (8, 0, 18, 10), score=(0.6, 0.9, 0.5), label=(0, 2, 0))
    assert nms(b, 0.5).score_N.tolist() == pytest.approx([0.9, 0.5])
    assert nms(b, 0.5, by_class=True).score_N.tolist() == pytest.approx([0.9, 0.6, 0.5])


@given(st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_nms_against_its_definition(seed: int, threshold: float) -> None:
    b = random_boxes(np.random.default_rng(seed), 12)
    kept: list[int] = []
    for i in np.argsort(-b.score_N, kind="stable"):
        if all(iou(b.xyxy_N4[[i]], b.xyxy_N4[[j]])[0, 0] <= threshold for j in kept):
            kept.append(int(i))
    assert np.array_equal(nms(b, threshold).xyxy_N4, b.xyxy_N4[kept])


def test_joined_fills_missing_probabilities_with_zeros() -> None:
    known = Boxes(boxes((0, 0, 1, 1)).xyxy_N4, np.ones(1, np.float32), np.zeros(1, np.int64), np.full((1, 3), 0.5, np.float32))
    both = joined(known, boxes((0, 0, 2, 2)))
    assert both.probs_NK is not None
    assert both.probs_NK.tolist() == [[0.5] * 3, [0.0] * 3]
    with pytest.raises(ValueError, match="cannot be joined"):
        joined(known, Boxes.none(classes=4))
