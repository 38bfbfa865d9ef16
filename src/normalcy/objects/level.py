"""The object level of training: boxes of the normal video, tubes for the batches, calibration on held-out objects.

Plugs into normalcy.training.run.fit as its ``level``; nothing below knows of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import span
from normalcy.config import Config
from normalcy.errors import TrainingError
from normalcy.nn.build import Network
from normalcy.objects.boxes import Boxes
from normalcy.objects.cache import boxes_of
from normalcy.objects.detect import build_detector
from normalcy.objects.model import ObjectModel, Regions, Seen, clip_frames, region_size
from normalcy.objects.sampler import TubeSampler
from normalcy.objects.scorer import ObjectScorer
from normalcy.objects.tracks import along, track
from normalcy.scoring.crossfit import ScoreOfFrames
from normalcy.scoring.material import Material
from normalcy.scoring.scorer import score_all
from normalcy.scoring.threshold import fit_threshold
from normalcy.types import Piece
from normalcy.video.cache import CachedVideo

MAX_OBJECTS = 6000
"""Objects that statistics are fitted on; frames of longer video are thinned evenly."""


class ObjectLevel:
    """Objects instead of whole frames. One for each training: it keeps the boxes from the batches for the calibration."""

    def __init__(self) -> None:
        self.boxes: list[list[Boxes]] = []
        """For each video the boxes of each frame, in pixels of the source."""
        self._small: list[list[Boxes]] = []
        """The same in pixels of the decoded frames."""
        self._ids: list[list[NDArray[np.int64]]] | None = None
        """Their tracks, where crops follow them."""

    def size(self, width: int, height: int, cfg: Config) -> tuple[int, int]:
        """(width, height) of the frames that crops are cut from."""
        return region_size(width, height, cfg)

    def samplers(self, m: Material) -> tuple[TubeSampler, TubeSampler]:
        """Find the boxes (or read them from the cache); then see normalcy.training.level.Level."""
        cfg, videos = m.cfg, m.videos
        detector = build_detector(cfg.objects)
        self.boxes = []
        for i, (ref, v) in enumerate(zip(m.refs, videos, strict=True)):
            found = boxes_of(ref, detector)
            if len(found) != len(v):
                raise TrainingError(
                    f"{ref.path}: has {len(v)} frames, and boxes for {len(found)}; clear the cache and run again"
                )
            self.boxes.append(found)
            m.tell("detect", i + 1, len(m.refs))
        frames = [v.frames for v in videos]
        self._small = [
            [b.scaled(*_shrink(v)).within(*_frame_size(v)) for b in bs] for v, bs in zip(videos, self.boxes, strict=True)
        ]
        self._ids = None
        if cfg.objects.tracked:
            self._ids = [track(bs, v.info.fps)[0] for v, bs in zip(videos, self._small, strict=True)]
        fit = TubeSampler(frames, self._small, m.fit_on, cfg, cfg.seed, self._ids)
        try:
            return fit, TubeSampler(frames, self._small, m.held, cfg, cfg.seed + 1, self._ids)
        except TrainingError:  # few objects: the validation figures are then of the part that was learned from
            return fit, TubeSampler(frames, self._small, m.fit_on, cfg, cfg.seed + 1, self._ids)

    def calibrate(self, network: Network, m: Material) -> ObjectModel:
        """Densities on the objects of the training part, statistics and threshold on those of the held-out part."""
        cfg, videos, fit_on, held = m.cfg, m.videos, m.fit_on, m.held
        model = ObjectModel(cfg, network)
        model.trained_fps = float(np.median([v.info.fps for v in videos]))
        for i, p in enumerate(fit_on):
            regions = self._regions(model, videos[p.video], p, self._thin(fit_on, cfg))
            for clips in model.batches(regions, _frame_size(videos[p.video])):
                model.observe(clips)
            m.tell("density", i + 1, len(fit_on))
        model.fit()
        seen = []
        for i, p in enumerate(held):
            seen.append(self._seen(model, videos[p.video], p, self._thin(held, cfg)))
            m.tell("calibrate", i + 1, len(held))
        model.calibrate(seen)
        scored = []
        for i, p in enumerate(held):
            if p.stop - p.start >= span(cfg.clip.length, p.step):
                scored.append(self.score(model, m, p))
            m.tell("threshold", i + 1, len(held))
        model.threshold = fit_threshold(scored, cfg.alarm.budget_per_hour, cfg.alarm.merge_s)
        return model

    def _thin(self, pieces: Sequence[Piece], cfg: Config) -> int:
        """Every how many-th of the frames that scoring would look at is enough."""
        total = sum(len(b) for p in pieces for b in self.boxes[p.video][p.start : p.stop : cfg.objects.stride * p.step])
        return -(-total // MAX_OBJECTS) or 1

    def _regions(self, model: ObjectModel, video: CachedVideo, p: Piece, thin: int) -> Iterator[Regions]:
        length = model.cfg.clip.length
        middle = length // 2
        every = model.cfg.objects.stride * p.step * thin
        for t in range(p.start + middle * p.step, p.stop - (length - 1 - middle) * p.step, every):
            at, boxes, path = clip_frames(t, length, p.step), self._small[p.video], None
            if self._ids is not None:
                path = along([boxes[k] for k in at], [self._ids[p.video][k] for k in at], middle)
            yield model.regions(np.asarray(video.frames[at]), boxes[t], p.step / video.info.fps, path)

    def _seen(self, model: ObjectModel, video: CachedVideo, p: Piece, thin: int) -> Seen:
        regions = list(self._regions(model, video, p, thin))
        size = _frame_size(video)
        raw = [np.zeros((0, len(model.names))), *(model.raw(clips) for clips in model.batches(regions, size))]
        fps = video.info.fps / (model.cfg.objects.stride * p.step * thin)
        return Seen(np.concatenate(raw), [r.boxes for r in regions], size, fps)

    def score(self, model: ObjectModel, m: Material, p: Piece) -> ScoreOfFrames:
        """Score a piece as new video is scored."""
        v = m.videos[p.video]
        boxes = self.boxes[p.video][p.start : p.stop]
        scorer = ObjectScorer(model, v.info.width, v.info.height, v.info.fps, v.info.name, boxes=boxes)
        return score_all(scorer, m.frames(p))


def _frame_size(v: CachedVideo) -> tuple[int, int]:
    return int(v.frames.shape[2]), int(v.frames.shape[1])


def _shrink(v: CachedVideo) -> tuple[float, float]:
    w, h = _frame_size(v)
    return w / v.info.width, h / v.info.height
