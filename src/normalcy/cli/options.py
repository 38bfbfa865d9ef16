"""Options and arguments that several commands share, and how a command hands on what it was given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from normalcy.cli import exits

EPILOG = "Exit codes: " + "; ".join(f"{code} {words}" for code, words in exits.EXIT_CODES.items()) + "."
SOURCES = "A video file, a folder of videos, a folder of frames, a glob in quotes, or @list.txt with one of these per line."

Sources = Annotated[list[str], typer.Argument(metavar="SOURCE", help=SOURCES, show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where to compute; auto takes a GPU where there is one.")]
Runtime = Annotated[
    str,
    typer.Option(
        metavar="auto|torch|openvino|onnxruntime",
        help="What runs the network of an exported model; auto: the fastest, measured once on each machine.",
    ),
]
Preset = Annotated[str, typer.Option(metavar="tiny|cpu|paper", help="The settings to start from.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="One setting, such as train.steps=500; may be repeated.", show_default=False
    ),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="YAML or JSON.", show_default=False)]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Seed of everything random.", show_default=False)]


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments for the function that a command stands for: its parameters have the same names.

    parameters: ``locals()``, as the command's first statement. ``--json`` is the command's own affair; what was not given is
    left to the function's default.
    """
    return {name: value for name, value in parameters.items() if value is not None and name != "as_json"}
