from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chisquare

from normalcy.clips.sampling import continuous, discontinuous, pair_fits, sample_pair, sliding, span
from normalcy.errors import ShortVideoError

lengths = st.integers(3, 20)
steps = st.integers(1, 6)


@given(st.integers(0, 1000), lengths, steps, st.data())
def test_v_d_is_v_without_frame_m(start, length, step, data):
    m = data.draw(st.integers(1, length - 2))
    v = continuous(start, length, step).tolist()
    v_d = discontinuous(start, length, step, m).tolist()
    assert v_d == v[:m] + v[m + 1 :]
    assert v == [start + i * step for i in range(length)]
    assert (v_d[0], v_d[-1]) == (v[0], v[-1])
    gaps = np.diff(v_d)
    assert gaps[m - 1] == 2 * step and (np.delete(gaps, m - 1) == step).all()


@pytest.mark.parametrize("m", [-1, 0, 4, 5])
def test_first_and_last_frame_are_never_the_missing_one(m):
    with pytest.raises(ValueError, match=r"\[1, 3\]"):
        discontinuous(0, 5, 1, m)


@given(lengths, steps, st.integers(0, 200), st.integers(0, 2**32 - 1))
def test_v_c_never_overlaps_v(length, step, extra, seed):
    n = 2 * span(length, step) + extra
    v, c, m = sample_pair(n, length, step, np.random.default_rng(seed))
    first, second = sorted([v, c])
    assert first >= 0 and second + span(length, step) <= n
    assert first + span(length, step) <= second  # the whole spans, not only the frames that are used
    assert 1 <= m <= length - 2


@given(lengths, steps, st.integers(0, 200))
def test_pair_fits_says_exactly_when_sampling_works(length, step, n):
    if pair_fits(n, length, step):
        sample_pair(n, length, step, np.random.default_rng(0))
    else:
        with pytest.raises(ShortVideoError, match=str(2 * span(length, step))):
            sample_pair(n, length, step, np.random.default_rng(0))


def test_draws_are_uniform():
    rng, n, length, need = np.random.default_rng(1), 15, 6, 6
    pairs = [sample_pair(n, length, 1, rng) for _ in range(30_000)]
    m = np.bincount([p.m for p in pairs], minlength=length)
    assert m[0] == 0 and m[length - 1] == 0
    assert chisquare(m[1:-1]).pvalue > 1e-3

    starts = range(n - need + 1)
    allowed = {v: [c for c in starts if abs(c - v) >= need] for v in starts}
    possible = [v for v in starts if allowed[v]]
    assert len(possible) < len(starts)  # the middle starts must be left out for this to test anything
    v = np.bincount([p.v_start for p in pairs], minlength=len(starts))
    assert v.sum() == v[possible].sum()
    assert chisquare(v[possible]).pvalue > 1e-3
    for start in possible:
        c = np.bincount([p.c_start for p in pairs if p.v_start == start], minlength=len(starts))
        assert c.sum() == c[allowed[start]].sum()
        if len(allowed[start]) > 1:
            assert chisquare(c[allowed[start]]).pvalue > 1e-4


class Scripted:
    """Stands for a generator whose integers() are uniform: answers from a script and notes from how many it chose."""

    def __init__(self, *answers: int) -> None:
        self.answers, self.choices = list(answers), []

    def integers(self, low, high=None):
        low, high = (0, low) if high is None else (low, high)
        self.choices.append(high - low)
        return low + self.answers.pop(0)


@pytest.mark.parametrize("length", [3, 4, 6])
@pytest.mark.parametrize("step", [1, 2])
def test_every_draw_gives_one_allowed_choice_and_each_exactly_once(length, step):
    """Without chance: over uniform integers, a one-to-one map onto the allowed starts is what makes them uniform."""
    need = span(length, step)
    for n in range(2 * need, 5 * need):
        starts = range(n - need + 1)
        allowed = {v: [c for c in starts if abs(c - v) >= need] for v in starts}
        possible = [v for v in starts if allowed[v]]
        for i, v in enumerate(possible):
            for j, c in enumerate(allowed[v]):
                rng = Scripted(i, j, 0)
                assert sample_pair(n, length, step, rng) == (v, c, 1)
                assert rng.choices == [len(possible), len(allowed[v]), length - 2]


def test_same_seed_same_pairs():
    draw = [[sample_pair(100, 5, 2, rng) for _ in range(20)] for rng in map(np.random.default_rng, (7, 7, 8))]
    assert draw[0] == draw[1] != draw[2]


@given(st.integers(1, 300), st.integers(1, 20), steps, st.integers(1, 20))
def test_sliding_covers_every_frame_and_stays_inside(n, length, step, stride):
    need = span(length, step)
    assume(n >= need)
    windows = sliding(n, length, step, stride)
    assert windows.shape[1] == length and windows.dtype == np.int64
    assert windows.min() == 0 and windows.max() == n - 1
    assert (np.diff(windows, axis=1) == step).all()
    starts = windows[:, 0]
    assert starts[-1] == n - need
    gaps = np.diff(starts)
    assert (gaps[:-1] == stride).all() and (gaps > 0).all() and (gaps <= stride).all()
    if stride <= need:
        covered = {f for s in starts for f in range(s, s + need)}
        assert covered == set(range(n))


@given(st.integers(1, 30), lengths, steps)
def test_short_video_policies(n, length, step):
    assume(n < span(length, step))
    with pytest.raises(ShortVideoError, match=f": {n}, needed {span(length, step)} "):
        sliding(n, length, step, 1, "error")
    (window,) = sliding(n, length, step, 1, "repeat")
    assert window.tolist() == [min(i * step, n - 1) for i in range(length)]


def test_no_frames_cannot_be_filled_up():
    with pytest.raises(ShortVideoError):
        sliding(0, 4, 1, 1, "repeat")


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="stride"):
        sliding(10, 3, 1, 0)
    with pytest.raises(ValueError, match="step"):
        continuous(0, 3, 0)
    with pytest.raises(ValueError, match="cannot start"):
        continuous(-1, 3)
    with pytest.raises(ValueError, match="at least 3"):
        sample_pair(100, 2, 1, np.random.default_rng(0))
