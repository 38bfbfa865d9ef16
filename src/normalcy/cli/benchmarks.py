"""The commands around benchmarks: datasets list and check, reproduce, and eval of a whole data set."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from normalcy.cli import exits, show
from normalcy.cli.options import EPILOG, Device, Json, Settings
from normalcy.cli.progress import shown
from normalcy.errors import UsageError

if TYPE_CHECKING:
    from normalcy.api.benchmark import BenchmarkResult
    from normalcy.metrics.bootstrap import Interval

datasets_app = typer.Typer(help="The benchmarks that can be read, and the check of a copy.", epilog=EPILOG)


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.add_typer(datasets_app, name="datasets")
    app.command(epilog=EPILOG)(reproduce)


@datasets_app.command("list", epilog=EPILOG)
def datasets_list(as_json: Json = False) -> None:
    """Every benchmark: official counts, label sets, where it is to be had and under which terms."""
    from normalcy.api.datasets import list_datasets

    found = list_datasets()
    show.out(show.as_json(found) if as_json else "\n\n".join(_entry(e) for e in found))


def _entry(e: dict[str, Any]) -> str:
    o = e["official"]
    counts = [
        f"{o[key]} {words}"
        for key, words in (
            ("train_videos", "training videos"),
            ("train_frames", "training frames"),
            ("test_videos", "test videos"),
            ("test_frames", "test frames"),
            ("scenes", "scenes"),
        )
        if o[key] is not None
    ]
    lines = [f"{e['name']}: {e['title']}", f"  obtain: {e['where']}", f"  terms: {e['terms']}"]
    lines += [f"  official: {', '.join(counts)}"] if counts else []
    lines += [f"  label sets: {', '.join(e['labels'])}"] if e["labels"] else []
    return "\n".join([*lines, *([f"  cite: {e['cite']}"] if e["cite"] else [])])


@datasets_app.command("check", epilog=EPILOG)
def datasets_check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of: normalcy datasets list.", show_default=False)],
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder of the copy.", show_default=False)],
    labels: Annotated[
        str | None, typer.Option(metavar="SET", help="Label set, where there are several.", show_default=False)
    ] = None,
    masks: Annotated[bool, typer.Option("--masks/--no-masks", help="Also read pixel masks and tracks.")] = True,
    as_json: Json = False,
) -> None:
    """Is this copy complete, and do its labels fit its videos? Counts every frame, which takes a while for large sets."""
    from normalcy.api.datasets import check_dataset

    with exits.interruptible("Nothing was changed"), shown() as progress:

        def tell(done: int, total: int, video: str) -> None:
            progress("check", done, total, {})

        report = check_dataset(name, root, labels=labels, masks=masks, progress=tell)
    show.out(show.as_json(report.to_dict()) if as_json else "\n".join(report.lines()))
    if not report.ok:
        raise typer.Exit(exits.FAILED)


def evaluate_benchmark(
    dataset: str,
    root: Path,
    model: Path,
    out: Path,
    labels: str | None,
    partial: bool,
    force: bool,
    config: Path | None,
    sets: Sequence[str],
    device: str,
    as_json: bool,
) -> None:
    """``normalcy eval --dataset``: score and judge in one go."""
    from normalcy.api.benchmark import benchmark

    with exits.interruptible("Scored videos are kept: the same command goes on with the rest"), shown() as progress:
        result = benchmark(
            dataset,
            root,
            model,
            out,
            labels=labels,
            partial=partial,
            config=config,
            sets=sets,
            force=force,
            device=device,
            progress=progress,
        )
    if as_json:
        show.out(show.as_json(result.to_dict()))
    else:
        _print(result)


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
    from normalcy.metrics.table import TITLES

    rows = result.evaluation.rows
    table = Table(box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    for title in SHOWN.values():
        table.add_column(title, justify="right")
    for row in rows:
        cells = [_cell(row.values.get(n), row.intervals.get(n)) for n in SHOWN]
        table.add_row(row.name, *cells, style="bold" if row is rows[0] else None)
    more = [f"{TITLES.get(n, n)} {v:.3f}" for n, v in rows[0].values.items() if n not in SHOWN and v is not None]
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


def reproduce(
    table: Annotated[str, typer.Argument(metavar="table1|table2|table3|table4|table5", show_default=False)],
    root: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder with one folder per data set; with --dataset that one's folder.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for models, scores and results.", show_default=False)],
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Any data set, also one that is not in the paper.", show_default=False)
    ] = None,
    labels: Annotated[str | None, typer.Option(metavar="SET", help="Label set of --dataset.", show_default=False)] = None,
    preset: Annotated[str, typer.Option(metavar="cpu|paper|tiny", help="The settings to start from.")] = "paper",
    seeds: Annotated[str, typer.Option(metavar="N,N,...", help="Each cell is run once per seed.")] = "0",
    only: Annotated[
        list[str] | None, typer.Option(metavar="ROW", help="Run this row only; may be repeated.", show_default=False)
    ] = None,
    sets: Settings = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Run a table of the paper: our figures beside the printed ones. Goes on where it was stopped."""
    from normalcy.experiments.report import to_text
    from normalcy.experiments.reproduce import reproduce as run

    advice = "Finished cells are kept: the same command goes on with the rest"
    with exits.interruptible(advice), shown() as progress:
        result = run(
            table,
            root,
            out,
            dataset=dataset,
            labels=labels,
            preset=preset,
            seeds=_seeds(seeds),
            sets=sets or (),
            only=only or (),
            device=device,
            say=exits.say if as_json else show.out,
            progress=progress,
        )
    show.out(show.as_json(result.to_dict()) if as_json else f"\n{to_text(result)}\nsection {out / (table + '.md')}")
    for name, reason in result.failed.items():
        exits.say(f"{name}: {reason}")
    if result.failed:
        raise typer.Exit(exits.PARTLY if any(c.outcomes for c in result.cells) else exits.FAILED)


def _seeds(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds {text}: write whole numbers with commas between them, such as 0,1,2") from None
