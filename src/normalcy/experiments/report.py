"""How a reproduced table reads: one line per cell while it runs, then the whole as text and as a section of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from normalcy.evaluation.evaluate import READOUT
from normalcy.experiments.halves import ALL
from normalcy.experiments.paper import Auc, Row, Table
from normalcy.experiments.rows import RowConfig
from normalcy.experiments.store import Measured, Outcome
from normalcy.tables import aligned, markdown

FAILED = "failed: "
MICRO, PADDED, DEFINED = "micro_auc", "macro_auc_padded", "macro_auc_defined"
MACRO_NOTE = (
    "AUC in percent. Macro AUC stands in both conventions; the paper does not say which of them it means, and its figure is "
    "set beside `padded`, which flatters where videos are short or of one class (see the row `random`)."
)
SEED_NOTE = (
    "With one seed the bracket is the 95 % interval over test videos, with several the mean and the lowest and highest seed. "
    "The bracket of `random` holds 95 % of its draws."
)


@dataclass(frozen=True, slots=True)
class CellResult:
    """One row of a table on one data set."""

    dataset: str
    row: Row
    config: RowConfig
    """Of the first seed."""
    paper: Auc | None
    """The printed figures, where the table has this row on this data set."""
    outcomes: tuple[Outcome, ...] = ()
    """One per seed that is finished."""
    reason: str | None = None
    """Why it could not be run, or not with every seed."""

    @property
    def comparable(self) -> Auc | None:
        """The printed figures, where ours come from the whole data set."""
        return None if any(o.incomplete for o in self.outcomes) else self.paper

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "dataset": self.dataset,
            "row": self.row.id,
            "label": self.row.label,
            "tasks": list(self.row.tasks),
            "untrained": self.row.untrained,
            "paper": None if self.paper is None else {"micro": self.paper.micro, "macro": self.paper.macro},
            "dropped": self.config.dropped,
            "added": self.config.added,
            "outcomes": [asdict(o) for o in self.outcomes],
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class ReproduceResult:
    """A table as far as it could be run."""

    table: Table
    preset: str
    seeds: tuple[int, ...]
    folder: Path
    command: str
    cells: tuple[CellResult, ...]

    @property
    def failed(self) -> dict[str, str]:
        """Cells that the data at hand allow, that this version has, and that failed all the same."""
        return {f"{c.dataset} {c.row.id}": c.reason for c in self.cells if c.reason and c.reason.startswith(FAILED)}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "table": self.table.name,
            "title": self.table.title,
            "preset": self.preset,
            "seeds": list(self.seeds),
            "folder": str(self.folder),
            "command": self.command,
            "cells": [c.to_dict() for c in self.cells],
        }


def line(c: CellResult) -> str:
    """A cell in one line: the seed that came last, or why there is none."""
    head = f"{c.dataset} {c.row.id}"
    if not c.outcomes:
        return f"{head}: {c.reason}"
    if c.reason is not None:
        return f"{head}: {c.reason} ({len(c.outcomes)} other seeds are done)"
    o = c.outcomes[-1]
    figures = [f"micro {_percent(o.fused.values[MICRO])}", f"macro {_percent(o.fused.values[PADDED])} padded"]
    if (value := o.fused.values[DEFINED]) is not None:
        figures.append(f"{_percent(value)} defined")
    if c.comparable is not None:
        figures.append(f"paper {c.comparable.micro:.1f} / {c.comparable.macro:.1f}")
        delta = [_delta(o.fused.values[MICRO], c.comparable.micro), _delta(o.fused.values[PADDED], c.comparable.macro)]
        figures.append(f"delta {delta[0]} / {delta[1]}")
    minutes = sum(o.seconds[k] for k in ("train", "decoder") if k in o.seconds) / 60
    peeked = " (peeked: per-video normalisation)" if o.fused.peeked else ""
    return f"{head} T={o.length} seed {o.seed}: {', '.join(figures)}; trained {minutes:.1f} min{peeked}"


def to_text(r: ReproduceResult) -> str:
    """The table for a terminal."""
    blocks = []
    for name in dict.fromkeys(c.dataset for c in r.cells):
        cells = [c for c in r.cells if c.dataset == name]
        grid = _grid(cells)
        if len(grid) > 1:
            blocks.append(f"{r.table.name} on {_place(cells)}, preset {r.preset}\n{aligned(grid)}")
            alone = _readout_grid(cells)
            blocks += [f"each readout alone, micro AUC %\n{aligned(alone)}"] if alone else []
        missing = [f"not run: {c.dataset} {c.row.id}: {c.reason}" for c in cells if c.reason]
        blocks += ["\n".join(missing)] if missing else []
    peeked = _peeked(r)
    return "\n\n".join([*blocks, *([peeked] if peeked else []), MACRO_NOTE.replace("`", "")]) + "\n"


def to_markdown(r: ReproduceResult) -> str:
    """One section per data set, with everything that a reader needs to judge or repeat it."""
    parts = [f"## {r.table.name.replace('table', 'Table ')}: {r.table.title}", f"`{r.command}`"]
    for name in dict.fromkeys(c.dataset for c in r.cells):
        cells = [c for c in r.cells if c.dataset == name]
        if any(c.outcomes for c in cells):
            parts += list(_section(cells, r.preset))
        missing = [f"- {c.row.id}: {c.reason}" for c in cells if c.reason]
        parts += [f"Not run on {name}:\n\n" + "\n".join(missing)] if missing else []
    peeked = _peeked(r)
    return "\n\n".join([*parts, *([peeked] if peeked else []), MACRO_NOTE, SEED_NOTE]) + "\n"


def _section(cells: Sequence[CellResult], preset: str) -> Iterator[str]:
    first = next(o for c in cells for o in c.outcomes)
    s = first.split
    yield f"### {_place(cells)}"
    names = dict.fromkeys(n for c in cells for o in c.outcomes for n in o.readouts)
    hardware = ", ".join(first.machine[k] for k in ("processor", "gpu") if k in first.machine)
    yield "\n".join(
        [
            f"- data: {s['train_videos']} training videos ({s['train_frames']} frames), {s['test_videos']} test videos "
            f"({s['test_frames']} frames, {s['abnormal_frames']} abnormal), labels {first.label_source}",
            f"- protocol: preset {preset}, {first.protocol}; readouts {', '.join(names)}, each row those that suit its tasks",
            *(f"- note: {n}" for n in first.notes),
            f"- hardware: {hardware}, {first.machine['cores']} cores; torch {first.machine['torch']}",
            f"- training time per cell: {_minutes(cells)}",
        ]
    )
    yield markdown(_grid(cells))
    alone = _readout_grid(cells)
    if alone:
        yield "Each readout alone, micro AUC. A row differs from another in its tasks alone where the readout is the same:"
        yield markdown(alone)
    ran = [c.config for c in cells if c.outcomes]
    dropped = {f"`{n}`: {why}" for config in ran for n, why in config.dropped.items()}
    added = {f"`{n}` added: {why}" for config in ran for n, why in config.added.items()}
    if dropped or added:
        yield "Readouts of the preset left out where they make no sense, or added:\n\n" + "\n".join(
            f"- {text}" for text in sorted(dropped | added)
        )
    sizes = _size_grid(cells)
    if sizes:
        yield "AUC by size of the anomaly (share of the frame that its mask covers; abnormal frames of that size in brackets):"
        yield markdown(sizes)


def _grid(cells: Sequence[CellResult]) -> list[list[str]]:
    """The rows with results, then the baselines. The first line is the heading."""
    paper = any(c.comparable for c in cells)
    more = ["paper", "delta"] if paper else []
    grid = [["row", "T", "micro", *more, "macro padded", *more, "macro defined", "seeds"]]
    for c in cells:
        if not c.outcomes:
            continue
        fused = [o.fused for o in c.outcomes]
        p = c.comparable
        columns: list[str] = [c.row.label if c.row.untrained else c.row.id, str(c.outcomes[0].length)]
        for metric, printed in ((MICRO, p.micro if p else None), (PADDED, p.macro if p else None)):
            columns.append(_spread(fused, metric))
            if paper:
                columns += ["-", "-"] if printed is None else [f"{printed:.1f}", _delta(_mean(fused, metric), printed)]
        grid.append([*columns, _spread(fused, DEFINED), str(len(c.outcomes))])
    first = next((o for c in cells for o in c.outcomes), None)
    for name, m in first.parts[ALL].baselines.items() if first else ():
        grid.append([name, "", _spread([m], MICRO), *["-"] * len(more), _spread([m], PADDED), *["-"] * len(more)])
        grid[-1] += [_spread([m], DEFINED), ""]
    return grid


def _readout_grid(cells: Sequence[CellResult]) -> list[list[str]]:
    """Micro AUC of each readout by itself; empty where every row has one readout, and the same."""
    names = list(dict.fromkeys(n for c in cells for o in c.outcomes for n in o.readouts))
    if len(names) < 2:
        return []
    grid = [["row", "T", *names]]
    for c in cells:
        if c.outcomes:
            values = [_readout(c.outcomes, n) for n in names]
            grid.append([c.row.label if c.row.untrained else c.row.id, str(c.outcomes[0].length), *values])
    return grid


def _readout(outcomes: Sequence[Outcome], name: str) -> str:
    if name not in outcomes[0].readouts:
        return "-"
    # a model with one readout has no line for it: its fused score is that readout
    measured = [o.parts[ALL].scores.get(READOUT + name, o.fused) for o in outcomes]
    return _spread(measured, MICRO)


def _size_grid(cells: Sequence[CellResult]) -> list[list[str]]:
    first = next((o for c in cells for o in c.outcomes if o.fused.sizes), None)
    if first is None or first.fused.sizes is None:
        return []
    bins = [(b, int(v["frames"] or 0)) for b, v in first.fused.sizes.items()]
    grid = [["row", "T", *(f"{b} ({frames})" for b, frames in bins)]]
    for c in cells:
        if c.outcomes:
            fused = [o.fused for o in c.outcomes]
            values = [_size(fused, b) for b, _ in bins]
            grid.append([c.row.label if c.row.untrained else c.row.id, str(c.outcomes[0].length), *values])
    grid += [
        [name, "", *(_size([m], b) for b, _ in bins)] for name, m in first.parts[ALL].baselines.items() if m.sizes is not None
    ]
    return grid


def _size(measured: Sequence[Measured], name: str) -> str:
    values = [v for m in measured if m.sizes is not None and (v := m.sizes[name]["auc"]) is not None]
    return _percent(sum(values) / len(values)) if values else "-"


def _place(cells: Sequence[CellResult]) -> str:
    first = next(o for c in cells for o in c.outcomes)
    return first.dataset if first.where == first.dataset else f"{first.dataset} ({first.where})"


def _minutes(cells: Sequence[CellResult]) -> str:
    spent = [sum(o.seconds.get(k, 0.0) for k in ("train", "decoder")) / 60 for c in cells for o in c.outcomes]
    low, high = min(spent), max(spent)
    return f"{low:.1f} to {high:.1f} min" if f"{low:.1f}" != f"{high:.1f}" else f"{low:.1f} min"


def _peeked(r: ReproduceResult) -> str:
    texts = {o.fused.peeked for c in r.cells for o in c.outcomes if o.fused.peeked}
    return "\n".join(f"Peeked: every row and baseline here is normalised with {t}." for t in sorted(texts))


def _mean(measured: Sequence[Measured], metric: str) -> float | None:
    values = [v for m in measured if (v := m.values[metric]) is not None]
    return sum(values) / len(values) if values else None


def _spread(measured: Sequence[Measured], metric: str) -> str:
    mean = _mean(measured, metric)
    if mean is None:
        return "-"
    if len(measured) > 1:
        values = [100 * v for m in measured if (v := m.values[metric]) is not None]
        return f"{100 * mean:.1f} ({min(values):.1f} to {max(values):.1f})"
    bounds = measured[0].intervals.get(metric)
    return _percent(mean) if bounds is None else f"{100 * mean:.1f} [{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _delta(value: float | None, printed: float) -> str:
    return "-" if value is None else f"{100 * value - printed:+.1f}"
