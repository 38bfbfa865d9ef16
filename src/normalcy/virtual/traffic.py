"""Normal life: people keeping to the right of the walk in both directions, alone or in groups, and cars in their lanes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from normalcy.virtual.actors import Actor, Stage, collide, driving, on_foot, steady, wander
from normalcy.virtual.camera import CAR_LANES, WALK_LANE
from normalcy.virtual.people import dress
from normalcy.virtual.vehicles import choose_car

WALK_SPEED = (1.05, 1.55)
"""Metres per second."""
CAR_SPEED = (8.6, 10.4)
_WALKERS_PER_S = 0.12
_GROUP_SIZES = (0.74, 0.19, 0.07)
_TRIES = 5


def populate(stage: Stage, rng: np.random.Generator, present: Sequence[Actor]) -> list[Actor]:
    """Normal actors for a whole clip that keep clear of each other and of those already ``present``."""
    everyone = list(present)
    for maker in (_walkers, _cars):
        everyone.extend(maker(stage, rng, everyone))
    return everyone[len(present) :]


def _walkers(stage: Stage, rng: np.random.Generator, present: Sequence[Actor]) -> list[Actor]:
    """Groups arrive at random at both ends, from long enough before the clip that the walk is already in use."""
    made: list[Actor] = []
    low, high = stage.span(0.0)
    earlier = (high - low) / WALK_SPEED[0]
    for direction in (1, -1):
        at = -earlier
        while (at := at + rng.exponential(1 / _WALKERS_PER_S)) < stage.frames / stage.fps:
            for _ in range(_TRIES):
                group = _group(stage, rng, direction, at)
                if not any(collide(member, other) for member in group for other in (*present, *made)):
                    made.extend(group)
                    break
    return made


def _group(stage: Stage, rng: np.random.Generator, direction: int, at: float) -> list[Actor]:
    size = 1 + int(rng.choice(len(_GROUP_SIZES), p=_GROUP_SIZES))
    speed = float(rng.uniform(*WALK_SPEED)) - 0.08 * (size - 1)
    members = []
    for i in range(size):
        beside = (i % 2 - 0.5) * 0.72 if size > 1 else 0.0
        behind = 0.9 * (i // 2)
        n = direction * WALK_LANE + beside + float(rng.uniform(-0.28, 0.28)) * (0.1 if size > 1 else 1.0)
        path = steady(stage, n, direction, speed, (at + behind / speed + 0.1 * rng.random()) * stage.fps)
        sway = 0.09 if size == 1 else 0.015
        members.append(on_foot(dress(rng), wander(rng, path, stage.fps, sway), direction))
    return [member for member in members if len(member.path)]


def _cars(stage: Stage, rng: np.random.Generator, present: Sequence[Actor]) -> list[Actor]:
    made: list[Actor] = []
    for direction, lane in CAR_LANES.items():
        low, high = stage.span(lane)
        at = -(high - low) / CAR_SPEED[0] - rng.exponential(2.0)
        while at < stage.frames / stage.fps:
            n = lane + float(rng.uniform(-0.12, 0.12))
            path = steady(stage, n, direction, float(rng.uniform(*CAR_SPEED)), at * stage.fps)
            vehicle = driving(choose_car(rng), path, direction)
            if any(collide(vehicle, other) for other in (*present, *made)):
                at += 0.3
                continue
            if len(path):
                made.append(vehicle)
            at += rng.uniform(2.1, 3.9)
    return made


def daylight(fps: float, frame: int, phases: tuple[float, float]) -> float:
    """Brightness factor of a frame: slow waves of a few per cent, as thin cloud makes them."""
    t = frame / fps
    return 1.0 + 0.045 * math.sin(2 * math.pi * t / 61.0 + phases[0]) + 0.02 * math.sin(2 * math.pi * t / 17.0 + phases[1])
