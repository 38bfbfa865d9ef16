"""Frame level, object level, or both: the one place that knows which parts belong to which ``level`` of the configuration."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normalcy.api import Progress
from normalcy.clips.sampling import span
from normalcy.config import OBJECT_TASKS, Config
from normalcy.errors import UsageError
from normalcy.nn.build import Network, channels_last
from normalcy.nn.bundle import CONFIG, Bundle, load_bundle
from normalcy.objects.cache import boxes_of
from normalcy.objects.detect import build_detector
from normalcy.objects.fused import FusedModel, FusedScorer
from normalcy.objects.level import ObjectLevel
from normalcy.objects.model import ObjectModel
from normalcy.objects.scorer import ObjectScorer
from normalcy.scoring.material import Material
from normalcy.scoring.model import Model
from normalcy.scoring.scorer import Scorer, score_all
from normalcy.scoring.threshold import fit_threshold
from normalcy.training.level import FrameLevel
from normalcy.training.run import TrainResult, fit
from normalcy.types import Frame, Piece, VideoInfo
from normalcy.video.reader import VideoReader
from normalcy.video.source import VideoRef

AnyModel = Model | ObjectModel | FusedModel
AnyScorer = Scorer | FusedScorer
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
) -> TrainResult:
    """normalcy.training.run.fit at the level of the configuration. Raises what it raises."""
    if cfg.level == "frame":
        return fit(refs, out, cfg, device, resume, force, progress)
    if cfg.level == "object":
        return fit(refs, out, cfg, device, resume, force, progress, ObjectLevel())
    if (out / CONFIG).exists() and not force:
        raise UsageError(f"{out}: already holds a trained model; choose another folder, or replace it with --force")
    inner, objects = out / INNER, cfg.model_copy(update={"level": "object"})
    if not (resume and _holds(inner, objects)):
        fit(refs, inner, objects, device, resume and not (inner / CONFIG).exists(), force, progress, ObjectLevel())
    return fit(refs, out, frame_part(cfg), device, resume, force, progress, _BothLevel(inner))


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


def load_model(folder: str | Path, device: str | object = "cpu") -> AnyModel:
    """A model of any level from its folder. Raises ModelError."""
    bundle = load_bundle(folder, device)  # type: ignore[arg-type]
    channels_last(bundle.network)
    if bundle.config.level == "object":
        return _objects(bundle)
    model = Model.from_state(bundle.config, bundle.network, bundle.arrays, bundle.scalars)
    model.hash = bundle.hash
    if bundle.config.level == "frame":
        return model
    inner = load_bundle(Path(folder) / INNER, device)  # type: ignore[arg-type]
    channels_last(inner.network)
    return FusedModel(model, _objects(inner))


def _objects(bundle: Bundle) -> ObjectModel:
    model = ObjectModel.from_state(bundle.config, bundle.network, bundle.arrays, bundle.scalars)
    model.hash = bundle.hash
    return model


def scorer_of(model: AnyModel, info: VideoInfo, name: str, maps: bool, ref: VideoRef | None = None) -> AnyScorer:
    """A scorer for one video. name: for error messages. ref: a file, whose boxes are then found first and kept, so that
    another model over the same detector need not find them again; without it they are found frame by frame."""
    if isinstance(model, Model):
        return Scorer(model, info.width, info.height, info.fps, name, maps)
    kind = ObjectScorer if isinstance(model, ObjectModel) else FusedScorer
    boxes = None if ref is None else boxes_of(ref, build_detector(object_part(model).cfg.objects))
    return kind(model, info.width, info.height, info.fps, name, maps, boxes, info.name)  # type: ignore[arg-type]


def object_part(model: ObjectModel | FusedModel) -> ObjectModel:
    """The object level of a model that has one."""
    return model.objects if isinstance(model, FusedModel) else model


class _BothLevel(FrameLevel):
    """The frame level, with the threshold set on the fused score of the held-out video."""

    def __init__(self, inner: Path) -> None:
        self._inner = inner

    def calibrate(self, network: Network, m: Material) -> Model:
        frame = super().calibrate(network, m)
        cfg, held = m.cfg, m.held
        assert isinstance(frame, Model)
        bundle = load_bundle(self._inner, frame.device)
        model = FusedModel(frame, _objects(bundle))
        scored = []
        for i, p in enumerate(held):
            if p.frames >= span(cfg.clip.length, p.step):
                scored.append(_score(model, m.refs[p.video], m.videos[p.video].info, p))
            m.tell("threshold of both", i + 1, len(held))
        frame.threshold = fit_threshold(scored, cfg.alarm.budget_per_hour, cfg.alarm.merge_s)
        return frame


def _score(model: FusedModel, ref: VideoRef, info: VideoInfo, p: Piece) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(score, time) of a held-out piece."""
    boxes = boxes_of(ref, build_detector(model.objects.cfg.objects))[p.start : p.stop]
    scorer = FusedScorer(model, info.width, info.height, info.fps, info.name, boxes=boxes)
    with VideoReader(ref, scorer.size) as reader:
        piece = itertools.islice(reader, p.start, p.stop)
        return score_all(scorer, (Frame(f.index - p.start, f.time_s, f.image) for f in piece))
