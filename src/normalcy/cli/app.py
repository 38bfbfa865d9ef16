"""The application: all commands, in the order in which the help names them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import normalcy
from normalcy.cli import exits, show
from normalcy.cli.cache import cache
from normalcy.cli.config import config_app
from normalcy.cli.datasets import datasets_app
from normalcy.cli.demo import demo
from normalcy.cli.detect import detect
from normalcy.cli.doctor import doctor
from normalcy.cli.eval import evaluate
from normalcy.cli.export import export
from normalcy.cli.options import EPILOG
from normalcy.cli.report import report
from normalcy.cli.reproduce import reproduce
from normalcy.cli.score import score
from normalcy.cli.serve import serve
from normalcy.cli.teach import lessons, retrain, teach
from normalcy.cli.train import train
from normalcy.cli.watch import events, watch
from normalcy.cli.weights import weights

app = typer.Typer(
    help="Learns what normal looks like from ordinary video, then says when, where and why something is not normal.",
    epilog=EPILOG,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "score": score,
    "eval": evaluate,
    "export": export,
    "demo": demo,
    "doctor": doctor,
    "cache": cache,
    "reproduce": reproduce,
    "detect": detect,
    "watch": watch,
    "serve": serve,
    "events": events,
    "weights": weights,
    "report": report,
    "teach": teach,
    "lessons": lessons,
    "retrain": retrain,
}
for _name, _command in COMMANDS.items():
    app.command(_name, epilog=EPILOG)(_command)
app.add_typer(config_app, name="config")
app.add_typer(datasets_app, name="datasets")


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with a code of :data:`normalcy.cli.EXIT_CODES`. argv: without the program's name."""
    _let_threads_sleep()
    sys.exit(exits.run(app, argv))


def _let_threads_sleep() -> None:
    """Before PyTorch is loaded: its threads wait asleep, not spinning, unless the environment says how they are to wait.

    Beside any other program, spinning threads take each other's time: on two cores scoring was 2 to 5 times slower so.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")  # GNU OpenMP alone, which PyTorch brings along on Linux


def _version(wanted: bool) -> None:
    if wanted:
        show.out(f"normalcy {normalcy.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(exits.USAGE)
