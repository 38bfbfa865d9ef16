from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from normalcy.scoring.velocity import BINS, EDGES, VelocityHistogram, bins_of, flow, rarity


def field(u: float, v: float, h: int = 4, w: int = 6) -> NDArray[np.float32]:
    return np.broadcast_to(np.array([u, v], np.float32), (h, w, 2)).copy()


def counted(*velocities: tuple[float, float], bands: int = 1, columns: int = 1) -> VelocityHistogram:
    h = VelocityHistogram(bands, columns)
    for u, v in velocities:
        h.add(field(u, v))
    return h


def test_every_velocity_has_a_bin_of_its_own_kind() -> None:
    middles = np.array([-9, *((EDGES[:-1] + EDGES[1:]) / 2), 9])
    grid = np.stack(np.meshgrid(middles, middles), axis=-1).astype(np.float32)
    assert sorted(bins_of(grid).ravel()) == list(range(BINS))


def test_the_other_way_is_rare_and_the_usual_way_is_not() -> None:
    table = counted(*[(2.0, 0.0)] * 200).table()
    usual = rarity(field(2.0, 0.0), table, 1, 1)
    assert usual.shape == (4, 6)
    assert float(rarity(field(-2.0, 0.0), table, 1, 1).min()) > float(usual.max()) + 3
    assert float(rarity(field(0.0, 0.0), table, 1, 1).min()) > float(usual.max()) + 1


def test_what_is_usual_on_one_side_is_rare_on_the_other() -> None:
    h = VelocityHistogram(1, 2)
    for _ in range(300):
        f = field(0.0, 0.0)
        f[:, 3:, 0] = 6.0
        h.add(f)
    r = rarity(field(6.0, 0.0), h.table(), 1, 2)
    assert float(r[:, :3].min()) > float(r[:, 3:].max()) + 2


def test_the_shares_of_a_zone_add_up_to_one() -> None:
    table = counted((2.0, 0.0), (0.0, 0.0), (-9.0, 9.0), bands=2, columns=3).table()
    np.testing.assert_allclose(np.exp(-table.astype(np.float64)).sum(axis=1), 1.0, atol=0.02)


def test_without_video_every_velocity_is_alike() -> None:
    assert np.ptp(VelocityHistogram(2, 2).table()) == pytest.approx(0.0, abs=1e-5)


def test_flow_finds_the_shift() -> None:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (80, 120), dtype=np.uint8), (0, 0), 2)
    moved = np.roll(image, 3, axis=1)
    f = flow(image, moved, (10, 15))
    assert f.shape == (10, 15, 2)
    assert np.median(f[..., 0]) == pytest.approx(3.0, abs=0.5)
    assert np.median(f[..., 1]) == pytest.approx(0.0, abs=0.3)
