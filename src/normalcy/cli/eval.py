"""The command eval: scores against labels, or a model on a benchmark."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import normalcy
from normalcy.cli import exits, show
from normalcy.cli.options import ConfigFile, Device, Json, Settings, given
from normalcy.cli.progress import shown
from normalcy.errors import UsageError

if TYPE_CHECKING:
    from normalcy.api.benchmark import BenchmarkResult
    from normalcy.metrics.bootstrap import Interval


def evaluate(
    scores: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="What score wrote, or NAME.csv or NAME.npy of any method.", show_default=False),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="NAME.npy with 0 or 1 per frame; with --dataset its label set.", show_default=False),
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="NAME.npz with pixel masks: adds AUC by size.", show_default=False)
    ] = None,
    versus: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Scores of another method, to compare with.", show_default=False)
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Score and judge a benchmark (see: normalcy datasets list).", show_default=False),
    ] = None,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the benchmark.", show_default=False)] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL_DIR", help="With --dataset: a model that train wrote.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With --dataset: folder for the results.", show_default=False)
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Go on with an incomplete copy, and say so.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Score again what is finished.")] = False,
    config: ConfigFile = None,
    sets: Settings = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Judge scores by labels (--scores, --labels), or a model on a benchmark (--dataset, --root, --model, --out)."""
    options = given(locals())
    _check_form(options)
    if dataset is None:
        assert scores is not None and labels is not None
        result = normalcy.evaluate(scores, labels, masks=masks, versus=versus)
        show.out(show.as_json(result.to_dict()) if as_json else show.evaluated(result))
        return
    with exits.interruptible("Scored videos are kept: the same command goes on with the rest"), shown() as progress:
        judged = normalcy.benchmark(**options, progress=progress)
    if as_json:
        show.out(show.as_json(judged.to_dict()))
    else:
        _print(judged)


def _check_form(options: Mapping[str, object]) -> None:
    """Raise UsageError where an option of one of the two forms is missing, or belongs to the other."""
    benchmark, files = ("dataset", "root", "model", "out"), ("scores", "masks", "versus")
    needed, foreign = (benchmark, files) if "dataset" in options else (("scores", "labels"), benchmark)
    form = f"eval with --{needed[0]}"
    if missing := [f"--{name}" for name in needed if name not in options]:
        other = "" if needed is benchmark else " (or --dataset, --root, --model and --out for a benchmark)"
        raise UsageError(f"{form} needs {', '.join(missing)}{other}")
    if wrong := [f"--{name}" for name in foreign if name in options]:
        raise UsageError(f"{form} does not take {', '.join(wrong)}")


SHOWN = {
    "micro_auc": "micro AUC",
    "macro_auc_padded": "macro padded",
    "macro_auc_defined": "macro defined",
    "eer": "EER",
    "average_precision": "AP",
}
"""Metrics of the drawn table, which has to fit 80 columns; the others follow in words."""


def _print(result: BenchmarkResult) -> None:
    """The table: drawn on a terminal, plain elsewhere."""
    from normalcy.api.benchmark import table_text

    page = f"page    {result.folder / 'report.html'}"
    if sys.stdout.isatty():
        _draw(result, page)
    else:
        show.out(f"{table_text(result)}\n{page}")


def _draw(result: BenchmarkResult, page: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from normalcy.api.benchmark import head_text, rest_text
    from normalcy.metrics.catalogue import title

    rows = result.evaluation.rows
    table = Table(box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    for heading in SHOWN.values():
        table.add_column(heading, justify="right")
    for row in rows:
        cells = [_cell(row.values.get(n), row.intervals.get(n)) for n in SHOWN]
        table.add_row(row.name, *cells, style="bold" if row is rows[0] else None)
    more = [f"{title(n)} {v:.3f}" for n, v in rows[0].values.items() if n not in SHOWN and v is not None]
    lines = [f"{rows[0].name}: {', '.join(more)}"] if more else []
    lines += [f"every row: {rows[0].protocol}; below each figure its 95 % interval over videos (random: of its draws)"]
    lines += [f"peeked: every row saw {rows[0].peeked}"] if rows[0].peeked else []
    console = Console(file=sys.stdout)
    console.print(head_text(result), highlight=False, markup=False)
    console.print(table)
    console.print("\n".join([*lines, "", rest_text(result), page]), highlight=False, markup=False, soft_wrap=True)


def _cell(value: float | None, bounds: Interval | None) -> str:
    """The value, and its interval on a line below."""
    if value is None:
        return "-"
    known = bounds is not None and bounds.low is not None and bounds.high is not None
    return f"{value:.3f}" + (f"\n{bounds.low:.2f}-{bounds.high:.2f}" if known and bounds is not None else "")
