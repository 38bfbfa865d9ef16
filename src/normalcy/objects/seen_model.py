"""The object level: objects as they were seen, against normal objects of their place. Nothing in it is trained by gradient."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.detection.base import build_detector, sample_step
from normalcy.detection.boxes import Boxes
from normalcy.detection.cache import boxes_of
from normalcy.errors import ModelError
from normalcy.objects.album import Album, wanted_of
from normalcy.objects.lesson import taught
from normalcy.objects.normal import Normal
from normalcy.objects.seen_scorer import SeenScorer
from normalcy.objects.selftest import SelfTest
from normalcy.objects.sightings import Floats
from normalcy.scoring.exemplars import Wanted
from normalcy.scoring.fusion import PER_VIDEO
from normalcy.scoring.lesson import Lesson, shown
from normalcy.scoring.model import Model
from normalcy.scoring.scene import Signature, model_at, scenes_from, scenes_state
from normalcy.scoring.scorer import Scorer
from normalcy.scoring.threshold import Threshold
from normalcy.types import Similar, VideoInfo
from normalcy.video.source import VideoRef

FORMAT = 2
"""Of the arrays and scalars; raised whenever older ones can no longer be read."""


class SeenModel(Model):
    """What is normal of objects, in all and for each scene."""

    def __init__(self, cfg: Config, normal: Normal, album: Album) -> None:
        self.cfg, self.normal, self.album = cfg, normal, album
        self.scenes: list[tuple[Signature, Self]] = []
        self.threshold: Threshold | None = None
        self.selftest: SelfTest | None = None
        self.lessons: Sequence[Lesson] = ()
        self.trained_fps = 0.0
        self.hash = ""

    @property
    def names(self) -> list[str]:
        return self.normal.names

    @property
    def words(self) -> dict[str, str]:
        return {c.name: c.words for c in self.normal.cues}

    def describe(self) -> str:
        if self.cfg.scoring.normalise == "per_video":
            return f"The highest objects of a frame by each cue ({', '.join(self.names)}) {PER_VIDEO}; the mean of the cues"
        weights = ", ".join(f"{w:.2f} {n}" for n, w in zip(self.names, self.normal.weight_C, strict=True))
        return (
            f"Each object that the detector '{self.cfg.objects.detector}' finds: each cue in standard deviations above normal "
            "objects of its place (cross-validated, 0 to 6), averaged along its track, in mean excesses over the start of the "
            f"tail of normal objects; the root of the sum of squares over the cues ({weights}); the highest object of the "
            "frame, less for being one of many, in standard deviations of normal frames, through asinh"
        )

    @property
    def device(self) -> str:
        return "cpu"

    def with_config(self, cfg: Config) -> Self:
        other = copy.copy(self)
        other.cfg = cfg
        other.scenes = [(background, m.with_config(cfg)) for background, m in self.scenes]
        return other

    def scorer(
        self, info: VideoInfo, maps: bool = False, ref: VideoRef | None = None, boxes: Sequence[Boxes] | None = None
    ) -> Scorer:
        """See Model. boxes: of every frame that is looked at, in pixels of the source, where they are known already."""
        if boxes is None and ref is not None:
            detector = build_detector(self.cfg.objects, features=True)
            boxes = boxes_of(ref, detector, every=sample_step(info.fps, self.cfg.objects), config=self.cfg.video)
        return SeenScorer(self, info, maps, boxes)

    def at(self, frames_NHWC: NDArray[np.uint8]) -> Self:
        """The model of normal of the scene that these frames of one video show."""
        scene, own = model_at(frames_NHWC, self.scenes, self), shown(self.lessons, frames_NHWC)
        return scene._taught(own) if own else scene

    def wanted_exemplars(self, most: int) -> Sequence[Wanted]:
        """See Model."""
        models: list[SeenModel] = [m for _, m in self.scenes] or [self]
        return [w for i, m in enumerate(models) for w in wanted_of(m.normal, m.album, i, max(1, most // len(models)))]

    def with_lessons(self, lessons: Sequence[Lesson]) -> Self:
        """See Model."""
        other = copy.copy(self)
        other.lessons = tuple(lessons)
        return other

    def _taught(self, lessons: Sequence[Lesson]) -> Self:
        other = copy.copy(self)
        other.normal = taught(self.normal, lessons, first_row=len(self.album.video_N))
        return other

    def notices(self) -> list[str]:
        """See Model; of the first scene, where there are several."""
        first = self.scenes[0][1] if self.scenes else self
        return [] if first.selftest is None else first.selftest.lines()

    def like(self, nearest_C: NDArray[np.int64], part_C: Floats) -> Similar | None:
        """The normal sighting that is nearest to an object by the cue that speaks loudest of those that compare."""
        known = np.flatnonzero(nearest_C >= 0)
        if not len(known):
            return None
        row, a = int(nearest_C[known[part_C[known].argmax()]]), self.album
        if row >= len(a.video_N):
            return None
        x1, y1, x2, y2 = a.box_N4[row].tolist()
        return Similar(a.videos[int(a.video_N[row])], int(a.frame_N[row]), (x1, y1, x2, y2))

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder."""
        arrays, scalars = self.normal.state()
        a = self.album
        labels = [] if a.label_N is None else [a.label_N]
        arrays["album"] = np.column_stack([a.video_N, a.frame_N, a.box_N4, *labels]).astype(np.float32)
        of_scenes, scalars["scenes"] = scenes_state(self.scenes)
        arrays |= of_scenes
        scalars |= {"format": FORMAT, "videos": a.videos, "trained_fps": self.trained_fps}
        if self.threshold is not None:
            scalars["threshold"] = self.threshold.to_dict()
        if self.selftest is not None:
            scalars["selftest"] = self.selftest.to_dict()
        return {k: np.ascontiguousarray(v) for k, v in arrays.items()}, scalars

    @classmethod
    def from_state(cls, cfg: Config, arrays: Mapping[str, NDArray[np.float32]], scalars: Mapping[str, Any]) -> Self:
        """The reverse of state(). Raises ModelError where something is missing or of another version."""
        try:
            if scalars["format"] != FORMAT:
                raise ModelError(f"the object level is of format {scalars['format']}, and this version reads {FORMAT}")
            table = arrays["album"].astype(np.float64)
            video, frame, *label = (table[:, k].astype(np.int64) for k in (0, 1, 6)[: 2 + (table.shape[1] > 6)])
            album = Album(list(scalars["videos"]), video, frame, table[:, 2:6], label[0] if label else None)
            model = cls(cfg, Normal.from_state(arrays, scalars), album)
            model.scenes = scenes_from(arrays, scalars["scenes"], lambda a, s: cls.from_state(cfg, a, s))
            model.trained_fps = float(scalars["trained_fps"])
            if "threshold" in scalars:
                model.threshold = Threshold.from_dict(scalars["threshold"])
            if "selftest" in scalars:
                model.selftest = SelfTest.from_dict(scalars["selftest"])
        except (KeyError, TypeError, IndexError) as e:
            raise ModelError(f"the object level holds nothing on {e}: it was made by another version; train anew") from e
        return model
