"""The recall of boxes: what counts as an anomaly, and what as a box of it."""

from __future__ import annotations

import numpy as np

import object_boxes
from objects_help import boxes


def test_regions_of_a_mask_without_its_crumbs() -> None:
    mask = np.zeros((40, 50), np.bool_)
    mask[2:12, 3:8] = True
    mask[20:24, 30:40] = mask[24:28, 40:45] = True  # touch at a corner: one region
    mask[35:37, 2:5] = True
    assert object_boxes.regions(mask).tolist() == [[3, 2, 8, 12], [30, 20, 45, 28]]
    assert object_boxes.regions(np.zeros((4, 4), np.bool_)).shape == (0, 4)


def test_a_region_has_a_box_from_the_overlap_asked_for() -> None:
    regions = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    found = boxes((0, 0, 10, 20), (28, 28, 60, 60))
    assert object_boxes.overlapped(regions, found, 0.2).tolist() == [True, False]
    assert object_boxes.overlapped(regions, found, 0.5).tolist() == [False, False]
    assert object_boxes.overlapped(regions, boxes(), 0.2).tolist() == [False, False]


def test_shares_by_height_and_the_table() -> None:
    row = object_boxes.shares(np.array([10.0, 20, 20, 90]), np.array([True, False, True, True]), [True, True, False])
    assert row["all"] == [0.75, 4] and row["0-16"] == [1.0, 1] and row["16-32"] == [0.5, 2] and row["32-64"] == [None, 0]
    text = object_boxes.table([{"set": "a", "way": "motion", "boxes": 2.5, **row}])
    assert "| a | motion | 0.750 of 4 | 0.667 of 3 | 1.000 of 1 | 0.500 of 2 |  | 1.000 of 1 | 2.5 |" in text
