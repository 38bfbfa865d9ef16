"""The object motion readout: speeds that are known, perspective that is known, and what happens without anything to fit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from normalcy.errors import ModelError, TrainingError
from normalcy.objects.flow import ENOUGH, KEPT, ObjectFlow, ObjectMotion, measure
from objects_help import boxes


def scene(shift: tuple[float, float], camera: tuple[float, float] = (0.0, 0.0), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two grey frames of 160x120: a textured patch at (60, 40) to (90, 90) that moves by shift, everything by camera."""
    rng = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (160, 200), dtype=np.uint8), (0, 0), 2.0)
    patch = cv2.GaussianBlur(rng.integers(0, 255, (50, 30), dtype=np.uint8), (0, 0), 1.5)
    frames = []
    for t in (0, 1):
        by = np.array([[1, 0, -20 + t * camera[0]], [0, 1, -20 + t * camera[1]]], np.float32)
        image = cv2.warpAffine(ground, by, (160, 120))
        x, y = 60 + t * (shift[0] + camera[0]), 40 + t * (shift[1] + camera[1])
        move = np.array([[1, 0, x], [0, 1, y]], np.float32)
        mask = cv2.warpAffine(np.ones((50, 30), np.float32), move, (160, 120))
        image = mask * cv2.warpAffine(patch, move, (160, 120)) + (1 - mask) * image
        frames.append(image.round().astype(np.uint8))
    return frames[0], frames[1]


HERE = boxes((60, 40, 90, 90), (110, 20, 130, 60), label=(0, -1))


@pytest.mark.parametrize("shift", [(3.0, 0.0), (-2.0, 1.5), (0.0, 4.0)])
@pytest.mark.parametrize("camera", [(0.0, 0.0), (1.5, -1.0)])
def test_speed_in_frame_heights_per_second_whatever_the_camera_does(
    shift: tuple[float, float], camera: tuple[float, float]
) -> None:
    got = measure(*scene(shift, camera), HERE, seconds=0.1)
    expected = np.hypot(*shift) / 120 / 0.1
    assert got.speed_N[0] == pytest.approx(expected, rel=0.25)
    assert got.speed_N[1] < 0.12 * expected, "what only the camera moved stands still"
    assert got.foot_N == pytest.approx([0.75, 0.5]) and got.height_N == pytest.approx([50 / 120, 40 / 120])
    assert got.person_N.tolist() == [True, False]


def test_half_the_time_is_twice_the_speed_and_size_does_not_matter() -> None:
    before, after = scene((3.0, 0.0))
    slow, fast = measure(before, after, HERE, 0.2), measure(before, after, HERE, 0.1)
    assert fast.speed_N == pytest.approx(2 * slow.speed_N)
    large = [cv2.resize(f, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for f in (before, after)]
    again = measure(large[0], large[1], HERE.scaled(2, 2), 0.1)
    assert again.speed_N[0] == pytest.approx(fast.speed_N[0], rel=0.15) and again.height_N == pytest.approx(fast.height_N)


def test_no_boxes_tiny_boxes_and_boxes_at_the_border() -> None:
    before, after = scene((3.0, 0.0))
    assert measure(before, after, boxes(), 0.1).speed_N.shape == (0,)
    odd = boxes((159.5, 119.5, 160, 120), (0, 0, 0.4, 0.4), (0, 0, 160, 120), (10.4, 10.4, 10.6, 90))
    assert np.isfinite(measure(before, after, odd, 0.1).speed_N).all()


def street(rng: np.random.Generator, n: int, factor: float = 1.0, strange: float = 0.0) -> ObjectMotion:
    """n walkers on a street in perspective: with the foot on row r one is .05 + .3 r high and walks at half that per second.

    strange: share of them that is something else altogether.
    """
    foot = rng.uniform(0.1, 1.0, n)
    height = (0.05 + 0.3 * foot) * rng.lognormal(0, 0.05, n)
    speed = (0.05 + 0.3 * foot) * 0.5 * factor * rng.lognormal(0, 0.2, n)
    odd = rng.random(n) < strange
    speed[odd], height[odd] = rng.uniform(0, 3, odd.sum()), rng.uniform(0, 1, odd.sum())
    return ObjectMotion(foot, height, speed, np.ones(n, np.bool_))


def fitted(strange: float = 0.0) -> ObjectFlow:
    readout = ObjectFlow()
    rng = np.random.default_rng(0)
    for _ in range(200):
        readout.observe(street(rng, 10, strange=strange))
    readout.fit()
    return readout


@pytest.mark.parametrize("strange", [0.0, 0.15])
def test_the_perspective_is_found_also_among_strange_things(strange: float) -> None:
    readout = fitted(strange=strange)
    rows = np.array([0.2, 0.5, 0.9])
    near = 0.25 if strange else 0.1  # such outliers bend a least squares line to 2-5 times the truth
    assert readout.expected("row", rows) == pytest.approx((0.05 + 0.3 * rows) / 2, rel=near)
    assert readout.expected("height", rows) == pytest.approx(0.05 + 0.3 * rows, rel=near)


def test_normal_is_near_zero_and_a_fast_thing_far_away_is_not() -> None:
    readout = fitted()
    rng = np.random.default_rng(1)
    normal = readout.values(street(rng, 2000))
    assert np.median(normal, axis=0) == pytest.approx([0, 0], abs=0.1)
    assert np.quantile(normal, 0.9, axis=0) == pytest.approx([1.28, 1.28], abs=0.25)
    far = ObjectMotion(np.array([0.1, 0.95]), np.array([0.08, 0.3]), np.array([0.12, 0.18]), np.ones(2, np.bool_))
    values = readout.values(far)
    assert (values[0] > 4).all() and (np.abs(values[1]) < 1.5).all(), "the far one is slower in pixels, and the abnormal one"


def test_people_say_how_high_a_person_is_where_there_are_any() -> None:
    readout, rng = ObjectFlow(), np.random.default_rng(0)
    for _ in range(50):
        m = street(rng, 10)
        cars = ObjectMotion(m.foot_N, m.height_N * 3, m.speed_N * 2, np.zeros(10, np.bool_))
        readout.observe(m)
        readout.observe(cars)
    readout.fit()
    assert readout.expected("height", np.array([0.5]))[0] == pytest.approx(0.2, rel=0.1)


def test_an_empty_or_still_scene_makes_everything_that_moves_strange() -> None:
    nothing = ObjectFlow()
    nothing.fit()
    still = ObjectFlow()
    for _ in range(50):
        still.observe(ObjectMotion(np.full(3, 0.5), np.full(3, 0.2), np.full(3, 0.001), np.ones(3, np.bool_)))
    still.fit()
    walker = ObjectMotion(np.array([0.5]), np.array([0.2]), np.array([0.1]), np.ones(1, np.bool_))
    for readout in (nothing, still):
        assert readout.values(walker)[0, 0] > 3
        assert np.isfinite(readout.values(walker)).all()


def test_few_objects_give_a_constant() -> None:
    readout, rng = ObjectFlow(), np.random.default_rng(0)
    readout.observe(street(rng, ENOUGH - 5))
    readout.fit()
    assert np.ptp(readout.expected("row", np.array([0.1, 0.9]))) == 0


def test_stored_and_loaded_it_says_the_same() -> None:
    readout = fitted()
    other = ObjectFlow()
    other.load(readout.state())
    m = street(np.random.default_rng(3), 20)
    assert np.array_equal(readout.values(m), other.values(m))
    broken = {k: v for k, v in readout.state().items() if k != "spread"}
    with pytest.raises(ModelError, match="array spread of shape \\(2,\\), it is missing"):
        ObjectFlow().load(broken)
    with pytest.raises(ModelError, match="array row"):
        ObjectFlow().load({**readout.state(), "row": np.zeros(2, np.float32)})
    with pytest.raises(TrainingError, match="normal video first"):
        ObjectFlow().values(m)


def test_memory_does_not_grow_with_the_footage() -> None:
    readout, rng = ObjectFlow(), np.random.default_rng(0)
    for k in range(3):
        readout.observe(street(rng, KEPT // 2 + 10, factor=1.0 + k))
    assert len(readout._rows) == KEPT
    kept = np.array(readout._rows)
    ratio = kept[:, 2] / (0.05 + 0.3 * kept[:, 0]) / 0.5
    assert np.mean(ratio) == pytest.approx(2.0, rel=0.1), "early and late footage are kept alike"
