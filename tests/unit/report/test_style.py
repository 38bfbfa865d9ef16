from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from normalcy.report.style import clock, new_figure, peaks, plain, runs, styled, to_png, to_svg

FINITE = st.floats(-1e6, 1e6)


@given(hnp.arrays(np.float64, st.integers(1, 400), elements=FINITE), st.integers(1, 60))
def test_decimation_keeps_the_peak_of_every_stretch(values: np.ndarray, columns: int) -> None:
    i = peaks(values, columns)
    assert len(i) <= max(columns, 1)
    assert (np.diff(i) > 0).all()
    assert values[i].max() == values.max()
    run = -(-len(values) // columns) if len(values) > columns else 1
    for k, start in enumerate(range(0, len(values), run)):
        assert values[i[k]] == values[start : start + run].max()


def test_decimation_never_picks_a_gap_over_a_value() -> None:
    values = np.array([np.nan, 1.0, np.nan, np.nan, -5.0, np.nan])
    assert peaks(values, 2).tolist() == [1, 4]
    assert peaks(values, 6).tolist() == list(range(6))


@given(hnp.arrays(np.bool_, st.integers(0, 50)))
def test_runs_rebuild_the_flags(flags: np.ndarray) -> None:
    rebuilt = np.zeros(len(flags), bool)
    found = runs(flags)
    for a, b in found:
        assert flags[a : b + 1].all()
        rebuilt[a : b + 1] = True
    assert (rebuilt == flags).all()
    assert all(b + 1 < a for (_, b), (a, _) in pairwise(found))


@pytest.mark.parametrize(
    ("seconds", "span", "text"),
    [(7.31, None, "7.3 s"), (7.31, 500, "0:07"), (125, None, "2:05"), (3725, None, "1:02:05"), (60, 7200, "0:01:00")],
)
def test_clock(seconds: float, span: float | None, text: str) -> None:
    assert clock(seconds, span) == text


def test_plain_takes_the_teeth_out_of_names() -> None:
    assert plain("$\\frac{1$") == r"\$\frac{1\$"
    assert "\n" not in plain("a\nb") and "\x00" not in plain("\x00")
    assert plain("\udcff").encode()  # an undecodable byte of a file name
    assert len(plain("x" * 500)) <= 80


@pytest.mark.parametrize("name", ["$\\frac{", "\udcff.mp4", "行人.mp4", "<script>alert(1)</script>", "a&b", "$$"])
def test_any_name_can_be_drawn(name: str) -> None:
    with styled():
        fig = new_figure(300, 100)
        fig.text(0.1, 0.5, plain(name))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_png(fig).startswith(b"\x89PNG")
        svg = to_svg(fig, name)
    assert "<script" not in svg


def test_svg_follows_the_theme_and_repeats() -> None:
    def draw() -> str:
        with styled():
            fig = new_figure(300, 100)
            fig.add_subplot().plot([0, 1], [1, 2], color="#0a62b5")
        return to_svg(fig, "a chart")

    svg = draw()
    assert "var(--c-score)" in svg and "#0a62b5" not in svg
    assert svg == draw()
    assert svg.startswith('<svg class="chart" role="img" aria-label="a chart"')
