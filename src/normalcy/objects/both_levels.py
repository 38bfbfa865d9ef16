"""Frame level and object level of one camera together, joined by a rule fixed in advance: see louder() and mean()."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.objects.seen_model import SeenModel
from normalcy.objects.seen_scorer import SeenScorer
from normalcy.scoring.crossfit import ScoreOfFrames, cross_fit, plan_of, threshold_of
from normalcy.scoring.exemplars import Wanted
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.lesson import Lesson
from normalcy.scoring.model import Model
from normalcy.scoring.normal_video import NormalVideo
from normalcy.scoring.pipeline import in_threads
from normalcy.scoring.scorer import Scorer
from normalcy.types import Frame, FrameScore, Piece, VideoInfo
from normalcy.video.cache import open_cache
from normalcy.video.source import VideoRef

if TYPE_CHECKING:
    from normalcy.nn.build import Network
    from normalcy.objects.model import ObjectModel

FRAME, OBJECTS = "frame", "objects"
"""Names of the two levels among the readouts."""
WORDS = {
    FRAME: "its places, or the frame as a whole, are unlike those of the normal video",
    OBJECTS: "it is unlike the objects of the normal video",
}
PREFIX = "object_"
NO_OBJECTS = "no object was found in the normal video: the model looks at whole frames alone"
Rule = Callable[[Any, Any], Any]
"""(score of the frame level, of the object level) -> the score of both; for numbers and arrays."""


class BothModel(Model):
    """A frame model and an object model that learned from the same video."""

    def __init__(self, frame: FrameModel, objects: ObjectModel | SeenModel) -> None:
        self.frame, self.objects = frame, objects
        self.cfg = frame.cfg
        parts = [m.hash for m in (frame, objects) if m.hash]
        self.hash = "+".join(dict.fromkeys(parts))
        self.threshold = frame.threshold  # which calibrate_both() set on the scores of both
        self.trained_fps = frame.trained_fps
        self.scenes = frame.scenes
        self.lessons = frame.lessons

    @property
    def names(self) -> list[str]:
        """The two levels, then the readouts of both."""
        return [FRAME, OBJECTS, *self.frame.names, *(PREFIX + n for n in self.objects.names)]

    @property
    def words(self) -> dict[str, str]:
        return {**WORDS, **self.frame.words, **{PREFIX + n: text for n, text in self.objects.words.items()}}

    def describe(self) -> str:
        rule = "The root of the sum of squares" if isinstance(self.objects, SeenModel) else "The mean"
        return f"{rule} of two levels. Frame level: {self.frame.describe()}. Object level: {self.objects.describe()}"

    @property
    def device(self) -> str:
        return self.frame.device

    @property
    def runtime(self) -> str:
        return self.frame.runtime

    @property
    def precision(self) -> str:
        return self.frame.precision

    def with_config(self, cfg: Config) -> Self:
        of_objects = cfg.model_copy(update={"level": "object", "tasks": self.objects.cfg.tasks})
        return type(self)(self.frame.with_config(cfg), self.objects.with_config(of_objects))

    def wanted_exemplars(self, most: int) -> Sequence[Wanted]:
        """See Model."""
        return self.objects.wanted_exemplars(most)

    def with_lessons(self, lessons: Sequence[Lesson]) -> Self:
        """See Model."""
        if not isinstance(self.objects, SeenModel):
            return super().with_lessons(lessons)
        return type(self)(self.frame.with_lessons(lessons), self.objects.with_lessons(lessons))

    def scorer(self, info: VideoInfo, maps: bool = False, ref: VideoRef | None = None) -> Scorer:
        frame, objects = self.frame.scorer(info, maps), self.objects.scorer(info, maps, ref)
        if isinstance(objects, SeenScorer):
            return BothScorer(frame, objects, lambda a, b: louder(a, b, objects.frame_share))
        return BothScorer(frame, objects, mean)

    def notices(self) -> list[str]:
        """See Model."""
        return self.objects.notices()

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder, of both levels where the object level has no network of its own."""
        arrays, scalars = self.frame.state()
        if isinstance(self.objects, SeenModel):
            own, scalars[OBJECTS] = self.objects.state()
            arrays |= {f"{OBJECTS}.{k}": v for k, v in own.items()}
        return arrays, scalars


class BothScorer:
    """Pushes every frame, at the source's size, through a scorer of each level (normalcy.scoring.scorer.Scorer)."""

    def __init__(self, frame: Scorer, objects: Scorer, rule: Rule) -> None:
        self._scorers, self._rule = (frame, objects), rule
        self._waiting: tuple[deque[FrameScore], deque[FrameScore]] = (deque(), deque())
        self.size = objects.size

    def push(self, frame: Frame) -> list[FrameScore]:
        return self._joined([s.push(frame) for s in self._scorers])

    def finish(self) -> list[FrameScore]:
        return self._joined([s.finish() for s in self._scorers])

    def in_threads(self) -> BothInThreads:
        """Both levels side by side (normalcy.scoring.pipeline)."""
        return BothInThreads(self)

    def _joined(self, new: Sequence[list[FrameScore]]) -> list[FrameScore]:
        """Frames that are final at both levels."""
        for waiting, scores in zip(self._waiting, new, strict=True):
            waiting.extend(scores)
        a, b = self._waiting
        return [joined(a.popleft(), b.popleft(), self._rule) for _ in range(min(len(a), len(b)))]


class BothInThreads(BothScorer):
    """Each level in a thread of its own."""

    def __init__(self, both: BothScorer) -> None:
        self._threads = [in_threads(s) for s in both._scorers]
        super().__init__(self._threads[0], self._threads[1], both._rule)
        self.size = both.size

    def close(self) -> None:
        """End the threads."""
        for t in self._threads:
            t.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def mean(frame: Any, objects: Any) -> Any:
    """Of tubes: the score of both levels from those of each, both in asinh of standard deviations of normal video."""
    return (frame + objects) / 2


def louder(frame: Any, objects: Any, frame_share: float = 1.0) -> Any:
    """Of untrained objects: the root of the sum of squares of what exceeds typical normal video, near the louder of the two.

    frame_share: see normalcy.objects.normal.Normal.
    """
    return np.hypot(frame_share * np.maximum(frame, 0.0), np.maximum(objects, 0.0))


def joined(a: FrameScore, b: FrameScore, rule: Rule) -> FrameScore:
    """Frame level a and object level b of one frame.

    The map is at every place the mean of the two. Objects keep the score of their level.
    """
    readouts = {FRAME: a.score, OBJECTS: b.score, **a.readouts, **{PREFIX + n: v for n, v in b.readouts.items()}}
    out = FrameScore(a.frame, a.time_s, float(rule(a.score, b.score)), readouts, None, b.objects)
    if a.map is None or b.map is None:
        return out
    h, w = b.map.shape
    large = np.asarray(cv2.resize(a.map, (w, h), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return replace(out, map=np.asarray((large + b.map) / 2, dtype=np.float32))


def calibrate_both(network: Network, footage: NormalVideo, objects_folder: Path) -> FrameModel:
    """The frame level, calibrated, with the threshold set on the scores of both levels.

    Both are cross-fitted in the same folds: a piece that is scored was in neither level's statistics.
    objects_folder: of the trained object level. footage: the frame level's.
    """
    from normalcy.nn.bundle import load_bundle
    from normalcy.objects.folds import ObjectFolds
    from normalcy.objects.model import region_size
    from normalcy.objects.training_boxes import TrainingBoxes
    from normalcy.scoring.calibration import FrameFolds

    plan, frames = plan_of(footage), FrameFolds(network, footage)
    model, by_frames = cross_fit(plan, frames.fit)
    bundle = load_bundle(objects_folder, model.device)
    # Decoded when the object level was trained.
    sizes = [region_size(v.info.width, v.info.height, bundle.config) for v in footage.videos]
    videos = [open_cache(ref, size) for ref, size in zip(footage.refs, sizes, strict=True)]
    of_objects = replace(footage, videos=videos, cfg=bundle.config)
    objects = ObjectFolds(bundle.network, of_objects, TrainingBoxes.of(replace(of_objects, progress=None)))
    _, by_objects = cross_fit(plan, objects.fit)
    tested = [((a, b), p) for (a, p), (b, _) in zip(by_frames, by_objects, strict=True)]

    def score(models: tuple[FrameModel, ObjectModel], p: Piece) -> ScoreOfFrames:
        (a, times), (b, _) = frames.score(models[0], p), objects.score(models[1], p)
        return mean(a, b), times

    model.threshold = threshold_of(footage, tested, score)
    return model


def calibrate_seen_both(network: Network, footage: NormalVideo) -> FrameModel | BothModel:
    """The frame level and untrained objects, cross-fitted in the same folds, with the threshold set on the scores of both.

    The frame level alone where the normal video shows no object.
    """
    from normalcy.objects.seen_level import SeenFolds, Watched
    from normalcy.scoring.calibration import FrameFolds

    plan, frames = plan_of(footage), FrameFolds(network, footage)
    model, by_frames = cross_fit(plan, frames.fit)
    watched = Watched.of(footage)
    if not len(watched):
        warnings.warn(NO_OBJECTS, UserWarning, stacklevel=2)
        model.threshold = threshold_of(footage, by_frames, frames.score)
        return model
    objects = SeenFolds(footage, watched)
    seen, by_objects = cross_fit(plan, objects.fit)
    tested = [((a, b), p) for (a, p), (b, _) in zip(by_frames, by_objects, strict=True)]

    def score(models: tuple[FrameModel, SeenModel], p: Piece) -> ScoreOfFrames:
        (a, times), (b, _) = frames.score(models[0], p), objects.score(models[1], p)
        return np.asarray(louder(a, b, models[1].normal.frame_share)), times

    model.threshold = threshold_of(footage, tested, score)
    objects.test(model.threshold.value)
    return BothModel(model, seen)
