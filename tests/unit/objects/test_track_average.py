"""Averaging along tracks, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np

from normalcy.detection.boxes import Boxes
from normalcy.objects.track_average import TrackAverage
from objects_help import boxes

FPS = 10.0
KEEP = math.exp(-1.0 / (0.5 * FPS))


def one(z: float) -> np.ndarray:
    return np.array([[z, 2 * z]])


def test_values_are_averaged_along_the_track_beginning_at_normal() -> None:
    memory = TrackAverage(0.5, FPS)
    expected = 0.0
    for i in range(6):
        ids, out = memory.push(boxes((10 + i, 10, 30 + i, 40)), one(3.0))
        expected = KEEP * expected + (1 - KEEP) * 3.0
        assert ids.tolist() == [1]
        np.testing.assert_allclose(out, [[expected, 2 * expected]])


def test_a_gap_counts_for_the_time_that_it_lasts() -> None:
    memory = TrackAverage(0.5, FPS)
    memory.push(boxes((10, 10, 30, 40)), one(3.0))
    memory.push(Boxes.none(), np.zeros((0, 2)))
    _, out = memory.push(boxes((10, 10, 30, 40)), one(6.0))
    np.testing.assert_allclose(out[0, 0], KEEP**2 * (1 - KEEP) * 3.0 + (1 - KEEP**2) * 6.0)


def test_no_time_is_no_memory() -> None:
    memory = TrackAverage(0.0, FPS)
    for z in (3.0, -1.0, 5.0):
        _, out = memory.push(boxes((10, 10, 30, 40), (60, 10, 80, 40)), np.array([[z], [2.0]]))
        assert out.tolist() == [[z], [2.0]]
