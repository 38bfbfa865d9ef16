"""Frame level, object level, or both: the one place that knows which parts belong to which ``level`` of the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from normalcy.config import OBJECT_TASKS, Config
from normalcy.detection.choice import concrete
from normalcy.errors import UsageError
from normalcy.nn.bundle import CONFIG, Bundle, load_bundle
from normalcy.objects.both_levels import OBJECTS, BothModel, calibrate_both, calibrate_seen_both
from normalcy.objects.level import ObjectLevel
from normalcy.objects.model import ObjectModel
from normalcy.objects.seen_level import calibrate_seen
from normalcy.objects.seen_model import SeenModel
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.lesson_files import load_lessons
from normalcy.scoring.model import Model
from normalcy.scoring.scene import with_prefix
from normalcy.training.level import FrameLevel, Level
from normalcy.training.run import AfterNetwork, TrainResult, fit
from normalcy.types import Progress
from normalcy.video.source import VideoRef

TAUGHT = "+taught-"
"""In the hash of a model with lessons, between that of the model and that of the lessons."""
INNER = "objects"
"""Folder within the model folder of ``level: both`` that holds the object level, a whole model of its own."""


def train_level(
    refs: Sequence[VideoRef],
    out: Path,
    cfg: Config,
    device: str,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    after_network: AfterNetwork | None = None,
) -> TrainResult:
    """normalcy.training.run.fit at the level of the configuration. Raises what it raises.

    after_network is not called at level ``both``, which trains two.
    """
    if cfg.level == "frame":
        return fit(refs, out, cfg, device, resume, force, progress, after_network=after_network)
    looking = None if progress is None else lambda n, of: progress("look at sizes", n, of, {})
    cfg = cfg.model_copy(update={"objects": concrete(cfg.objects, refs, looking)})
    if cfg.objects.method == "untrained":
        if cfg.level == "object":
            level: Level = FrameLevel(lambda network, m: calibrate_seen(m), trains=False)
        else:
            level = FrameLevel(calibrate_seen_both, whole=True)
        return fit(refs, out, cfg, device, resume, force, progress, level, after_network)
    if cfg.level == "object":
        return fit(refs, out, cfg, device, resume, force, progress, ObjectLevel(), after_network)
    if (out / CONFIG).exists() and not force:
        raise UsageError(f"{out}: already holds a trained model; choose another folder, or replace it with --force")
    inner, objects = out / INNER, cfg.model_copy(update={"level": "object"})
    if not (resume and _holds(inner, objects)):
        fit(refs, inner, objects, device, resume and not (inner / CONFIG).exists(), force, progress, ObjectLevel())
    level = FrameLevel(partial(calibrate_both, objects_folder=inner), whole=True)
    return fit(refs, out, frame_part(cfg), device, resume, force, progress, level)


def frame_part(cfg: Config) -> Config:
    """The configuration of the frame level of ``both``: the tasks that exist there, all three of the paper's if none is on."""
    off = dict.fromkeys(OBJECT_TASKS, 0.0)
    t = cfg.tasks
    on = {} if t.continuity or t.localisation or t.estimation else {"continuity": 1.0, "localisation": 1.0, "estimation": 1.0}
    return cfg.model_copy(update={"tasks": t.model_copy(update={**off, **on})})


def _holds(folder: Path, cfg: Config) -> bool:
    """Whether a finished model of this very configuration is there."""
    try:
        stored = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["config"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(stored == cfg.model_dump(mode="json"))


def load_model(folder: str | Path, device: str | torch.device = "cpu", taught: bool = True) -> Model:
    """A model of any level from its folder, with what it was taught since (normalcy.api.teach). Raises ModelError.

    taught: False leaves lessons out.
    """
    model = _as_trained(folder, device)
    return with_taught(model, Path(folder)) if taught else model


def with_taught(model: Model, folder: Path) -> Model:
    """A model as it was trained, with the lessons that lie beside it; itself where there are none. Raises ModelError."""
    lessons, stamp = load_lessons(folder)
    if not lessons:
        return model
    threshold = model.threshold
    for x in lessons:
        more = {k: x.about[k] for k in ("peaks", "excess") if k in x.about}
        threshold = threshold.with_normal(**more) if threshold is not None and len(more) == 2 else threshold
    taught = model.with_lessons(lessons)
    taught.hash, taught.threshold = f"{model.hash}{TAUGHT}{stamp}", threshold
    return taught


def _as_trained(folder: str | Path, device: str | torch.device) -> Model:
    bundle = load_bundle(folder, device)
    untrained = bundle.config.objects.method == "untrained"
    if bundle.config.level == "object":
        return _seen(bundle, bundle.arrays, bundle.scalars) if untrained else ObjectModel.from_bundle(bundle)
    frame = FrameModel.from_bundle(bundle)
    if bundle.config.level == "frame":
        return frame
    if untrained and OBJECTS not in bundle.scalars:  # the normal video showed no object
        return frame.with_config(bundle.config.model_copy(update={"level": "frame"}))
    if untrained:
        return BothModel(frame, _seen(bundle, with_prefix(f"{OBJECTS}.", bundle.arrays), bundle.scalars[OBJECTS]))
    return BothModel(frame, ObjectModel.from_bundle(load_bundle(Path(folder) / INNER, device)))


def _seen(bundle: Bundle, arrays: Mapping[str, NDArray[Any]], scalars: Mapping[str, Any]) -> SeenModel:
    model = SeenModel.from_state(bundle.config, arrays, scalars)
    model.hash = bundle.hash
    return model
