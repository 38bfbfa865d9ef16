"""The background of a fixed camera."""

from __future__ import annotations

import numpy as np
import pytest

from normalcy.detection.background import Background, middle


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 16, 23, 24, 25])
def test_the_middle_value_at_each_place(n: int) -> None:
    images = np.random.default_rng(n).integers(0, 256, (n, 5, 7, 3), dtype=np.uint8)
    before = images.copy()
    assert np.array_equal(middle(list(images)), np.sort(images, axis=0)[n // 2]) and np.array_equal(images, before)


def test_what_is_kept_out_does_not_become_background() -> None:
    ground, there = np.full((6, 8, 3), 50, np.uint8), np.full((6, 8, 3), 200, np.uint8)
    thing = np.zeros((6, 8), np.bool_)
    thing[:3] = True
    background = Background(ground, 10.0, 2.0)
    for _ in range(100):
        background.add(there, thing)
    assert (background.image[:3] == 50).all() and (background.image[3:] == 200).all()
    assert (there == 200).all()
