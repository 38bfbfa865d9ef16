from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from normalcy.scoring.velocity import BINS, DIRECTIONS, GAP, KEPT, STEPS, VelocityHistogram, bins_of, feet, flow, usual_speed


def field(u: float, v: float, h: int = 4, w: int = 6) -> NDArray[np.float32]:
    return np.broadcast_to(np.array([u, v], np.float32), (h, w, 2)).copy()


def on_rows(speeds: NDArray[np.floating], along: int = 0) -> NDArray[np.float32]:
    """One thing that moves on each row, each in a column of its own: (h, h, 2)."""
    f = field(0.0, 0.0, len(speeds), len(speeds))
    f[np.arange(len(speeds)), np.arange(len(speeds)), along] = speeds
    return f


def counted(*velocities: tuple[float, float], bands: int = 1, columns: int = 1) -> VelocityHistogram:
    h = VelocityHistogram(bands, columns)
    for u, v in velocities:
        h.add(field(u, v))
    return h


def at_angles(speeds: list[float], turns: NDArray[np.floating]) -> NDArray[np.float32]:
    """(speeds, turns, 2) velocities; a turn is a full circle."""
    s, a = np.meshgrid(speeds, 2 * np.pi * turns, indexing="ij")
    return np.stack([s * np.cos(a), s * np.sin(a)], axis=-1).astype(np.float32)


def test_every_velocity_has_a_bin_of_its_own_kind() -> None:
    speeds = [float(np.sqrt(a * b)) for a, b in zip(STEPS, [*STEPS[1:], 9.0], strict=True)]
    moving = bins_of(at_angles(speeds, np.arange(DIRECTIONS) / DIRECTIONS))
    assert sorted([*moving.ravel(), int(bins_of(np.zeros(2)))]) == list(range(BINS))


def test_a_way_that_is_nearly_the_same_is_the_same_bin_all_around() -> None:
    ways = np.arange(DIRECTIONS) / DIRECTIONS
    for lean in (-0.4, 0.4):
        np.testing.assert_array_equal(bins_of(at_angles([1.0], ways)), bins_of(at_angles([1.0], ways + lean / DIRECTIONS)))


def test_the_first_and_the_last_direction_are_neighbours() -> None:
    """Counts spread to both sides of a direction, also where the numbering begins anew."""
    right = counted(*[(2.0, 0.0)] * 200).fit()
    up, down, left = (
        float(right.rarity(2 * at_angles([1.0], np.array([turn]))[None, 0], 1, 1)[0, 0]) for turn in (1 / 8, -1 / 8, 1 / 2)
    )
    assert up == pytest.approx(down, abs=0.01)
    assert left > up + 1


def test_where_cars_set_what_is_usual_a_runner_is_no_walker() -> None:
    """A road beside a pavement: in usual speeds of the row all people are slow, and still 1.2 m/s is not 3.6."""
    h = VelocityHistogram(1, 1)
    for _ in range(200):
        f = field(0.0, 0.0)
        f[:, :3, 0] = 12.0
        f[:, 5, 0] = 1.2
        h.add(f)
    normal = h.fit()
    f[:, 5, 0] = 3.6
    r = normal.rarity(f, 1, 1)
    f[:, 5, 0] = 1.2
    assert float(r[:, 5].min()) > float(normal.rarity(f, 1, 1)[:, 5].max()) + 3


def test_the_other_way_is_rare_and_the_usual_way_is_not() -> None:
    normal = counted(*[(2.0, 0.0)] * 200).fit()
    usual = normal.rarity(field(2.0, 0.0), 1, 1)
    assert usual.shape == (4, 6)
    assert float(normal.rarity(field(-2.0, 0.0), 1, 1).min()) > float(usual.max()) + 3
    assert float(normal.rarity(field(0.0, 0.0), 1, 1).min()) > float(usual.max()) + 1


def test_what_is_usual_on_one_side_is_rare_on_the_other() -> None:
    h = VelocityHistogram(1, 2)
    for _ in range(300):
        f = field(0.0, 0.0)
        f[:, 3:, 0] = 6.0
        h.add(f)
    r = h.fit().rarity(field(6.0, 0.0), 1, 2)
    assert float(r[:, :3].min()) > float(r[:, 3:].max()) + 2


def test_speed_is_measured_by_what_is_usual_on_its_row() -> None:
    """Walkers far away (top) move a pixel a step, those in front four: two pixels are rare above and four below are not."""
    h = VelocityHistogram(1, 1)
    rows = np.linspace(1.0, 4.0, 16, dtype=np.float32)
    for _ in range(100):
        h.add(on_rows(rows))
    normal = h.fit()
    np.testing.assert_allclose(usual_speed(normal.usual_3, 16), rows, rtol=0.15)
    same, twice = (np.diag(normal.rarity(on_rows(by * rows), 1, 1)) for by in (1, 2))
    assert float(twice.min()) > float(same.max()) + 2


def test_what_moves_stands_where_its_column_ends() -> None:
    f = field(0.0, 0.0, 12, 2)
    f[2:6, 0, 0] = 1.0  # a walker
    f[[8, 10 + GAP], 1, 0] = 1.0  # two, one behind the other
    foot = feet(f)
    assert foot[2:6, 0].tolist() == [5] * 4
    assert foot[8, 1] == 8 and foot[10 + GAP, 1] == 10 + GAP
    still = np.hypot(f[..., 0], f[..., 1]) == 0
    np.testing.assert_array_equal(foot[still], np.repeat(np.arange(12)[:, None], 2, axis=1)[still])


def test_a_coat_of_one_colour_does_not_part_a_walker() -> None:
    f = field(0.0, 0.0, 12, 1)
    f[[2, 3, 5, 6], 0, 0] = 1.0
    assert feet(f)[[2, 3, 5, 6], 0].tolist() == [6] * 4
    f[6:8] = 0.0
    f[9] = 1.0
    assert feet(f)[[2, 3, 5, 9], 0].tolist() == [5, 5, 5, 9]


def test_head_and_feet_of_the_one_in_front_are_as_fast_as_each_other() -> None:
    """Far walkers (short, high up) move one pixel a step, near ones (tall, from the middle down) four."""
    h = VelocityHistogram(1, 1)
    f = field(0.0, 0.0, 24, 4)
    for head, foot, speed in ((4, 8, 1.0), (5, 15, 2.5), (6, 22, 4.0)):
        f[:] = 0.0
        f[head:foot, 2, 0] = speed
        for _ in range(100):
            h.add(f)
    normal = h.fit()
    r = normal.rarity(f, 1, 1)
    assert np.ptp(r[6:22, 2]) < 0.5
    small_but_fast = field(0.0, 0.0, 24, 4)
    small_but_fast[4:8, 0, 0] = 4.0
    assert float(normal.rarity(small_but_fast, 1, 1)[4:8, 0].min()) > float(r[6:22, 2].max()) + 2


def test_speed_of_another_size_of_field_is_on_the_same_line() -> None:
    h = VelocityHistogram(1, 1)
    for _ in range(50):
        h.add(on_rows(np.linspace(1.0, 3.0, 32), along=1))
    usual = h.fit().usual_3
    np.testing.assert_allclose(usual_speed(usual, 64)[::2], usual_speed(usual, 32), rtol=0.05)


def test_the_line_of_speeds_never_reaches_zero() -> None:
    h = VelocityHistogram(1, 1)
    for _ in range(50):
        h.add(on_rows(np.concatenate([np.zeros(16), np.linspace(0.2, 9.0, 16)])))  # the line is below zero at the top
    usual = h.fit().usual_3
    assert usual[0] < 0
    assert usual_speed(usual, 32).min() > 0.3


def test_the_shares_of_a_zone_add_up_to_one() -> None:
    table = counted((2.0, 0.0), (0.0, 0.0), (-9.0, 9.0), bands=2, columns=3).fit().table_ZK
    np.testing.assert_allclose(np.exp(-table.astype(np.float64)).sum(axis=1), 1.0, atol=0.02)


def test_without_video_every_velocity_is_alike() -> None:
    assert np.ptp(VelocityHistogram(2, 2).fit().table_ZK) == pytest.approx(0.0, abs=1e-5)


def test_long_video_is_thinned_evenly() -> None:
    h = VelocityHistogram(1, 1)
    for i in range(3 * KEPT):
        h.add(field(float(i // KEPT) + 1.0, 0.0, 1, 1))
    kept = np.array([f[0, 0, 0] for f in h._fields])
    assert len(kept) == KEPT
    shares = [(kept == v).mean() for v in (1.0, 2.0, 3.0)]
    np.testing.assert_allclose(shares, 1 / 3, atol=0.05)


def test_flow_finds_the_shift() -> None:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (80, 120), dtype=np.uint8), (0, 0), 2)
    moved = np.roll(image, 3, axis=1)
    f = flow(image, moved, (10, 15))
    assert f.shape == (10, 15, 2)
    assert np.median(f[..., 0]) == pytest.approx(3.0, abs=0.5)
    assert np.median(f[..., 1]) == pytest.approx(0.0, abs=0.3)


def test_flow_sees_what_is_smaller_than_the_fastest_preset_sees() -> None:
    """A walker of 8 by 20 pixels that goes three to the right."""
    rng = np.random.default_rng(1)
    ground = cv2.GaussianBlur(rng.integers(0, 256, (96, 128), dtype=np.uint8), (0, 0), 3)
    walker = cv2.GaussianBlur(rng.integers(0, 256, (20, 8), dtype=np.uint8), (0, 0), 1)

    def at(x: int) -> NDArray[np.uint8]:
        out = ground.copy()
        out[40:60, x : x + 8] = walker
        return out

    errors = [
        abs(float(flow(at(56), at(59), (96, 128), preset)[42:58, 58:62, 0].mean()) - 3.0)
        for preset in (cv2.DISOPTICAL_FLOW_PRESET_MEDIUM, cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    ]
    assert errors[0] < 0.5 * errors[1]
