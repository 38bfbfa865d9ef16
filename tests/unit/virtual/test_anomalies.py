"""Every kind of anomaly does what its name says, in its time, and nothing else is marked."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from normalcy.virtual.actors import Actor, Stage
from normalcy.virtual.anomalies import KINDS, stage_anomalies
from normalcy.virtual.camera import CAR_LANES, WALK_HALF, Camera
from normalcy.virtual.traffic import WALK_SPEED

STAGE = Stage(Camera((320, 240)), 25.0, 200)


def marked(kind: str, seed: int) -> tuple[Actor, np.ndarray, np.ndarray]:
    """The anomalous actor, its marked positions (s, n) and its velocity there (m/s)."""
    actor = next(a for a in stage_anomalies(STAGE, np.random.default_rng(seed), [kind]) if a.kind == kind)
    velocity = np.gradient(actor.path.plan, axis=0) * STAGE.fps
    return actor, actor.path.plan[actor.marked], velocity[actor.marked]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_the_anomaly_falls_into_the_clip_and_leaves_some_of_it_normal(kind: str, seed: int) -> None:
    actor, _, _ = marked(kind, seed)
    frames = np.flatnonzero(actor.marked) + actor.path.first
    in_clip = ((frames >= 0) & (frames < STAGE.frames)).sum()
    assert in_clip >= 20


@pytest.mark.parametrize("seed", range(4))
def test_kinds_keep_their_promise(seed: int) -> None:
    fast, slow = 2.3, WALK_SPEED[1] + 0.6
    assert np.abs(marked("runner", seed)[2][5:-5, 0]).mean() > fast
    assert np.abs(marked("cyclist", seed)[2][:, 0]).min() > 4.0
    assert 2.0 < np.abs(marked("cart", seed)[2][:, 0]).mean() < 4.0
    assert np.abs(marked("loiterer", seed)[2]).mean() < 0.25
    assert marked("fall", seed)[0].tilt.max() > 1.3
    assert (marked("on_grass", seed)[1][:, 1] > WALK_HALF).all()
    assert (marked("on_road", seed)[1][:, 1] < -WALK_HALF).all()
    for kind in ("wrong_way", "on_grass", "on_road"):
        assert np.abs(marked(kind, seed)[2]).max() < slow + 1.5
    _, place, velocity = marked("wrong_way", seed)
    assert (np.sign(velocity[:, 0]) != np.sign(place[:, 1])).mean() > 0.8
    _, place, velocity = marked("wrong_way_car", seed)
    assert np.allclose(place[:, 1], CAR_LANES[-int(np.sign(velocity[0, 0]))])
    assert np.abs(marked("stopped_car", seed)[2]).min() < 0.05


def test_a_thrown_bag_is_marked_while_it_is_loose_only() -> None:
    cast = stage_anomalies(STAGE, np.random.default_rng(1), ["throw"])
    thrower, bag = cast
    assert not thrower.marked.any() and bag.kind == "throw" and 0 < bag.marked.mean() < 0.8
    gap = np.abs(bag.path.plan - thrower.path.plan).sum(axis=1)
    assert gap[~bag.marked].max() < 0.5 < gap[bag.marked].max()


def test_the_place_of_a_frame_in_its_clip_says_little_about_its_label() -> None:
    rate = np.zeros(STAGE.frames)
    for seed in range(60):
        kind = KINDS[seed % len(KINDS)]
        actor, _, _ = marked(kind, seed)
        frames = np.flatnonzero(actor.marked) + actor.path.first
        rate[frames[(frames >= 0) & (frames < STAGE.frames)]] += 1 / 60
    thirds = rate.reshape(4, -1).mean(axis=1)
    assert thirds.min() > 0.15 and thirds.max() < 0.75


def test_in_a_long_clip_every_anomaly_has_a_stretch_of_its_own() -> None:
    stage = Stage(Camera((320, 240)), 25.0, 3000)
    cast = stage_anomalies(stage, np.random.default_rng(0), ["fall", "loiterer", "wrong_way"])
    spans = [(np.flatnonzero(a.marked)[[0, -1]] + a.path.first) for a in cast]
    assert all(before[1] < after[0] for before, after in pairwise(spans))
