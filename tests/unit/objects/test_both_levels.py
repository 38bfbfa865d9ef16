"""Two levels as one: the score, the map and the names of a frame from those of each level."""

from __future__ import annotations

import numpy as np

from normalcy.objects.both_levels import joined, louder, mean
from normalcy.types import FrameScore, ObjectScore

THING = ObjectScore(4, (1.0, 2.0, 3.0, 4.0), 6.0, -1, "flow")


def test_the_score_is_the_mean_of_both_levels() -> None:
    assert mean(1.0, 4.0) == 2.5
    np.testing.assert_array_equal(mean(np.array([0.0, -2.0]), np.array([3.0, 1.0])), [1.5, -0.5])


def test_a_frame_keeps_what_each_level_says_of_it() -> None:
    whole = FrameScore(7, 0.28, 1.0, {"density": 0.5}, np.zeros((2, 2), np.float32))
    things = FrameScore(7, 0.28, 4.0, {"density": 3.0, "flow": 2.0}, np.full((4, 6), 2.0, np.float32), (THING,))
    both = joined(whole, things, mean)
    assert (both.frame, both.time_s, both.score, both.objects) == (7, 0.28, 2.5, (THING,))
    assert both.readouts == {"frame": 1.0, "objects": 4.0, "density": 0.5, "object_density": 3.0, "object_flow": 2.0}
    assert both.map is not None and both.map.shape == (4, 6) and (both.map == 1.0).all()


def test_without_a_map_of_each_level_there_is_none() -> None:
    bare = FrameScore(0, 0.0, 1.0, {}, None)
    assert joined(bare, FrameScore(0, 0.0, 2.0, {}, np.ones((2, 2), np.float32)), mean).map is None


def test_untrained_objects_and_frames_add_as_squares_and_neither_takes_away() -> None:
    assert louder(3.0, 4.0) == 5.0
    assert louder(-2.0, 4.0) == 4.0 and louder(3.0, -1.0) == 3.0 and louder(-1.0, -1.0) == 0.0
