"""The command doctor."""

from __future__ import annotations

import typer

from normalcy.cli import exits, show
from normalcy.cli.options import Json


def doctor(as_json: Json = False) -> None:
    """Look at this machine: versions, cores, GPU, cache, speed, and what is missing."""
    from normalcy.api.doctor import examine

    report = examine()
    show.out(show.as_json(report.to_dict()) if as_json else show.examined(report))
    if not report.ok:
        raise typer.Exit(exits.FAILED)
