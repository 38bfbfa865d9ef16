"""The look that all charts share, and how a figure becomes PNG bytes or themeable inline SVG.

Charts are matplotlib figures made through the object-oriented API: no window system, no current figure, nothing left open.
Colours are chosen to stay apart for colour-blind readers (after Okabe and Ito): blue score, vermilion alarm, green truth.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike, NDArray

COLOURS: dict[str, str] = {
    "ink": "#1d232b",
    "muted": "#66707c",
    "grid": "#dde2e8",
    "paper": "#fefefe",
    "score": "#0a62b5",
    "alarm": "#d2521e",
    "truth": "#0f9770",
    "s1": "#0a62b6",
    "s2": "#b8860c",
    "s3": "#8b4fae",
    "s4": "#4b6b7d",
    "s5": "#c2447f",
    "s6": "#5a8a1d",
}
"""Light theme. In SVG each of these exact values becomes the CSS variable ``--c-NAME``, so a page can restyle it."""

SERIES = tuple(COLOURS[f"s{i}"] for i in range(1, 7))

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "text.color": COLOURS["ink"],
    "axes.edgecolor": COLOURS["grid"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.labelsize": 10.5,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.7,
    "xtick.color": COLOURS["grid"],
    "ytick.color": COLOURS["grid"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "figure.facecolor": COLOURS["paper"],
    "svg.fonttype": "none",
    "svg.hashsalt": "normalcy",
    "path.simplify_threshold": 0.2,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and render inside this. A letter that the font lacks is drawn as a box, never a warning."""
    with mpl.rc_context(_RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(width: int, height: int, dpi: int = 72) -> Figure:
    """A figure of width x height pixels (at 72 dpi font sizes are pixels too)."""
    return Figure(figsize=(width / dpi, height / dpi), dpi=dpi)


def to_png(fig: Figure) -> bytes:
    """The figure at its own dpi as PNG bytes."""
    with styled():
        out = io.BytesIO()
        fig.savefig(out, format="png")
    return out.getvalue()


def to_svg(fig: Figure, label: str) -> str:
    """The figure as an ``<svg>`` element for inlining into HTML, with label as its accessible name.

    Text stays text, theme colours become CSS variables, ids are unique to this figure, nothing refers outside.
    """
    with styled():
        out = io.StringIO()
        fig.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    body = text[text.index("<svg") :]
    head, body = body[: body.index(">") + 1], body[body.index(">") + 1 :]
    view = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head)
    assert view is not None  # matplotlib always writes it
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", body))
    prefix = hashlib.sha1((label + body).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:8]
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{prefix}-", body)
    for name, value in COLOURS.items():
        body = body.replace(value, f"var(--c-{name})")
    size = f'viewBox="0 0 {view[1]} {view[2]}" width="{view[1]}" height="{view[2]}"'
    return f'<svg class="chart" role="img" aria-label="{escape(label)}" {size}>{body}'


def plain(text: str, limit: int = 80) -> str:
    """Any text (file names come from outside) made safe to draw: no TeX markup, no control characters, not endless."""
    clean = "".join(c if unicodedata.category(c)[0] != "C" else "�" for c in text)
    if len(clean) > limit:
        clean = clean[: limit // 2 - 1] + "…" + clean[-(limit // 2) :]
    clean = " " + clean if clean.startswith("_") else clean  # matplotlib leaves labels that start so out of legends
    return clean.replace("$", r"\$")


def clock(seconds: float, span: float | None = None) -> str:
    """A time for people: ``7.3 s`` style below two minutes of span, else ``m:ss`` or ``h:mm:ss``. span defaults to seconds."""
    span = seconds if span is None else span
    if span < 120:
        return f"{seconds:.1f} s"
    total = round(seconds)
    hours, minutes, secs = total // 3600, total // 60 % 60, total % 60
    return f"{hours}:{minutes:02d}:{secs:02d}" if span >= 3600 else f"{minutes}:{secs:02d}"


def time_axis(ax: Any, start: float, end: float, label: bool = True) -> None:
    """Limits, ticks on round times, and a label that names the unit."""
    span = end - start
    ax.set_xlim(start, end)
    if span < 120:
        ax.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10]))
    else:
        steps = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
        step = next((s for s in steps if span / s <= 11), 86400 * max(1, round(span / 86400 / 8)))
        ax.set_xticks(np.arange(np.ceil(start / step) * step, end + 1e-9, step))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: clock(t, span)))
    if label:
        ax.set_xlabel("time (s)" if span < 120 else "time (h:mm:ss)" if span >= 3600 else "time (m:ss)")


def peaks(values: ArrayLike, columns: int) -> NDArray[np.intp]:
    """Indices to draw when there are more values than pixel columns: the largest of each equal run, so no peak is lost.

    values: (N,), NaN ranks lowest. columns: at most this many come back. Ascending; all N if they fit.
    """
    v = np.asarray(values, dtype=np.float64)
    n = len(v)
    if n <= columns:
        return np.arange(n)
    run = -(-n // columns)
    rows = -(-n // run)
    grid = np.full(rows * run, -np.inf)
    grid[:n] = np.where(np.isnan(v), -np.inf, v)
    return np.asarray(np.arange(rows) * run + grid.reshape(rows, run).argmax(axis=1), dtype=np.intp)


def runs(flags: ArrayLike) -> list[tuple[int, int]]:
    """(first, last) index, both inclusive, of each stretch of true values. flags: (N,) 0/1.

    As normalcy.metrics.events.runs, which the pictures that scoring leaves must not know.
    """
    edge = np.diff(np.concatenate([[0], np.asarray(flags).astype(bool).astype(np.int8), [0]]))
    return [(int(a), int(b) - 1) for a, b in zip(np.flatnonzero(edge == 1), np.flatnonzero(edge == -1), strict=True)]
