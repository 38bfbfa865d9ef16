"""The self-contained HTML page: one file, no scripts, nothing fetched.

:func:`normalcy.evaluation.page.page` fills a :class:`ReportData`, :func:`write_page` writes it. Parts that are not there (no
labels, no training) leave no gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from normalcy.files import write_bytes
from normalcy.metrics.events import holds_anomaly
from normalcy.metrics.table import ResultRow
from normalcy.report.curves import Roc, SizeBin, Trace, roc_figure, size_figure, training_figure, truth_figure
from normalcy.report.learned import Learned, learned_html
from normalcy.report.pictures import close_up, data_uri, panels, thumbnail
from normalcy.report.style import clock, to_svg
from normalcy.report.summary import Span, caveats, length, summarise
from normalcy.report.why import Why, why_html
from normalcy.types import Event, VideoScores

COLUMNS = ("micro_auc", "macro_auc_defined", "macro_auc_padded", "eer", "average_precision")
"""Metrics of the table, as the template heads them."""
LOWER = "eer"
"""The one that is better the lower it is."""


@dataclass(frozen=True, slots=True)
class EventPicture:
    """An event with the source picture at its peak (None: no picture at hand)."""

    event: Event
    why: str
    """What a high value of the event's readout says, in words; its name is put behind them."""
    image: NDArray[np.uint8] | None = None
    """(H, W, 3) RGB at the source's size, so that event.region fits it."""
    about: Why | None = None
    """What fired, and normal moments beside it. Its pictures then stand in place of ``image``."""


@dataclass(frozen=True, slots=True)
class StripFrame:
    """One column of the strip of frames with maps."""

    time_s: float
    score: float
    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    map: NDArray[np.float32] | None = None
    """(h, w) score map in calibrated units, covering the whole picture."""
    mask: NDArray[np.bool_] | None = None
    """(H, W) true anomaly, all False where the frame is normal; None where no mask is known."""
    abnormal: bool | None = None
    """The frame's label, None where unknown."""


@dataclass(frozen=True, slots=True)
class VideoReport:
    """One video of the report. Arrays are per frame, of the length of scores."""

    scores: VideoScores
    events: Sequence[EventPicture] = ()
    truth: NDArray[np.integer] | None = None
    """(N,) 0/1."""
    others: Mapping[str, NDArray[np.floating]] | None = None
    """Scores of other methods, name -> (N,), to draw under ours."""
    strip: Sequence[StripFrame] = ()
    auc: float | None = None
    """In [0, 1]; None where undefined (one class) or unknown."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything the page shows. All texts are plain text and are escaped."""

    title: str
    videos: Sequence[VideoReport]
    threshold: float | None = None
    """Of the score, calibrated units."""
    scale_max: float | None = None
    """Score at which maps are brightest; default three times the threshold, or 5."""
    summary: str = ""
    """One plain sentence; empty: made from the numbers (see summary.summarise)."""
    results: Sequence[ResultRow] = ()
    """The AUC table. The first row is the model's: it stands out, and the summary quotes it."""
    own: int = 1
    """How many of the first rows are the model's: its score, then its readouts. The others are baselines."""
    rocs: Sequence[Roc] = ()
    sizes: Sequence[SizeBin] = ()
    losses: Sequence[Trace] = ()
    accuracies: Sequence[Trace] = ()
    learned: Learned | None = None
    """What the model knows of its camera."""
    details: Sequence[tuple[str, Sequence[tuple[str, str]]]] = ()
    """Collapsible sections in order: heading, then (key, value) lines. Settings, versions, protocol, timings."""
    notes: Sequence[str] = ()
    """More sentences for 'what these numbers mean', after the standing ones."""


def write_page(path: str | Path, data: ReportData) -> None:
    """Render and write the page atomically. Raises OutputError if it cannot be written, ValueError if array lengths differ."""
    write_bytes(path, render_page(data).encode("utf-8", "replace"))  # file names may hold undecodable bytes


def render_page(data: ReportData) -> str:
    """The page as one HTML string."""
    scale = data.scale_max or (3 * data.threshold if data.threshold and data.threshold > 0 else 5.0)
    spans = [Span(v.scores, [e.event for e in v.events], v.truth) for v in data.videos]
    return _template().render(
        data=data,
        summary=data.summary or summarise(spans, data.results, data.threshold, data.own),
        tiles=_tiles(data, spans),
        table=_table(data.results),
        roc=_chart(to_svg(roc_figure(data.rocs), "ROC curves: " + "; ".join(f"{r.name} {100 * r.auc:.1f}" for r in data.rocs)))
        if data.rocs
        else None,
        sizes=_chart(to_svg(size_figure(data.sizes), "AUC by size of the anomaly: " + "; ".join(map(_bin_text, data.sizes))))
        if data.sizes
        else None,
        training=_chart(
            to_svg(training_figure(data.losses, data.accuracies), "Training curves: losses and accuracies over steps")
        )
        if data.losses or data.accuracies
        else None,
        videos=[_video(v, data.threshold, scale, i, len(data.videos)) for i, v in enumerate(data.videos)],
        learned=None if data.learned is None else learned_html(data.learned),
        has_truth=any(v.truth is not None for v in data.videos),
        caveats=[*caveats(data.results, data.threshold, any(v.truth is not None for v in data.videos)), *data.notes],
    )


@cache
def _template() -> jinja2.Template:
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("normalcy.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return env.get_template("page.html.j2")


def _chart(svg: str) -> Markup:
    return Markup(svg)  # made by matplotlib, which escapes texts


@dataclass(frozen=True, slots=True)
class _EventView:
    number: int
    when: str
    duration: str
    peak: str
    why: str
    frames: str
    picture: str | None
    close: str | None
    hit: bool | None
    about: Markup | None


@dataclass(frozen=True, slots=True)
class _StripView:
    pictures: list[tuple[str, str]]
    """(data address, alternative text)."""
    caption: str
    abnormal: bool | None


@dataclass(frozen=True, slots=True)
class _VideoView:
    anchor: str
    name: str
    facts: str
    note: str
    open: bool
    auc: str
    duration: str
    peak: str
    chart: Markup
    strip: list[_StripView]
    events: list[_EventView]


def _video(v: VideoReport, threshold: float | None, scale: float, index: int, total: int) -> _VideoView:
    s = v.scores
    events = [e.event for e in v.events]
    span = length(s)
    text = f"Anomaly score of {s.name} over {clock(span)}, greatest {np.nanmax(s.score):.1f}, {_events(len(events))}" + (
        "" if v.truth is None else f", {int(np.sum(v.truth))} of {len(s.score)} frames truly abnormal"
    )
    facts = [f"{len(s.score)} frames", clock(span), _events(len(events))]
    return _VideoView(
        anchor=f"video-{index + 1}",
        name=s.name,
        facts=" · ".join(facts + ([f"AUC {100 * v.auc:.1f}"] if v.auc is not None else [])),
        note=v.note,
        open=total <= 12 or index < 3,
        auc="–" if v.auc is None else f"{100 * v.auc:.1f}",
        duration=clock(span),
        peak=f"{np.nanmax(s.score):.1f}",
        chart=_chart(to_svg(truth_figure(s, threshold, events, v.truth, v.others), text)),
        strip=[_strip(f, s.name, threshold, scale) for f in v.strip],
        events=[_event(e, i, v, span) for i, e in enumerate(v.events, 1)],
    )


def _strip(f: StripFrame, name: str, threshold: float | None, scale: float) -> _StripView:
    at = f"{name} at {clock(f.time_s)}"
    shown = zip(panels(f.image, f.mask, f.map, threshold, scale), ("Frame of", "True mask of", "Score map of"), strict=True)
    return _StripView(
        pictures=[(data_uri(p), f"{what} {at}") for p, what in shown if p is not None],
        caption=f"{clock(f.time_s)} · score {f.score:.1f}",
        abnormal=f.abnormal,
    )


def _event(e: EventPicture, number: int, v: VideoReport, span: float) -> _EventView:
    x = e.event
    close = None if e.image is None or x.region is None or e.about is not None else close_up(e.image, x.region)
    hit = None if v.truth is None else bool(holds_anomaly(np.array([(x.start_frame, x.end_frame)]), v.truth)[0])
    return _EventView(
        number=number,
        when=f"{clock(x.start_s, span)} to {clock(x.end_s, span)}"
        if x.end_frame > x.start_frame
        else f"{clock(x.start_s, span)}",
        duration=f"{max(0.0, x.end_s - x.start_s):.1f} s long" if x.end_frame > x.start_frame else "one frame",
        peak=f"{x.peak:.1f} at {clock(x.peak_s, span)}",
        why=f"{e.why} ({x.readout})",
        frames=f"{x.start_frame} to {x.end_frame}",
        picture=None if e.image is None or e.about is not None else data_uri(thumbnail(e.image, x.region)),
        close=None if close is None else data_uri(close),
        hit=hit,
        about=None if e.about is None else why_html(e.about),
    )


def _tiles(data: ReportData, spans: Sequence[Span]) -> list[tuple[str, str]]:
    """(value, what it is), the few numbers to see first."""
    seconds = sum(length(v.scores) for v in data.videos)
    tiles = [(str(len(data.videos)), "video" if len(data.videos) == 1 else "videos"), (clock(seconds), "of footage")]
    count = sum(len(s.events) for s in spans)
    if data.threshold is not None:
        tiles.append((str(count), "event" if count == 1 else "events"))
    ours = data.results[0].values if data.results else {}
    for metric, words in (("micro_auc", "micro AUC %"), ("macro_auc_defined", "macro AUC % (defined)")):
        if (value := ours.get(metric)) is not None:
            tiles.append((f"{100 * value:.1f}", words))
    return tiles


def _table(rows: Sequence[ResultRow]) -> list[tuple[str, str, list[tuple[str, bool]]]]:
    """Of each row its name, its protocol, and its cells as (text, best of the column)."""
    columns = [[r.values.get(metric) for r in rows] for metric in COLUMNS]
    best = []
    for metric, column in zip(COLUMNS, columns, strict=True):
        known = [v for v in column if v is not None]
        best.append((min(known) if metric == LOWER else max(known)) if len(known) > 1 else None)
    return [
        (
            r.name,
            f"{r.protocol} (peeked)" if r.peeked else r.protocol,
            [("–", False) if v is None else (f"{100 * v:.1f}", v == b) for v, b in zip(cells, best, strict=True)],
        )
        for r, *cells in zip(rows, *columns, strict=True)
    ]


def _events(count: int) -> str:
    return "no event" if count == 0 else "1 event" if count == 1 else f"{count} events"


def _bin_text(b: SizeBin) -> str:
    return f"{b.label}: " + ", ".join(f"{n} {'undefined' if v is None else f'{100 * v:.1f}'}" for n, v in b.auc.items())
