"""Painting: exact visibility masks, occlusion, faces seen from outside only, noise without bias."""

from __future__ import annotations

import math

import numpy as np
import pytest

from normalcy.virtual.camera import Camera, bearing, to_world
from normalcy.virtual.people import WALK, dress, stroll
from normalcy.virtual.render import Placed, Renderer
from normalcy.virtual.sketch import Sketch, place
from normalcy.virtual.vehicles import car, choose_car

CAMERA = Camera((320, 240))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(CAMERA, 0)


def person(s: float, n: float, ident: int, marked: bool) -> Placed:
    x, z = to_world(np.array(s), np.array(n))
    sketch = stroll(dress(np.random.default_rng(ident)), WALK, 0.7, 1.0, (-1.0, 0.2))
    return Placed(sketch, float(x), float(z), float(bearing(0.0)), 0.0, ident, marked)


def vehicle(s: float, n: float, direction: int) -> Placed:
    x, z = to_world(np.array(s), np.array(n))
    heading = float(bearing(0.0 if direction > 0 else math.pi))
    return Placed(car(choose_car(np.random.default_rng(4)), heading, False), float(x), float(z), heading, 0.0, 9)


def test_the_mask_is_exactly_where_the_figure_is_seen(renderer: Renderer) -> None:
    others = [person(4.0, -1.0, 1, False), vehicle(8.0, -4.75, 1)]
    with_it, masks = renderer.frame([*others, person(2.0, 1.0, 2, True)], 1.0, np.random.default_rng(0))
    without, none = renderer.frame(others, 1.0, np.random.default_rng(0))
    assert none == {} and set(masks) == {2}
    mask = masks[2]
    changed = (with_it != without).any(axis=2)
    assert 150 < mask.sum() < 1500
    assert changed[mask].mean() > 0.97
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    feet = CAMERA.project(np.array([[*to_world(np.array(2.0), np.array(1.0))]])[:, [0, 0, 1]] * [1, 0, 1])[0][0]
    assert abs(rows[-1] - feet[1]) < 6 and columns[0] < feet[0] < columns[-1]
    # Besides the figure only its shadow on the ground may differ: nothing left of it or above its head.
    beyond = changed.copy()
    beyond[rows[0] - 3 : rows[-1] + 8, columns[0] - 3 :] = False
    assert not beyond.any()


def test_someone_nearer_hides_the_one_behind(renderer: Renderer) -> None:
    alone = renderer.frame([person(3.0, 1.0, 2, True)], 1.0, np.random.default_rng(0))[1][2]
    hidden = renderer.frame([person(3.0, 1.0, 2, True), person(2.3, 1.0, 3, False)], 1.0, np.random.default_rng(0))[1][2]
    behind = renderer.frame([person(3.0, 1.0, 2, True), person(3.7, 1.0, 3, False)], 1.0, np.random.default_rng(0))[1][2]
    assert hidden.sum() < 0.8 * alone.sum() and (hidden <= alone).all()
    assert np.array_equal(behind, alone)


def test_figures_outside_the_picture_leave_no_mask(renderer: Renderer) -> None:
    image, masks = renderer.frame([person(-30.0, 1.0, 2, True), person(3.0, 60.0, 3, True)], 1.0, np.random.default_rng(0))
    assert image.shape == (240, 320, 3) and masks == {}


def test_cars_show_tail_lamps_going_away_and_headlamps_coming(renderer: Renderer) -> None:
    empty = renderer.frame([], 1.0, np.random.default_rng(0))[0].astype(int)
    red = {}
    for direction in (1, -1):
        image = renderer.frame([vehicle(3.0, -4.75, direction)], 1.0, np.random.default_rng(0))[0].astype(int)
        new = np.abs(image - empty).sum(axis=2) > 40
        red[direction] = int((new & (image[..., 0] > 1.9 * image[..., 1]) & (image[..., 0] > 90)).sum())
    assert red[1] > red[-1] + 10


def test_the_empty_scene_is_seeded_and_noise_has_no_bias() -> None:
    camera = Camera((128, 96))
    one, same, other = Renderer(camera, 3), Renderer(camera, 3), Renderer(camera, 4)
    pictures = [r.frame([], 1.0, np.random.default_rng(0))[0] for r in (one, same, other)]
    assert np.array_equal(pictures[0], pictures[1]) and not np.array_equal(pictures[0], pictures[2])
    rng = np.random.default_rng(1)
    stack = np.stack([one.frame([], 1.0, rng)[0] for _ in range(24)]).astype(float)
    deviation = stack.std(axis=0).mean()
    assert 1.0 < deviation < 3.0
    brighter = one.frame([], 1.1, rng)[0].astype(float).mean()
    assert brighter == pytest.approx(1.1 * stack.mean(), rel=0.02)


def test_falling_lays_a_figure_down() -> None:
    sketch = Sketch()
    sketch.ball((0.0, 1.7, 0.0), 0.1, (0, 0, 0))
    up, down = (place(sketch.array(), 0.0, 5.0, math.pi / 2, tilt)[0] for tilt in (0.0, math.pi / 2))
    assert up == pytest.approx([0.0, 1.7, 5.0])
    assert down[1] < 0.2 and down[2] == pytest.approx(6.7)
