from __future__ import annotations

import numpy as np
import pytest
import torch

from normalcy.errors import TrainingError
from normalcy.scoring.density import BandGaussian, BandReservoir, band_of_row


def test_bands_are_equal_shares_of_the_height() -> None:
    assert band_of_row(8, 4).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert band_of_row(3, 8).tolist() == [1, 4, 6]
    assert set(band_of_row(20, 8)) == set(range(8))


def test_distance_is_the_mahalanobis_distance_of_the_band() -> None:
    rng = np.random.default_rng(0)
    cov = np.array([[2.0, 0.6], [0.6, 1.0]])
    x = rng.multivariate_normal([1.0, -2.0], cov, size=20_000).astype(np.float32)
    g = BandGaussian.fit([x])
    point = np.array([4.0, 1.0])
    centred = point - x.mean(axis=0)
    want = np.sqrt(centred @ np.linalg.inv(np.cov(x.T)) @ centred / 2)
    got = g.distance(torch.tensor(point, dtype=torch.float32).reshape(1, 2, 1, 1))
    assert float(got) == pytest.approx(want, rel=0.01)


def test_what_is_normal_in_one_band_is_abnormal_in_another() -> None:
    rng = np.random.default_rng(1)
    far, near = rng.normal(0, 1, (500, 4)), rng.normal(10, 1, (500, 4))
    g = BandGaussian.fit([far.astype(np.float32), near.astype(np.float32)])
    f = torch.full((1, 4, 2, 3), 10.0)
    d = g.distance(f)
    assert d.shape == (1, 2, 3)
    assert float(d[0, 0].min()) > 5 > 2 > float(d[0, 1].max())


def test_a_band_without_enough_video_leans_on_all_bands() -> None:
    rng = np.random.default_rng(2)
    g = BandGaussian.fit([rng.normal(0, 1, (500, 4)).astype(np.float32), np.empty((0, 0), np.float32)])
    assert torch.allclose(g.mean_bD[0], g.mean_bD[1])


def test_a_dead_channel_does_not_explode() -> None:
    x = np.random.default_rng(3).normal(0, 1, (500, 3)).astype(np.float32)
    x[:, 2] = 0.0
    f = torch.tensor([0.0, 0.0, 0.01]).reshape(1, 3, 1, 1)
    assert float(BandGaussian.fit([x]).distance(f)) < 1e6


def test_no_video_at_all_is_an_error() -> None:
    with pytest.raises(TrainingError, match="no normal video"):
        BandGaussian.fit([np.empty((0, 0), np.float32)])


def test_the_reservoir_is_bounded_and_keeps_late_video() -> None:
    r = BandReservoir(1, capacity=100)
    for i in range(50):
        r.add(torch.full((10, 2, 4, 4), float(i)))
    (kept,) = r.vectors()
    assert len(kept) <= 200
    assert kept.max() > 40
