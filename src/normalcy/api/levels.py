"""Frame level, object level, or both: the one place that knows which parts belong to which ``level`` of the configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from normalcy.config import OBJECT_TASKS, Config
from normalcy.detection.base import build_detector
from normalcy.detection.cache import boxes_of
from normalcy.errors import UsageError
from normalcy.nn.build import Network, channels_last
from normalcy.nn.bundle import CONFIG, Bundle, load_bundle
from normalcy.objects.both_levels import FusedModel, FusedScorer, mean
from normalcy.objects.folds import ObjectFolds
from normalcy.objects.level import ObjectLevel
from normalcy.objects.model import ObjectModel, region_size
from normalcy.objects.scorer import ObjectScorer
from normalcy.objects.training_boxes import Found
from normalcy.scoring.calibration import FrameFolds
from normalcy.scoring.crossfit import ScoreOfFrames, cross_fit, plan_of, threshold_of
from normalcy.scoring.model import FrameModel
from normalcy.scoring.normal_video import Material
from normalcy.scoring.scorer import Scorer
from normalcy.training.level import FrameLevel
from normalcy.training.run import TrainResult, fit
from normalcy.types import Piece, Progress, VideoInfo
from normalcy.video.cache import open_cache
from normalcy.video.source import VideoRef

AnyModel = FrameModel | ObjectModel | FusedModel
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
    model = FrameModel.from_state(bundle.config, bundle.network, bundle.arrays, bundle.scalars)
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
    if isinstance(model, FrameModel):
        return Scorer(model, info.width, info.height, info.fps, name, maps)
    kind = ObjectScorer if isinstance(model, ObjectModel) else FusedScorer
    boxes = None if ref is None else boxes_of(ref, build_detector(object_part(model).cfg.objects))
    return kind(model, info.width, info.height, info.fps, name, maps, boxes, info.name)  # type: ignore[arg-type]


def object_part(model: ObjectModel | FusedModel) -> ObjectModel:
    """The object level of a model that has one."""
    return model.objects if isinstance(model, FusedModel) else model


class _BothLevel(FrameLevel):
    """The frame level, with the threshold set on the fused score. inner: folder of the trained object level."""

    def __init__(self, inner: Path) -> None:
        self._inner = inner

    def calibrate(self, network: Network, m: Material) -> FrameModel:
        """Both levels are cross-fitted in the same folds: a piece that is scored was in neither level's statistics."""
        plan, frames = plan_of(m), FrameFolds(network, m)
        model, by_frames = cross_fit(plan, frames.fit)
        bundle = load_bundle(self._inner, model.device)
        channels_last(bundle.network)
        inner = _decoded(m, bundle.config)
        objects = ObjectFolds(bundle.network, inner, Found.of(replace(inner, progress=None)))
        _, by_objects = cross_fit(plan, objects.fit)
        tested = [((a, b), p) for (a, p), (b, _) in zip(by_frames, by_objects, strict=True)]

        def score(models: tuple[FrameModel, ObjectModel], p: Piece) -> ScoreOfFrames:
            (a, times), (b, _) = frames.score(models[0], p), objects.score(models[1], p)
            return mean(a, b), times

        model.threshold = threshold_of(m, tested, score)
        return model


def _decoded(m: Material, cfg: Config) -> Material:
    """The same video for the object level; it was decoded when that level was trained."""
    videos = [open_cache(ref, region_size(v.info.width, v.info.height, cfg)) for ref, v in zip(m.refs, m.videos, strict=True)]
    return replace(m, videos=videos, cfg=cfg)


def open_scorer(model: AnyModel, width: int, height: int, fps: float, *, name: str = "video", maps: bool = False) -> AnyScorer:
    """A scorer for frames that you push yourself, for a model of any level: push(frame) gives the scores that are final,
    finish() the rest. width, height: of the frames as they are pushed, in pixels. fps: their rate. name: for messages, and what
    a detector with boxes from files looks them up by. maps: also give each frame its score map.
    """
    return scorer_of(model, VideoInfo(name, Path(name), width, height, fps, None), name, maps)
