from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from normalcy.scoring.place import SPREAD_FLOOR, Moments, PlaceStatistics, moments_of, part_of, zones


def test_parts_are_equal_shares() -> None:
    assert part_of(8, 4).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert part_of(3, 8).tolist() == [1, 4, 6]
    assert set(part_of(20, 8)) == set(range(8))


def test_zones_are_numbered_band_by_band() -> None:
    assert zones(2, 4, 2, 2).tolist() == [[0, 0, 1, 1], [2, 2, 3, 3]]


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 8), st.integers(1, 8))
def test_every_place_has_a_zone(h: int, w: int, bands: int, columns: int) -> None:
    z = zones(h, w, bands, columns)
    assert z.shape == (h, w)
    assert z.min() >= 0 and z.max() < bands * columns


def test_moments_add_up_over_batches() -> None:
    rng = np.random.default_rng(0)
    x, zone = rng.normal(size=(2, 60)), rng.integers(0, 3, 60)
    whole = Moments.of(x, zone, 3)
    parts = Moments.of(x[:, :25], zone[:25], 3) + Moments.of(x[:, 25:], zone[25:], 3)
    for a, b in zip(
        (whole.count_Z, whole.total_KZ, whole.square_KZ), (parts.count_Z, parts.total_KZ, parts.square_KZ), strict=True
    ):
        np.testing.assert_allclose(a, b)


def test_without_shrinking_a_zone_has_its_own_mean_and_spread() -> None:
    rng = np.random.default_rng(1)
    zone = rng.integers(0, 4, 4000)
    x = rng.normal(zone, 1.0 + zone, 4000)[None]
    mean, spread = Moments.of(x, zone, 4).shrunk(2, 2, 0.0)
    for i in range(4):
        assert mean[0, i] == pytest.approx(x[0, zone == i].mean(), abs=1e-4)
        assert spread[0, i] == pytest.approx(x[0, zone == i].std(), rel=1e-3)


def test_a_zone_that_saw_nothing_takes_its_band() -> None:
    x, zone = np.array([[1.0, 3.0, 100.0, 102.0]]), np.array([0, 0, 2, 3])
    mean, _ = Moments.of(x, zone, 4).shrunk(2, 2, 1e-6)
    assert mean[0, 1] == pytest.approx(2.0, abs=1e-3)


def test_where_nothing_moved_the_spread_has_a_floor() -> None:
    rng = np.random.default_rng(2)
    x = np.concatenate([np.zeros(500), rng.normal(0, 2.0, 500)])[None]
    zone = np.repeat([0, 1], 500)
    _, spread = Moments.of(x, zone, 2).shrunk(1, 2, 0.0)
    assert spread[0, 0] == pytest.approx(SPREAD_FLOOR * x.std(), rel=1e-3)


def test_a_map_like_those_fitted_is_zero_and_two_sided_means_distance() -> None:
    maps = [torch.randn(50, 2, 4, 6, generator=torch.Generator().manual_seed(0)) * 3 + 7]
    p = PlaceStatistics.of(moments_of(maps, 2, 3), 50, 2, 3, 0.0)
    one = p.z(maps[0], 2, 3, (False, False))
    assert one.shape == (50, 4, 6)
    assert abs(float(one.mean())) < 1e-3
    assert float(p.z(maps[0], 2, 3, (True, True)).min()) >= 0.0
    low = torch.full((1, 2, 4, 6), -50.0)
    assert float(p.z(low, 2, 3, (False, False)).max()) < -10 < 10 < float(p.z(low, 2, 3, (True, True)).min())


def test_maps_of_two_sizes_go_together() -> None:
    p = PlaceStatistics.of(moments_of([torch.ones(3, 1, 4, 4), torch.ones(2, 1, 8, 6)], 2, 2), 5, 2, 2, 10.0)
    np.testing.assert_allclose(p.mean_KZ, 1.0, rtol=1e-5)
