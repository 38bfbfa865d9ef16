"""The camera's geometry: projection, ground plan, perspective."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.virtual.camera import Camera, to_plan, to_world, visible_span

inside = st.floats(0.0, 1.0)


@given(inside, inside)
def test_a_pixel_comes_back_from_the_ground(u: float, v: float) -> None:
    camera = Camera((320, 240))
    x, z = camera.ground(np.array([u * 320]), np.array([v * 240]))
    uv, _ = camera.project(np.array([[x[0], 0.0, z[0]]]))
    assert uv[0] == pytest.approx([u * 320, v * 240], abs=1e-6)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_the_ground_plan_comes_back_from_the_world(s: float, n: float) -> None:
    world = to_world(np.array(s), np.array(n))
    assert np.allclose(to_plan(world[0], world[1]), (s, n), atol=1e-9)


def test_objects_shrink_with_distance_and_stand_up_in_the_picture() -> None:
    camera = Camera((320, 240))
    feet = np.array([[2.0, 0.0, 6.0], [2.0, 0.0, 12.0], [2.0, 0.0, 24.0]])
    low, scale = camera.project(feet)
    high, _ = camera.project(feet + np.array([0.0, 1.7, 0.0]))
    heights = low[:, 1] - high[:, 1]
    assert (np.diff(heights) < 0).all() and (np.diff(scale) < 0).all() and (np.diff(low[:, 1]) < 0).all()
    assert heights[0] > 2 * heights[2]


def test_another_size_shows_the_same_part_of_the_world() -> None:
    small, large = Camera((320, 240)), Camera((640, 480))
    point = np.array([[1.0, 0.5, 9.0]])
    assert np.allclose(2 * small.project(point)[0], large.project(point)[0])
    assert np.allclose(visible_span(small, 0.0), visible_span(large, 0.0), atol=0.1)


def test_a_strip_out_of_sight_is_an_error() -> None:
    with pytest.raises(ValueError, match="visible"):
        visible_span(Camera((320, 240)), 400.0)
