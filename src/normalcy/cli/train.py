"""The command train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import normalcy
from normalcy.cli import exits, show
from normalcy.cli.options import ConfigFile, Device, Json, Preset, Seed, Settings, Sources, given
from normalcy.cli.progress import shown


def train(
    sources: Sources,
    out: Annotated[Path, typer.Option(metavar="MODEL_DIR", help="Folder for the model.", show_default=False)],
    preset: Preset = "cpu",
    config: ConfigFile = None,
    sets: Settings = None,
    level: Annotated[
        str | None,
        typer.Option(metavar="frame|object|both", help="What is looked at: the frame, the objects in it, or both."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Kinetics-400 weights for I3D (.safetensors).", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted training.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that is in MODEL_DIR.")] = False,
    seed: Seed = None,
    device: Device = "auto",
    devices: Annotated[
        int | None,
        typer.Option(metavar="N", help="So many processors, or GPUs, share every batch (frame level).", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Learn what is normal from videos in which nothing else happens."""
    options = given(locals())
    with exits.interruptible(f"Go on with: the same command and --resume ({out} is kept)"), shown() as progress:
        result = normalcy.train(**options, progress=progress)
    for name, warnings in result.warnings.items():
        for warning in warnings:
            exits.say(f"warning: {name}: {warning}")
    show.out(show.as_json(result) if as_json else show.trained(result))
    exits.leave(result.failed, some_done=True)
