"""The union of two detectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.detection.boxes import Boxes
from normalcy.detection.union import MergedDetector, covered, merge
from objects_help import Scripted, boxes, random_boxes


def test_what_the_first_has_is_not_found_twice() -> None:
    person = boxes((10, 10, 30, 60), score=0.9, label=0)
    moving = boxes((11, 12, 31, 58), (15, 20, 20, 30), (60, 10, 70, 20), (5, 5, 80, 70))
    got = merge(person, moving)
    assert got.xyxy_N4.tolist() == [[10, 10, 30, 60], [60, 10, 70, 20], [5, 5, 80, 70]], "same, part of it, new, much larger"
    assert got.label_N.tolist() == [0, -1, -1]


def test_a_group_that_several_boxes_cover_is_theirs() -> None:
    people = boxes((0, 0, 10, 20), (10, 0, 20, 20))
    assert len(merge(people, boxes((0, 0, 20, 22)))) == 2


def test_a_box_over_the_whole_scene_hides_nothing() -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    mistake, thrown = boxes((0, 0, 100, 90), label=6), boxes((40, 40, 46, 46))
    assert len(MergedDetector(Scripted([mistake]), Scripted([thrown])).push(frame)) == 2


def test_nothing_on_either_side() -> None:
    some = boxes((0, 0, 1, 1))
    assert len(merge(Boxes.none(), Boxes.none())) == 0
    assert len(merge(some, Boxes.none())) == len(merge(Boxes.none(), some)) == 1
    assert merge(Boxes.none(classes=3), some).probs_NK is not None


@given(st.integers(0, 10_000))
def test_covered_counts_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_boxes(rng, 3), random_boxes(rng, 5)
    a, b = (Boxes(np.round(x.xyxy_N4 + np.array([0, 0, 1, 1])).astype(np.float32), x.score_N, x.label_N) for x in (a, b))
    for (x1, y1, x2, y2), got in zip(a.xyxy_N4.astype(int), covered(a, b), strict=True):
        grid = np.zeros((70, 70), bool)
        for u1, v1, u2, v2 in b.xyxy_N4.astype(int):
            grid[v1:v2, u1:u2] = True
        assert got == pytest.approx(grid[y1:y2, x1:x2].mean())


def test_both_are_driven_through_a_video() -> None:
    parts = [Scripted([boxes((0, 0, 5, 5))]), Scripted([boxes((9, 9, 12, 12))])]
    both = MergedDetector(*parts)
    both.reset("01", 10.0)
    assert len(both.push(np.zeros((20, 20, 3), np.uint8))) == 2
    both.finish()
    assert all(p.ended for p in parts) and "scripted" in both.key
