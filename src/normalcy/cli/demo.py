"""The command demo."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import normalcy
from normalcy.cli import exits, show
from normalcy.cli.options import Json
from normalcy.cli.progress import shown


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for everything it makes.")] = Path("normalcy-demo"),
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the simulated scene and the training.")] = 0,
    open_report: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Show the report in a browser; default: on a terminal with a display."),
    ] = None,
    serve: Annotated[
        bool | None,
        typer.Option("--serve/--no-serve", help="Serve the page at the end, until Ctrl-C; default: on a terminal."),
    ] = None,
    as_json: Json = False,
) -> None:
    """No data at hand? Simulate a scene, train, score, evaluate, and write a report; then look at it on the page."""
    wanted = has_display() if open_report is None else open_report
    with exits.interruptible("The same command starts over"), shown() as progress:
        result = normalcy.demo(out, seed=seed, open_browser=wanted, progress=progress)
    show.out(show.as_json(result.to_dict()) if as_json else show.demonstrated(result))
    if result.watched is None or not has_page():
        return
    if serve if serve is not None else on_terminal():
        importlib.import_module("normalcy.cli.serve").serve(out=result.watched)
    else:
        exits.say(f"look through its events and mark them: normalcy serve --out {result.watched}")


def on_terminal() -> bool:
    """Whether a person waits for this command, who can end it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def has_page() -> bool:
    """Whether what the page needs is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("normalcy.cli.serve", "fastapi", "uvicorn"))


def has_display() -> bool:
    """Whether someone sits here who would see a browser: a terminal, and a screen (X11 or Wayland on Linux)."""
    if not sys.stdout.isatty():
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
