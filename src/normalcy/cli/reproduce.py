"""The command reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from normalcy.cli import exits, show
from normalcy.cli.options import Device, Json, Settings, given
from normalcy.cli.progress import shown
from normalcy.errors import UsageError


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
    options = {**given(locals()), "seeds": _seeds(seeds)}
    from normalcy.experiments.report import to_text
    from normalcy.experiments.reproduce import reproduce as run

    advice = "Finished cells are kept: the same command goes on with the rest"
    with exits.interruptible(advice), shown() as progress:
        result = run(**options, say=exits.say if as_json else show.out, progress=progress)
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
