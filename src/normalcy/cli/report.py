"""The command report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from normalcy.cli import show
from normalcy.cli.options import Json, given
from normalcy.cli.progress import shown


def report(
    scores: Annotated[Path, typer.Argument(metavar="SCORES_DIR", help="A folder that score wrote.", show_default=False)],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL_DIR",
            help="The model that scored: events are explained, and the page says what it learned.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Default: report.html in SCORES_DIR.", show_default=False)
    ] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Of the page.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Write a folder of results as one HTML file that needs nothing else."""
    options = given(locals())
    from normalcy.api.report import write_report as run

    with shown() as progress:
        path = run(**options, progress=progress)
    show.out(show.as_json({"report": path}) if as_json else f"report: {path}")
