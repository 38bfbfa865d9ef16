"""Frame level, object level, or both: the one place that knows which parts belong to which ``level`` of the configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from normalcy.api.load import INNER
from normalcy.config import OBJECT_TASKS, Config
from normalcy.detection.choice import concrete
from normalcy.errors import UsageError
from normalcy.nn.stored import CONFIG
from normalcy.objects.both_levels import calibrate_both, calibrate_seen_both
from normalcy.objects.level import ObjectLevel
from normalcy.objects.seen_level import calibrate_seen
from normalcy.training.level import FrameLevel, Level
from normalcy.training.run import AfterNetwork, TrainResult, fit
from normalcy.types import Progress
from normalcy.video.source import VideoRef


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
