"""The command detect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import normalcy
from normalcy.cli import exits, show
from normalcy.cli.options import ConfigFile, Json, Settings, Sources, given
from normalcy.cli.progress import shown
from normalcy.parts import DETECTORS

if TYPE_CHECKING:
    from normalcy.results.detected import DetectResult


def detect(
    sources: Sources,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the tables, one NAME.csv per video.", show_default=False)
    ],
    detector: Annotated[
        str | None, typer.Option(metavar="|".join(DETECTORS), help="How objects are found; default motion.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="onnx, both: a YOLOX .onnx file, or yolox_nano (downloaded once).", show_default=False
        ),
    ] = None,
    boxes: Annotated[
        Path | None, typer.Option(metavar="PATH", help="file: a folder of NAME.csv or NAME.npz.", show_default=False)
    ] = None,
    overlay: Annotated[bool, typer.Option("--overlay", help="Also write NAME.boxes.mp4, the video with its boxes.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Do again what is finished, and replace tables that are there.")
    ] = False,
    config: ConfigFile = None,
    sets: Settings = None,
    as_json: Json = False,
) -> None:
    """Find the objects of every frame, follow them, and write them down."""
    options = given(locals())
    with exits.interruptible("Finished videos are kept: the same command goes on with the rest"), shown() as progress:
        result = normalcy.detect(**options, progress=progress)
    for video in result.videos:
        for warning in video.warnings:
            exits.say(f"warning: {video.name}: {warning}")
    show.out(show.as_json(result.to_dict()) if as_json else detected(result))
    exits.leave(result.failed, some_done=bool(result.videos))


def detected(r: DetectResult) -> str:
    """One line per video."""
    if not r.videos:
        return "no video was searched"
    rows: list[list[object]] = [["video", "frames", "boxes", "per frame", "tracks", "empty frames", "seconds", ""]]
    for v in r.videos:
        note = "done before" if v.skipped else ""
        rows.append([v.name, v.frames, v.boxes, v.boxes / max(v.frames, 1), v.tracks, v.empty, v.seconds, note])
    return show.columns(rows)
