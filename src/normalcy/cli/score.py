"""The command score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import normalcy
from normalcy.cli import exits, show
from normalcy.cli.options import ConfigFile, Device, Json, Runtime, Settings, Sources, given
from normalcy.cli.progress import shown


def score(
    sources: Sources,
    model: Annotated[Path, typer.Option(metavar="MODEL_DIR", help="A model that train or export wrote.", show_default=False)],
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Folder or address for the results, one folder per video.", show_default=False)
    ],
    maps: Annotated[bool, typer.Option("--maps", help="Also write the score maps (maps.npy).")] = False,
    overlay: Annotated[bool, typer.Option("--overlay", help="Also write the video with its score map over it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Score again what is finished.")] = False,
    config: ConfigFile = None,
    sets: Settings = None,
    device: Device = "auto",
    runtime: Runtime = "auto",
    engine: Annotated[
        str, typer.Option(metavar="here|ray", help="Who scores: this process, or a Ray cluster's workers.")
    ] = "here",
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="The cluster; without it one on this machine.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="With an engine: so many videos, or parts of one, at a time.", show_default=False),
    ] = None,
    part_s: Annotated[
        float,
        typer.Option("--part-s", metavar="S", help="With an engine: seconds of a long video that one worker takes; 0: all."),
    ] = 900.0,
    as_json: Json = False,
) -> None:
    """Score every frame of every video: the higher, the less normal."""
    options = given(locals())
    with exits.interruptible("Finished videos are kept: the same command goes on with the rest"), shown() as progress:
        result = normalcy.score(**options, progress=progress)
    for video in result.videos:
        for warning in video.warnings:
            exits.say(f"warning: {video.name}: {warning}")
    show.out(show.as_json(result.to_dict()) if as_json else show.scored(result))
    exits.leave(result.failed, some_done=bool(result.videos))
