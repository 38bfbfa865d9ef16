"""What a command prints on stdout: JSON for programs, aligned text for people."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from normalcy.api.demo import DemoResult
    from normalcy.api.doctor import Report
    from normalcy.api.export import ExportResult
    from normalcy.evaluation.evaluate import Evaluation
    from normalcy.metrics.compare import Comparison
    from normalcy.results.scored import ScoreResult
    from normalcy.training.run import TrainResult


def out(text: str) -> None:
    """Write to stdout, the one place that does. Raises OSError that names it, BrokenPipeError where its reader has gone."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as e:
        raise OSError(e.errno, e.strerror, "standard output") from e


def as_json(value: Any) -> str:
    """One JSON object. Paths become strings; NaN and infinity, which JSON has not, become null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def columns(rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns; the first row is the heading. Numbers stand at the right, words at the left."""
    cells = [["" if c is None else c if isinstance(c, str) else _number(c) for c in row] for row in rows]
    right = [all(_numeric(row[i]) for row in cells[1:]) and len(cells) > 1 for i in range(len(cells[0]))]
    width = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, width, right, strict=True)).rstrip() for row in cells
    ]
    return "\n".join(lines)


def _number(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _numeric(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True


def trained(r: TrainResult) -> str:
    """What training left, in a few lines."""
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in r.seconds.items())
    lines = [
        f"model      {r.folder}",
        f"video      {r.frames} frames of normal video, {r.held_frames} of them held out; arithmetic {r.precision}",
        f"time       {sum(r.seconds.values()):.0f} s ({took})",
        f"threshold  {r.threshold}",
        *(f"{'' if i else 'self-test':10} {line}" for i, line in enumerate(r.notices)),
    ]
    return "\n".join(lines)


def scored(r: ScoreResult) -> str:
    """One line per video, then one per event."""
    if not r.videos:
        return "no video was scored"
    rows: list[list[object]] = [["video", "frames", "events", "peak", "frames/s", ""]]
    for v in r.videos:
        rows.append([v.name, v.frames, len(v.events), v.peak, v.fps, "done before" if v.skipped else ""])
    events: list[list[object]] = [["event in", "from s", "to s", "peak at s", "peak", "readout"]]
    for v in r.videos:
        events += [[v.name, e.start_s, e.end_s, e.peak_s, e.peak, e.readout] for e in v.events]
    blocks = [columns(rows), columns(events) if len(events) > 1 else "no event above the threshold"]
    return "\n\n".join(blocks)


def evaluated(r: Evaluation) -> str:
    """The table of results beside the baselines, then AUC by size where masks were given."""
    from normalcy.metrics.table import to_text

    blocks = [to_text(r.rows).rstrip()]
    if (own := r.sizes.get(r.rows[0].name)) is not None:
        sizes: list[list[object]] = [["share of the frame", "AUC", "frames", "videos"]]
        sizes += [[b.name, "-" if b.auc is None else f"{b.auc:.3f}", b.frames, b.videos] for b in own.bins]
        blocks.append(columns(sizes))
    if r.versus is not None:
        blocks.append(_compared(r.versus))
    return "\n\n".join([*blocks, *r.notes])


def _compared(c: Comparison) -> str:
    """The difference between two methods with its interval, and the videos that it comes from most."""
    rows: list[list[object]] = [["these minus the others", "difference", "interval", "mostly from"]]
    named = {"micro AUC": c.micro_auc, "macro AUC (padded)": c.macro_auc_padded, "macro AUC (defined)": c.macro_auc_defined}
    for name, d in named.items():
        if d is None:
            continue
        low, high = d.interval.low, d.interval.high
        interval = f"{low:+.3f} to {high:+.3f}" if low is not None and high is not None else d.interval.reason
        rows.append([name, f"{d.difference:+.3f}", interval, ", ".join(f"{v} {part:+.3f}" for v, part in d.largest(3))])
    return columns(rows)


def demonstrated(r: DemoResult) -> str:
    """The table, and where the report is."""
    from normalcy.metrics.table import to_text

    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in r.seconds.items())
    return f"{to_text(r.rows).rstrip()}\n\ntime    {took}\nreport  {r.report}"


def examined(r: Report) -> str:
    """One line per check: a mark, the name, what was found, and below it what to do."""
    width = max(len(c.name) for c in r.checks)
    marks = {True: "ok", False: "BAD", None: "--"}
    lines = []
    for c in r.checks:
        lines.append(f"{marks[c.ok]:<3}  {c.name:<{width}}  {c.found}")
        if c.advice:
            lines.append(f"{'':<3}  {'':<{width}}  -> {c.advice}")
    return "\n".join(lines)


def exported(result: ExportResult) -> str:
    """Where an exported model is, and how its scores compare with PyTorch's."""
    size = sum(result.files.values()) / 2**20
    lines = [f"{result.folder}: {', '.join(result.files) or 'no graph is needed'} ({size:.1f} MiB), {result.precision}"]
    lines += [
        f"{runtime}: frame scores at most {d:.2g} from PyTorch's (frame level, {result.frames} frames of {result.compared_on})"
        for runtime, d in result.difference.items()
    ]
    torch = result.auc.get("torch")
    lines += [
        f"AUC of the frame level: {runtime} {auc:.4f}"
        + ("" if torch is None or runtime == "torch" else f" ({auc - torch:+.4f})")
        for runtime, auc in result.auc.items()
    ]
    return "\n".join(lines)
