from __future__ import annotations

import numpy as np
import pytest
import torch

from normalcy.errors import TrainingError
from normalcy.scoring.density import PRIOR, PlaceGaussian, ZoneReservoir


def test_distance_is_the_mahalanobis_distance_of_the_band() -> None:
    rng = np.random.default_rng(0)
    cov = np.array([[2.0, 0.6], [0.6, 1.0]])
    x = rng.multivariate_normal([1.0, -2.0], cov, size=20_000).astype(np.float32)
    g = PlaceGaussian.fit([x], 1, 1)
    point = np.array([4.0, 1.0])
    centred = point - x.mean(axis=0)
    want = np.sqrt(centred @ np.linalg.inv(np.cov(x.T)) @ centred / 2)
    got = g.distance(torch.tensor(point, dtype=torch.float32).reshape(1, 2, 1, 1))
    assert float(got) == pytest.approx(want, rel=0.02)


@pytest.mark.parametrize(("bands", "columns"), [(2, 1), (1, 2)])
def test_what_is_normal_in_one_zone_is_abnormal_in_another(bands: int, columns: int) -> None:
    rng = np.random.default_rng(1)
    far, near = rng.normal(0, 1, (5000, 4)), rng.normal(10, 1, (5000, 4))
    g = PlaceGaussian.fit([far.astype(np.float32), near.astype(np.float32)], bands, columns)
    d = g.distance(torch.full((1, 4, 2 * bands, 2 * columns), 10.0))
    assert d.shape == (1, 2 * bands, 2 * columns)
    assert float(d[0, 0, 0]) > 2 * float(d[0, -1, -1])


def test_a_zone_without_video_leans_on_its_band() -> None:
    rng = np.random.default_rng(2)
    seen = rng.normal(3, 1, (5000, 4)).astype(np.float32)
    g = PlaceGaussian.fit([seen, np.empty((0, 0), np.float32)], 1, 2)
    assert torch.allclose(g.mean_ZD[1], torch.tensor(seen.mean(axis=0)), atol=0.01)
    assert PRIOR > 0  # otherwise a zone that saw one vector would take it for the whole truth


def test_a_dead_channel_does_not_explode() -> None:
    x = np.random.default_rng(3).normal(0, 1, (500, 3)).astype(np.float32)
    x[:, 2] = 0.0
    f = torch.tensor([0.0, 0.0, 0.01]).reshape(1, 3, 1, 1)
    assert float(PlaceGaussian.fit([x], 1, 1).distance(f)) < 1e6


def test_no_video_at_all_is_an_error() -> None:
    with pytest.raises(TrainingError, match="no normal video"):
        PlaceGaussian.fit([np.empty((0, 0), np.float32)], 1, 1)


def test_the_reservoir_is_bounded_and_keeps_late_video() -> None:
    r = ZoneReservoir(1, 1, capacity=100)
    for i in range(50):
        r.add(torch.full((10, 2, 4, 4), float(i)))
    (kept,) = r.vectors()
    assert len(kept) <= 200
    assert kept.max() > 40


def test_a_direction_without_variance_counts_as_a_thousandth_of_the_usual() -> None:
    """Two channels that always go together: what parts them is far from normal, and not infinitely far."""
    one = np.random.default_rng(4).normal(0, 1, 20_000)
    g = PlaceGaussian.fit([np.stack([one, one], axis=1).astype(np.float32)], 1, 1)
    apart = torch.tensor([0.1, -0.1]).reshape(1, 2, 1, 1)
    assert float(g.distance(apart)) == pytest.approx(np.sqrt(0.1**2 / 1e-3), rel=0.02)
