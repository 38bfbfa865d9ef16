"""The score over time as a person reads it: line, threshold, numbered events, truth where it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from normalcy.files import write_bytes
from normalcy.report.style import COLOURS, SERIES, clock, new_figure, peaks, plain, runs, styled, time_axis, to_png
from normalcy.types import Event, VideoScores

Spans = list[tuple[float, float]]
"""(start, end) in seconds."""


def save_timeline(
    path: str | Path,
    scores: VideoScores,
    threshold: float | None,
    events: Sequence[Event],
    truth: ArrayLike | None = None,
) -> None:
    """Write a 1200 x 400 PNG of one video, atomically.

    threshold and scores are in calibrated units; None where no threshold was set. truth: (N,) 0/1, one per frame.
    Raises ValueError for a video without frames or truth of another length, OutputError if the file cannot be written.
    """
    write_bytes(path, to_png(timeline_figure(scores, threshold, events, truth)))


def timeline_figure(
    scores: VideoScores,
    threshold: float | None,
    events: Sequence[Event],
    truth: ArrayLike | None = None,
    size: tuple[int, int] = (1200, 400),
) -> Figure:
    """The same as a figure of size (width, height) pixels. Truth is green as in the paper's Figure 1."""
    width, height = size
    with styled():
        fig = new_figure(width, height, dpi=100)
        small = bool(scores.readouts) and height >= 240
        shares = [3.2, 1] if small else [1]
        axes = fig.subplots(len(shares), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": shares, "hspace": 0.16})
        right = 1 - (112 if small else 20) / width
        fig.subplots_adjust(left=72 / width, right=right, top=1 - 66 / height, bottom=54 / height)
        top = axes[0, 0]
        draw_score(top, scores, threshold, events, truth, columns=width, label=not small)
        fig.text(72 / width, 1 - 20 / height, _heading(scores, events), fontsize=10, fontweight="bold", va="center")
        _legend(fig, top, threshold, bool(events), truth is not None, x=right, y=1 - 20 / height)
        if small:
            draw_readouts(axes[1, 0], scores, columns=width)
            fig.align_ylabels(axes[:, 0])
    return fig


def draw_score(
    ax: Any,
    scores: VideoScores,
    threshold: float | None,
    events: Sequence[Event],
    truth: ArrayLike | None,
    columns: int,
    label: bool = True,
) -> None:
    """The fused score on ax with event and truth lanes. columns: pixels to decimate to (peaks are kept)."""
    start, end = extent(scores.time_s)
    least = (end - start) / columns * 2  # two pixels, so that the shortest event of the longest video still shows
    alarms = np.zeros(len(scores.score), dtype=bool)
    for e in events:
        alarms[e.start_frame : e.end_frame + 1] = True
    if truth is not None:
        true = flag_spans(scores.time_s, truth)
        tint(ax, true, "truth", least)
        lane(ax, true, "truth", (-0.06, -0.02), least)
        alarms &= ~np.asarray(truth).astype(bool)  # where both hold the event lane says so; two tints would mix to mud
    tint(ax, flag_spans(scores.time_s, alarms), "alarm", least)
    spans = [(e.start_s, e.end_s + _period(scores.time_s)) for e in events]
    lane(ax, spans, "alarm", (1.02, 1.06), least)
    _number(ax, spans, start, end, columns)
    if threshold is not None:
        ax.axhline(threshold, color=COLOURS["alarm"], lw=1.1, ls=(0, (5, 3)))
    line(ax, scores.time_s, scores.score, columns, color=COLOURS["score"], lw=1.4)
    ax.set_ylim(*limits([scores.score], threshold))
    ax.yaxis.get_major_locator().set_params(nbins=7, steps=[1, 2, 5, 10])
    ax.set_ylabel("anomaly score")
    ax.spines["bottom"].set_visible(truth is None)
    time_axis(ax, start, end, label)
    if not label:
        ax.tick_params(axis="x", labelbottom=False, length=0)
    elif truth is not None:
        ax.tick_params(axis="x", pad=9)


NAMED = 5
"""Readouts that have a colour and a name where there are more: those that rise highest. The rest are grey."""


def draw_readouts(ax: Any, scores: VideoScores, columns: int) -> None:
    """One thin line per readout, the highest ones named at the right edge in their colours."""
    start, end = extent(scores.time_s)
    highest = sorted(scores.readouts, key=lambda n: -float(np.max(scores.readouts[n], initial=-np.inf)))[:NAMED]
    named = [n for n in scores.readouts if n in highest]
    for name, values in scores.readouts.items():
        i = named.index(name) if name in named else None
        colour = "0.8" if i is None else SERIES[(i + 1) % len(SERIES)]
        line(ax, scores.time_s, values, columns, color=colour, lw=0.8)
        if i is not None:
            y = 1.08 - 0.27 * i if len(named) <= 4 else 1.15 - 0.25 * i
            ax.text(1.012, y, plain(name, 16), color=colour, transform=ax.transAxes, va="top", fontsize=8.5)
    ax.set_ylim(*limits(scores.readouts.values(), None))
    ax.yaxis.get_major_locator().set_params(nbins=3)
    ax.set_ylabel("readouts")
    time_axis(ax, start, end)


def tint(ax: Any, spans: Spans, colour: str, least: float) -> None:
    """Faint colour over the whole height of the plot. least: seconds that a mark is at least wide."""
    ax.broken_barh(
        _bars(spans, least), (0, 1), transform=ax.get_xaxis_transform(), color=COLOURS[colour], alpha=0.15, lw=0, zorder=0.5
    )


def lane(ax: Any, spans: Spans, colour: str, between: tuple[float, float], least: float) -> None:
    """Solid bars in a lane beside the plot; between: its lower and upper edge in axes height."""
    y = (between[0], between[1] - between[0])
    ax.broken_barh(_bars(spans, least), y, transform=ax.get_xaxis_transform(), color=COLOURS[colour], lw=0, clip_on=False)


def _bars(spans: Spans, least: float) -> Spans:
    return [(a, max(b - a, least)) for a, b in spans]


def line(ax: Any, time_s: NDArray[np.float64], values: ArrayLike, columns: int, **style: Any) -> None:
    """values over time_s. More than fit are drawn as their peaks, with a faint band down to the lowest; one frame is a dot."""
    v = np.asarray(values, dtype=np.float64)
    i = peaks(v, columns)
    if len(i) < len(v):
        low = v[peaks(-v, columns)]
        ax.fill_between(time_s[i], low, v[i], color=style.get("color"), alpha=0.22, lw=0)
    ax.plot(time_s[i], v[i], marker="o" if len(i) == 1 else None, ms=4, solid_joinstyle="round", **style)


def extent(time_s: NDArray[np.float64]) -> tuple[float, float]:
    """Start of the first and end of the last frame, seconds. Raises ValueError if there is no frame."""
    if len(time_s) == 0:
        raise ValueError("a video without frames has no timeline")
    return float(time_s[0]), float(time_s[-1]) + _period(time_s)


def flag_spans(time_s: NDArray[np.float64], flags: ArrayLike) -> Spans:
    """Seconds in which flags (N,) 0/1 are 1. Raises ValueError if they have another length than time_s."""
    t = np.asarray(flags)
    if t.shape != time_s.shape:
        raise ValueError(f"truth has shape {t.shape}, expected {time_s.shape}: one 0/1 per frame")
    edges = np.append(time_s, extent(time_s)[1])
    return [(float(edges[a]), float(edges[b + 1])) for a, b in runs(t)]


def limits(series: Any, threshold: float | None) -> tuple[float, float]:
    """y limits that hold 0, the threshold and every finite value, never of zero height."""
    limits = [0.0] if threshold is None else [0.0, threshold]
    for values in series:
        v = np.asarray(values, dtype=np.float64)
        v = v[np.isfinite(v)]
        if len(v):
            limits += [float(v.min()), float(v.max())]
    lo, hi = min(limits), max(limits)
    pad = 0.08 * (hi - lo) or 0.5
    return (lo - pad if lo < 0 else -0.25 * pad), hi + pad


def _period(time_s: NDArray[np.float64]) -> float:
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    return step if step > 0 else 0.04


def _number(ax: Any, spans: Spans, start: float, end: float, columns: int) -> None:
    """Event numbers over the lane; one that would touch its left neighbour is left out."""
    gap, last = 16 * (end - start) / columns, -np.inf
    for (a, b), i in sorted(zip(spans, range(1, len(spans) + 1), strict=True)):
        x = (a + b) / 2
        if x - last >= gap * (1 if i < 100 else 1.6):
            ax.text(
                x,
                1.075,
                str(i),
                transform=ax.get_xaxis_transform(),
                ha="center",
                va="bottom",
                fontsize=8.5,
                fontweight="bold",
                color=COLOURS["alarm"],
            )
            last = x


def _heading(scores: VideoScores, events: Sequence[Event]) -> str:
    start, end = extent(scores.time_s)
    frames = "1 frame" if len(scores.score) == 1 else f"{len(scores.score)} frames"
    count = "no event" if not events else "1 event" if len(events) == 1 else f"{len(events)} events"
    return f"{plain(scores.name, 48)}  ·  {frames}  ·  {clock(end - start)}  ·  {count}"


def _legend(fig: Figure, ax: Any, threshold: float | None, events: bool, truth: bool, x: float, y: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: Mapping[str, Any] = {
        "score": Line2D([], [], color=COLOURS["score"], lw=1.6),
        **(
            {f"threshold {threshold:.3g}": Line2D([], [], color=COLOURS["alarm"], ls=(0, (4, 2)))}
            if threshold is not None
            else {}
        ),
        **({"event": Patch(color=COLOURS["alarm"])} if events else {}),
        **({"true anomaly": Patch(color=COLOURS["truth"])} if truth else {}),
    }
    fig.legend(
        entries.values(),
        entries.keys(),
        loc="center right",
        bbox_to_anchor=(x, y),
        ncols=len(entries),
        handlelength=1.6,
        columnspacing=1.4,
        borderpad=0,
        borderaxespad=0,
        fontsize=9,
    )
