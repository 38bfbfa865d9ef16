"""P1, P2, P3, pooled as in the paper and dense for maps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from normalcy.nn.heads import Heads, local_mean


@pytest.mark.parametrize("hidden", [0, 7])
@pytest.mark.parametrize("keep_time", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 4, 5, 9])
def test_shapes_for_any_time_axis(hidden: int, keep_time: bool, steps: int) -> None:
    heads = Heads(6, length=5, projection=8, hidden=hidden, keep_time=keep_time)
    f = torch.randn(3, 6, steps, 4, 5)
    for pool, tail in ((None, ()), ((2, 3), (4, 5)), ((4, 4), (4, 5)), ((9, 9), (4, 5))):
        assert heads.continuity(f, pool).shape == (3, 2, *tail)
        assert heads.localise(f, pool).shape == (3, 3, *tail)
        assert heads.project(f, pool).shape == (3, 8, *tail)


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_neighbourhood_of_the_whole_picture_is_global_pooling(keep_time: bool) -> None:
    heads = Heads(6, length=5, projection=8, hidden=7, keep_time=keep_time)
    f = torch.randn(2, 6, 4, 3, 5)
    for head in (heads.continuity, heads.localise, heads.project):
        dense = head(f, (7, 11))  # reaches every place from everywhere
        torch.testing.assert_close(dense, head(f)[:, :, None, None].expand_as(dense))


def test_dense_output_at_a_place_is_that_of_the_crop_around_it() -> None:
    heads = Heads(6, length=5, projection=8, hidden=7)
    f = torch.randn(2, 6, 4, 9, 9)
    crop = f[:, :, :, 3:6, 4:7]
    torch.testing.assert_close(heads.continuity(f, (3, 3))[:, :, 4, 5], heads.continuity(crop))


def test_only_a_kept_time_axis_tells_when() -> None:
    torch.manual_seed(0)
    f = torch.randn(2, 6, 4, 3, 3)
    pooled, timed = (Heads(6, 5, 8, 0, keep_time=k) for k in (False, True))
    torch.testing.assert_close(pooled.localise(f), pooled.localise(f.flip(2)))
    assert (timed.localise(f) - timed.localise(f.flip(2))).abs().max() > 1e-3
    torch.testing.assert_close(timed.continuity(f), timed.continuity(f.flip(2)))


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))
def test_local_mean_counts_only_places_inside(h: int, w: int, ph: int, pw: int) -> None:
    f = torch.rand(1, 1, h, w, dtype=torch.float64)
    got = local_mean(f, (ph, pw))
    assert got.shape == f.shape
    for y in range(h):
        for x in range(w):
            top, left = y - ph // 2, x - pw // 2
            window = f[0, 0, max(top, 0) : top + ph, max(left, 0) : left + pw]
            assert got[0, 0, y, x].item() == pytest.approx(window.mean().item(), abs=1e-12)
