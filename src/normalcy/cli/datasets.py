"""The commands datasets list and datasets check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from normalcy.cli import exits, show
from normalcy.cli.options import EPILOG, Json
from normalcy.cli.progress import shown

datasets_app = typer.Typer(help="The benchmarks that can be read, and the check of a copy.", epilog=EPILOG)


@datasets_app.command("list", epilog=EPILOG)
def datasets_list(as_json: Json = False) -> None:
    """Every benchmark: official counts, label sets, where it is to be had and under which terms."""
    from normalcy.api.datasets import list_datasets

    entries = list_datasets()
    show.out(show.as_json(entries) if as_json else "\n\n".join(_entry(e) for e in entries))


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
        report = check_dataset(name, root, labels=labels, masks=masks, progress=progress)
    show.out(show.as_json(report.to_dict()) if as_json else "\n".join(report.lines()))
    if not report.ok:
        raise typer.Exit(exits.FAILED)
