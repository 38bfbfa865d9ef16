"""Charts of results as figures: curve against truth for several methods, ROC, AUC by anomaly size, training curves.

Nothing is measured here; every number arrives measured. Figures become SVG or PNG through :mod:`normalcy.report.style`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from normalcy.report.style import COLOURS, SERIES, new_figure, peaks, plain, styled, time_axis
from normalcy.report.timeline import draw_readouts, draw_score, extent, flag_spans, line, tint
from normalcy.types import Event, VideoScores

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Roc:
    """One ROC curve. fpr, tpr: (P,) in [0, 1], ascending. auc in [0, 1]. ours: drawn strong, the others stand back."""

    name: str
    fpr: Floats
    tpr: Floats
    auc: float
    ours: bool = False


@dataclass(frozen=True, slots=True)
class SizeBin:
    """AUC for anomalies of one size. label: e.g. ``< 0.5 %`` of the frame. auc: per method, None where undefined."""

    label: str
    frames: int
    """Abnormal frames in this bin."""
    auc: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Trace:
    """One training curve. step, value: (P,). chance: what guessing gives, None for a loss."""

    name: str
    step: Floats
    value: Floats
    chance: float | None = None


def truth_figure(
    scores: VideoScores,
    threshold: float | None,
    events: Sequence[Event],
    truth: ArrayLike | None = None,
    others: Mapping[str, ArrayLike] | None = None,
    width: int = 920,
) -> Figure:
    """The score against truth as in the paper's Figure 1; under it the readouts and each other method in its own panel.

    others: name -> (N,) scores in their own units, each drawn between its own least and greatest value.
    """
    others = others or {}
    heights = [170] + ([64] if scores.readouts else []) + [50] * len(others)
    gap, top, bottom = 22, 30, 46
    height = sum(heights) + gap * (len(heights) - 1) + top + bottom
    with styled():
        fig = new_figure(width, height)
        left, right = 58, 108
        y = height - top
        axes: list[Any] = []
        for h in heights:
            y -= h
            axes.append(fig.add_axes((left / width, y / height, (width - left - right) / width, h / height)))
            y -= gap
        draw_score(axes[0], scores, threshold, events, truth, columns=width, label=len(axes) == 1)
        if scores.readouts:
            draw_readouts(axes[1], scores, columns=width)
        for ax, (name, values) in zip(axes[len(axes) - len(others) :], others.items(), strict=True):
            _other(ax, scores, name, values, truth, width)
        for ax in axes[1:-1]:
            ax.tick_params(axis="x", labelbottom=False, length=0)
            ax.set_xlabel("")
    return fig


def _other(ax: Any, scores: VideoScores, name: str, values: ArrayLike, truth: ArrayLike | None, width: int) -> None:
    start, end = extent(scores.time_s)
    if truth is not None:
        tint(ax, flag_spans(scores.time_s, truth), "truth", 2 * (end - start) / width)
    line(ax, scores.time_s, values, width, color=COLOURS["muted"], lw=1.1)
    v = np.asarray(values, dtype=np.float64)
    v = v[np.isfinite(v)]
    lo, hi = (float(v.min()), float(v.max())) if len(v) else (0.0, 1.0)
    pad = 0.1 * (hi - lo) or 0.5
    ax.set_ylim(lo - pad, hi + pad)
    ax.set_yticks([])
    ax.text(1.012, 0.5, "\n".join(_wrap(name)), color=COLOURS["muted"], transform=ax.transAxes, va="center", fontsize=9.5)
    time_axis(ax, start, end)


def roc_figure(curves: Sequence[Roc], size: tuple[int, int] = (450, 400)) -> Figure:
    """ROC curves with AUC in the legend; the diagonal is chance."""
    with styled():
        fig = new_figure(*size)
        ax = fig.add_axes((0.13, 0.13, 0.84, 0.83))
        ax.plot([0, 1], [0, 1], color=COLOURS["muted"], lw=0.9, ls=(0, (2, 3)), label="chance 50.0")
        for i, c in enumerate(sorted(curves, key=lambda c: (c.ours, c.auc))):
            keep = _thin(c.fpr, c.tpr, 300)
            style: dict[str, Any] = (
                {"color": COLOURS["score"], "lw": 2.4} if c.ours else {"color": SERIES[1 + i % 5], "lw": 1.2}
            )
            ax.plot(
                c.fpr[keep], c.tpr[keep], label=f"{plain(c.name, 26)} {100 * c.auc:.1f}", zorder=3 if c.ours else 2, **style
            )
        ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel="false positive rate", ylabel="true positive rate")
        ax.grid(axis="x")
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(handles[::-1], labels[::-1], loc="lower right", title="micro AUC %", alignment="left", title_fontsize=10)
    return fig


def size_figure(bins: Sequence[SizeBin], size: tuple[int, int] = (450, 400)) -> Figure:
    """AUC per size of anomaly, bars from chance (50) up or down, one group per bin, one bar per method."""
    names = list(dict.fromkeys(n for b in bins for n in b.auc))
    with styled():
        fig = new_figure(*size)
        ax = fig.add_axes((0.13, 0.2, 0.84, 0.68))
        thick = 0.8 / max(1, len(names))
        for j, name in enumerate(names):
            colour = COLOURS["score"] if j == 0 else SERIES[1 + (j - 1) % 5]
            for i, b in enumerate(bins):
                value = b.auc.get(name)
                x = i + (j - (len(names) - 1) / 2) * thick
                if value is None:
                    ax.text(x, 51, "–", ha="center", color=COLOURS["muted"])
                    continue
                label = plain(name, 26) if not ax.get_legend_handles_labels()[1].count(plain(name, 26)) else None
                ax.bar(x, 100 * value - 50, thick * 0.9, bottom=50, color=colour, label=label)
                if thick > 0.19:
                    up = value >= 0.5
                    ax.text(
                        x,
                        100 * value + (1 if up else -1),
                        f"{100 * value:.0f}",
                        ha="center",
                        va="bottom" if up else "top",
                        fontsize=9,
                    )
        ax.axhline(50, color=COLOURS["muted"], lw=1)
        lows = [100 * v for b in bins for v in b.auc.values() if v is not None]
        ax.set(ylim=(min([45.0, *[v - 7 for v in lows]]), 104), ylabel="AUC %", xlim=(-0.6, len(bins) - 0.4))
        ax.set_xticks(range(len(bins)), [f"{plain(b.label, 14)}\n{b.frames} frames" for b in bins])
        ax.tick_params(axis="x", length=0)
        ax.set_xlabel("share of the frame that the anomaly covers")
        _legend(ax, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3)
    return fig


def training_figure(losses: Sequence[Trace], accuracies: Sequence[Trace], size: tuple[int, int] = (920, 280)) -> Figure:
    """Losses left, accuracies right with chance dotted in the same colour. Faint: as logged; strong: smoothed."""
    panels = [(t, p) for t, p in ((losses, "loss"), (accuracies, "accuracy %")) if t]
    with styled():
        fig = new_figure(*size)
        for k, (traces, what) in enumerate(panels):
            share = 1 / len(panels)
            ax = fig.add_axes((0.065 + k * share, 0.17, share - 0.085, 0.66))
            factor = 100.0 if what == "accuracy %" else 1.0
            for i, t in enumerate(traces):
                _trace(ax, t, SERIES[i % len(SERIES)], factor)
            if what != "loss":
                ax.set_ylim(0, 103)
            ax.set_xlabel("step")
            ax.set_ylabel(what)
            _legend(ax, loc="lower right", bbox_to_anchor=(1, 1.0), ncols=4)
    return fig


def _legend(ax: Any, **place: Any) -> None:
    if ax.get_legend_handles_labels()[0]:
        ax.legend(handlelength=1, columnspacing=1.2, borderaxespad=0.2, **place)


def _trace(ax: Any, t: Trace, colour: str, factor: float) -> None:
    good = np.isfinite(t.value)
    step, value = t.step[good], factor * t.value[good]
    if not len(value):
        return
    smooth = _smooth(value)
    i = np.unique(np.linspace(0, len(step) - 1, 400).round().astype(int))
    if len(value) > 8:
        j = peaks(np.abs(value - smooth), 400)
        ax.plot(step[j], value[j], color=colour, lw=0.6, alpha=0.35)
    label = plain(t.name, 24) + ("" if t.chance is None else f" {smooth[-1]:.0f} (chance {factor * t.chance:.0f})")
    ax.plot(step[i], smooth[i], color=colour, lw=1.8, label=label, marker="o" if len(i) == 1 else None)
    if t.chance is not None:
        ax.axhline(factor * t.chance, color=colour, lw=1, ls=(0, (1, 2)))


def _smooth(value: Floats) -> Floats:
    """Centred mean over a tenth of the run; at the ends over what there is of it."""
    half = len(value) // 20
    total = np.concatenate([[0.0], np.cumsum(value)])
    i = np.arange(len(value))
    lo, hi = np.maximum(i - half, 0), np.minimum(i + half, len(value) - 1)
    return np.asarray((total[hi + 1] - total[lo]) / (hi - lo + 1))


def _thin(fpr: Floats, tpr: Floats, points: int) -> NDArray[np.intp]:
    """Points along the curve at even distance, ends kept."""
    along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(fpr)) + np.abs(np.diff(tpr)))])
    nearest = np.searchsorted(along, np.linspace(0, along[-1], points))
    return np.unique(np.concatenate([[0], np.minimum(nearest, len(fpr) - 1), [len(fpr) - 1]]))


def _wrap(name: str, width: int = 15) -> list[str]:
    import textwrap

    return textwrap.wrap(plain(name, 45), width) or [""]
