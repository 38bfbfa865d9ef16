"""The command export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import normalcy
from normalcy.cli import exits, show
from normalcy.cli.options import Json, given
from normalcy.cli.progress import shown


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="A model that train wrote.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the exported model.", show_default=False)],
    format: Annotated[
        str, typer.Option(metavar="openvino|onnx", help="onnx is read by onnxruntime and by OpenVINO.")
    ] = "openvino",
    precision: Annotated[
        str, typer.Option(metavar="fp32|bf16|int8", help="bf16 and int8 change scores; int8 is fitted on --clips.")
    ] = "fp32",
    clips: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="Video to compare scores with PyTorch's on; may be repeated.", show_default=False),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="DIR", help="NAME.npy for each clip: the change of AUC.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that is in DIR.")] = False,
    as_json: Json = False,
) -> None:
    """Make a model that runs without PyTorch, by OpenVINO or onnxruntime, and compare its scores with PyTorch's."""
    options = given(locals())
    with exits.interruptible("Nothing was written"), shown() as progress:
        result = normalcy.export(**options, progress=progress)
    show.out(show.as_json(result) if as_json else show.exported(result))
