"""Normal life keeps its rules: that is what makes breaking them visible."""

from __future__ import annotations

import numpy as np
import pytest

from normalcy.virtual.actors import Actor, Stage, collide
from normalcy.virtual.camera import CAR_LANES, WALK_HALF, Camera
from normalcy.virtual.traffic import CAR_SPEED, WALK_SPEED, daylight, populate


@pytest.fixture(scope="module", params=[0, 1, 2])
def crowd(request: pytest.FixtureRequest) -> list[Actor]:
    return populate(Stage(Camera((320, 240)), 25.0, 500), np.random.default_rng(request.param), [])


def directions(actor: Actor) -> tuple[int, float]:
    steps = np.diff(actor.path.plan[:, 0])
    return (1 if steps.sum() > 0 else -1), float(np.abs(steps).mean() * 25)


def test_walkers_keep_to_the_right_of_the_walk_and_cars_to_their_lane(crowd: list[Actor]) -> None:
    seen = set()
    for actor in (a for a in crowd if len(a.path) > 2):
        direction, speed = directions(actor)
        n = actor.path.plan[:, 1]
        if actor.footprint[0] > 2:
            assert np.abs(n - CAR_LANES[direction]).max() < 0.3
            assert CAR_SPEED[0] - 0.1 <= speed <= CAR_SPEED[1] + 0.1
            seen.add(("car", direction))
        else:
            assert (n * direction > 0).all() and np.abs(n).max() < WALK_HALF
            assert WALK_SPEED[0] - 0.3 <= speed <= WALK_SPEED[1] + 0.1
            seen.add(("walker", direction))
        assert actor.kind is None and not actor.marked.any()
    assert len(seen) == 4


def test_nobody_stands_in_anybodys_place(crowd: list[Actor]) -> None:
    walkers = [a for a in crowd if a.footprint[0] < 2]
    cars = [a for a in crowd if a.footprint[0] > 2]
    assert not any(collide(a, b) for i, a in enumerate(cars) for b in cars[:i])
    assert not any(collide(a, b) for i, a in enumerate(walkers) for b in walkers[:i])


def test_walk_and_road_are_in_use_from_the_first_frame_to_the_last(crowd: list[Actor]) -> None:
    for frame in (0, 250, 499):
        present = [a for a in crowd if a.alive(frame)]
        assert sum(a.footprint[0] < 2 for a in present) >= 3
        assert sum(a.footprint[0] > 2 for a in present) >= 1


def test_daylight_drifts_slowly_and_little() -> None:
    light = np.array([daylight(25.0, k, (0.3, 2.0)) for k in range(2500)])
    assert 0.9 < light.min() < 0.97 and 1.03 < light.max() < 1.1
    assert np.abs(np.diff(light)).max() < 0.001
