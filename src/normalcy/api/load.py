"""From a model folder to a model of any level. PyTorch is imported for models whose network needs it, and for no other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from normalcy.errors import UsageError
from normalcy.exported.graph import RUNTIMES, installed, usual_threads
from normalcy.exported.model import Exported, ExportedModel
from normalcy.nn.device import check_device
from normalcy.nn.stored import Stored, read_stored
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.lesson_files import load_lessons
from normalcy.scoring.model import Model
from normalcy.scoring.scene import with_prefix

if TYPE_CHECKING:
    from normalcy.objects.seen_model import SeenModel

TAUGHT = "+taught-"
"""In the hash of a model with lessons, between that of the model and that of the lessons."""
INNER = "objects"
"""Folder within the model folder of ``level: both`` that holds the object level, a whole model of its own."""
AUTO, TORCH = "auto", "torch"
CHOICES = (AUTO, TORCH, *RUNTIMES)


def load_model(
    folder: str | Path, device: str = "cpu", runtime: str = AUTO, threads: int | None = None, taught: bool = True
) -> Model:
    """A model of any level from its folder, with what it was taught since (normalcy.api.teach).

    device: auto, cpu or cuda. runtime: what runs the network. ``auto`` is torch for a folder
    that training wrote, and for an exported one the fastest that is there (normalcy.api.speed). threads: of an exported
    model's graphs; None: all.
    taught: False leaves lessons out.
    Raises ModelError, naming the file; UsageError for a device or runtime that is not there.
    """
    model = _as_trained(folder, device, runtime, threads)
    return with_taught(model, Path(folder)) if taught else model


def with_taught(model: Model, folder: Path, but: str = "") -> Model:
    """A model as it was trained, with the lessons that lie beside it; itself where there are none. Raises ModelError.

    but: an event whose own lessons are left out.
    """
    lessons, stamp = load_lessons(folder)
    lessons = [x for x in lessons if not but or x.about.get("event") != but]
    if not lessons:
        return model
    threshold = model.threshold
    for x in lessons:
        more = {k: x.about[k] for k in ("peaks", "excess") if k in x.about}
        threshold = threshold.with_normal(**more) if threshold is not None and len(more) == 2 else threshold
    taught = model.with_lessons(lessons)
    taught.hash, taught.threshold = f"{model.hash}{TAUGHT}{stamp}", threshold
    return taught


def _as_trained(folder: str | Path, device: str, runtime: str, threads: int | None) -> Model:
    check_device(device)
    if runtime not in CHOICES:
        raise UsageError(f"unknown runtime '{runtime}'; there are {', '.join(CHOICES)}")
    stored = read_stored(folder)
    if runtime in RUNTIMES and not stored.export:
        raise UsageError(f"{folder}: runtime {runtime} needs an exported model; make one with: normalcy export {folder}")
    untrained = stored.config.objects.method == "untrained"
    if stored.config.level == "object" and untrained:
        return _seen(stored, stored.arrays, stored.scalars)
    runtime = _runtime(stored, device, runtime)
    if runtime == TORCH:
        return _with_torch(stored, device)
    exported = Exported.of(stored)
    graphs: Any = exported.open(runtime, threads or usual_threads())
    frame = ExportedModel.from_state(stored.config, graphs, stored.arrays, stored.scalars)
    frame.hash = stored.hash
    return _with_objects(frame, stored)


def _runtime(stored: Stored, device: str, runtime: str) -> str:
    """The runtime to use. Raises UsageError for one that cannot run this model."""
    if not stored.export or runtime == TORCH:
        precision = stored.export.get("precision", "fp32")
        if precision != "fp32":
            raise UsageError(
                f"{stored.folder}: exported with precision {precision}, which its network in PyTorch has not: take the model "
                "that it was exported from, or another --runtime"
            )
        return TORCH
    if device.startswith("cuda"):
        raise UsageError(f"{stored.folder}: exported models run on the CPU; use --device cpu, or --runtime torch")
    if runtime != AUTO:
        return runtime
    from normalcy.api.speed import fastest

    return fastest(stored)


def _with_torch(stored: Stored, device: str) -> Model:
    if not installed(TORCH):
        raise UsageError(
            f"{stored.folder}: PyTorch is not installed, and this model needs it; where it is, make one that does not, with: "
            f"normalcy export {stored.folder}"
        )
    from normalcy.nn.bundle import load_bundle, with_network
    from normalcy.nn.device import pick_device

    where = pick_device(device)
    bundle = with_network(stored, where)
    if bundle.config.objects.method != "untrained" and bundle.config.level != "frame":
        from normalcy.objects.both_levels import BothModel
        from normalcy.objects.model import ObjectModel

        if bundle.config.level == "object":
            return ObjectModel.from_bundle(bundle)
        return BothModel(FrameModel.from_bundle(bundle), ObjectModel.from_bundle(load_bundle(stored.folder / INNER, where)))
    return _with_objects(FrameModel.from_bundle(bundle), stored)


def _with_objects(frame: FrameModel, stored: Stored) -> Model:
    """The frame level with the untrained objects that lie beside it, if there are any."""
    if stored.config.level == "frame":
        return frame
    from normalcy.objects.both_levels import OBJECTS, BothModel  # a second, of which the frame level needs nothing

    if OBJECTS not in stored.scalars:  # the normal video showed no object
        return frame.with_config(stored.config.model_copy(update={"level": "frame"}))
    return BothModel(frame, _seen(stored, with_prefix(f"{OBJECTS}.", stored.arrays), stored.scalars[OBJECTS]))


def _seen(stored: Stored, arrays: Mapping[str, NDArray[Any]], scalars: Mapping[str, Any]) -> SeenModel:
    from normalcy.objects.seen_model import SeenModel

    model = SeenModel.from_state(stored.config, arrays, scalars)
    model.hash = stored.hash
    return model
