from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

from normalcy.report.curves import Roc, SizeBin, Trace, roc_figure, size_figure, training_figure, truth_figure
from normalcy.report.style import to_svg
from normalcy.types import VideoScores


@pytest.fixture(autouse=True)
def strict() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_each_method_gets_a_panel_that_shows_all_of_it() -> None:
    scores = VideoScores("v", np.arange(50) / 10, np.ones(50), {"density": np.ones(50)})
    others = {
        "far away": np.linspace(900, 1000, 50),
        "constant": np.full(50, 0.3),
        "gaps": np.where(np.arange(50) % 7, 1.0, np.nan),
    }
    fig = truth_figure(scores, 2.0, [], np.arange(50) > 40, others)
    assert len(fig.axes) == 2 + 3
    low, high = fig.axes[2].get_ylim()
    assert 850 < low < 900 and 1000 < high < 1050
    assert {"far away", "constant", "gaps", "density"} <= set(words(to_svg(fig, "x")))
    assert {ax.get_xlim() for ax in fig.axes} == {fig.axes[0].get_xlim()}


def test_roc_keeps_ends_and_corner_of_a_long_curve() -> None:
    fpr = np.linspace(0, 1, 100_000)
    fig = roc_figure(
        [Roc("ours", fpr, np.minimum(1, fpr * 20), 0.975, True), Roc("b", np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.5)]
    )
    x, y = fig.axes[0].lines[-1].get_data()
    assert len(x) < 400 and (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.abs(np.interp(0.05, x, y) - 1) < 0.01
    assert "ours 97.5" in words(to_svg(fig, "roc"))


def test_size_bars_rise_from_chance_and_leave_gaps_for_the_undefined() -> None:
    fig = size_figure([SizeBin("< 0.5 %", 10, {"a": 0.4, "b": None}), SizeBin("> 8 %", 0, {"a": None, "b": 0.75})])
    assert [(p.get_y(), round(p.get_height(), 6)) for p in fig.axes[0].patches] == [(50, -10), (50, 25)]
    assert size_figure([SizeBin("all", 0, {"a": None})])


@pytest.mark.parametrize("n", [0, 1, 2, 9, 5000])
def test_training_curves_of_any_length(n: int) -> None:
    step = np.arange(n, dtype=np.float64)
    value = np.where(step % 5 == 4, np.nan, 0.25)
    fig = training_figure([Trace("_loss $", step, value)], [Trace("continuity", step, value, 0.5)])
    shown = words(to_svg(fig, "training"))
    if n:
        assert "continuity 25 (chance 50)" in shown and " _loss $" in shown
    assert len(fig.axes) == 2 and len(training_figure([Trace("loss", step, value)], []).axes) == 1
