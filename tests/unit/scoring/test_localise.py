from __future__ import annotations

import numpy as np

from normalcy.scoring.localise import peak_region, regions


def test_regions_are_boxes_in_pixels_strongest_first() -> None:
    m = np.zeros((4, 6), np.float32)
    m[0, 0] = 2.0
    m[2:4, 3:5] = 1.5
    m[3, 4] = 5.0
    found = regions(m, (60, 80), threshold=1.0)
    assert found == [((30.0, 40.0, 50.0, 80.0), 5.0), ((0.0, 0.0, 10.0, 20.0), 2.0)]


def test_diagonal_neighbours_are_one_region() -> None:
    assert len(regions(np.eye(3, dtype=np.float32) * 2, (3, 3))) == 1


def test_a_flat_map_has_no_region() -> None:
    assert peak_region(np.zeros((3, 3), np.float32), (9, 9)) is None
    assert peak_region(np.full((3, 3), 2.0, np.float32), (9, 9)) is None
    assert regions(np.zeros((3, 3), np.float32), (9, 9)) == []


def test_the_peak_region_holds_the_peak() -> None:
    m = np.random.default_rng(0).random((10, 10)).astype(np.float32)
    m[7, 2] = 9.0
    assert peak_region(m, (100, 100)) == (20.0, 70.0, 30.0, 80.0)
