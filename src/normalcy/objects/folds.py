"""Cross-fitting of the object level: readouts are fitted on normal objects, and measured on those of other video."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from normalcy.clips.sampling import step_at
from normalcy.detection.boxes import Boxes
from normalcy.detection.tracks import along
from normalcy.nn.build import Network
from normalcy.objects.model import Extracts, ObjectModel, Regions, clip_frames
from normalcy.objects.statistics import ObjectValues, calibrate_folds, nothing_found
from normalcy.objects.training_boxes import TrainingBoxes, frame_size
from normalcy.scoring.crossfit import CrossFitted, Parts, ScoreOfFrames, fit_without, score_piece
from normalcy.scoring.normal_video import NormalVideo
from normalcy.types import Piece

MAX_OBJECTS = 6000
"""Objects that statistics are fitted on; frames of longer video are thinned evenly."""
ENOUGH = 50
"""Objects from which on a scene has a model of normal of its own; fewer are measured by that of all video."""


@dataclass(frozen=True, slots=True)
class PieceObjects:
    """The objects of successive frames of one piece, cut and put through the network: any model of it can read them."""

    piece: Piece
    extracts: list[Extracts]
    """By batch."""
    boxes: list[Boxes]
    """Of each frame."""
    size: tuple[int, int]
    fps: float

    def __len__(self) -> int:
        return sum(map(len, self.boxes))

    def read_by(self, model: ObjectModel) -> ObjectValues:
        raw = [np.zeros((0, len(model.names))), *map(model.raw, self.extracts)]
        return ObjectValues(np.concatenate(raw), self.boxes, self.size, self.fps)


class ObjectFolds:
    """Cross-fitting of one model of normal after the other on the same videos. See normalcy.scoring.crossfit.cross_fit."""

    def __init__(self, network: Network, footage: NormalVideo, boxes: TrainingBoxes) -> None:
        self._network, self._footage, self._boxes = network, footage, boxes
        self._cutter = self._model()
        self._kept: dict[tuple[Piece, int], PieceObjects] = {}
        self._of_all: tuple[ObjectModel, dict[int, ObjectModel]] | None = None
        """The model of all video, and those that were fitted without each of the videos."""

    def _model(self) -> ObjectModel:
        model = ObjectModel(self._footage.cfg, self._network)
        model.trained_fps = self._footage.fps
        return model

    def fit(self, parts: Parts, of: str = "") -> tuple[ObjectModel, list[tuple[ObjectModel, Piece]]]:
        """(model fitted on all parts, each piece with the model that was fitted on the other parts).

        The first call is for all video. Raises TrainingError where it shows no object.
        """
        folds = self.objects(parts, of)
        count = [sum(map(len, fold)) for fold in folds]
        if self._of_all is not None and sum(count) < ENOUGH:
            return self._borrowed(parts)
        if not sum(count):
            raise nothing_found(self._footage.cfg)
        models = CrossFitted(self._model(), [self._model() for _ in parts])
        alone = [k for k, n in enumerate(count) if sum(count) - n < 2]  # of a single object nothing can be fitted
        fit_without(models, ((k, o.piece, x) for k, fold in enumerate(folds) for o in fold for x in o.extracts), alone)
        values = [[o.read_by(model) for o in fold] for model, fold in zip(models.without, folds, strict=True)]
        models.whole.normal, normals = calibrate_folds(values, models.whole.readouts, self._footage.cfg)
        for model, normal in zip(models.without, normals, strict=True):
            model.normal = normal
        tested = [(models.without[k], p) for k, part in enumerate(parts) for p in part]
        if self._of_all is None:
            self._of_all = models.whole, {p.video: model for model, p in tested}
        return models.whole, tested

    def _borrowed(self, parts: Parts) -> tuple[ObjectModel, list[tuple[ObjectModel, Piece]]]:
        """For a scene with hardly any object. There are other scenes, so the folds of all video are of whole videos."""
        assert self._of_all is not None
        whole, without = self._of_all
        own = copy.copy(whole)
        own.scenes = []
        return own, [(without[p.video], p) for part in parts for p in part]

    def objects(self, parts: Parts, of: str = "") -> list[list[PieceObjects]]:
        """Of each part the objects of its pieces; each piece is cut once, however often it is asked for."""
        thin = self._thin(parts)
        out: list[list[PieceObjects]] = []
        done, total = 0, sum(map(len, parts))
        for part in parts:
            out.append([])
            for p in part:
                if (p, thin) not in self._kept:
                    self._kept[p, thin] = self._extracted(p, thin)
                out[-1].append(self._kept[p, thin])
                done += 1
                self._footage.report(f"calibrate{of}", done, total)
        return out

    def _thin(self, parts: Parts) -> int:
        """Every how many-th of the frames that scoring would look at is enough."""
        each = self._footage.cfg.objects.stride
        pieces = [p for part in parts for p in part]
        total = sum(len(b) for p in pieces for b in self._boxes.small[p.video][p.start : p.stop : each * self._step(p)])
        return -(-total // MAX_OBJECTS) or 1

    def _extracted(self, p: Piece, thin: int) -> PieceObjects:
        video, model = self._footage.videos[p.video], self._cutter
        size, boxes, extracts = frame_size(video), [], []

        def regions() -> Iterator[Regions]:
            for r in self._regions(p, thin):
                boxes.append(r.boxes)
                yield r

        for clips in model.batches(regions(), size):
            if len(clips):
                extracts.append(model.extract(clips))
        fps = video.info.fps / (model.cfg.objects.stride * self._step(p) * thin)
        return PieceObjects(p, extracts, boxes, size, fps)

    def _regions(self, p: Piece, thin: int) -> Iterator[Regions]:
        video, cfg = self._footage.videos[p.video], self._footage.cfg
        length, boxes = cfg.clip.length, self._boxes.small[p.video]
        middle, ids, step = length // 2, self._boxes.ids, self._step(p)
        for t in range(p.start + middle * step, p.stop - (length - 1 - middle) * step, cfg.objects.stride * step * thin):
            at, path = clip_frames(t, length, step), None
            if ids is not None:
                path = along([boxes[k] for k in at], [ids[p.video][k] for k in at], middle)
            yield self._cutter.regions(np.asarray(video.frames[at]), boxes[t], step / video.info.fps, path)

    def _step(self, p: Piece) -> int:
        """Source frames between two frames of an object's clip; the piece may have been divided for the frame level."""
        return step_at(self._footage.videos[p.video].info.fps, self._footage.cfg)

    def score(self, model: ObjectModel, p: Piece) -> ScoreOfFrames:
        boxes = self._boxes.boxes[p.video][p.start : p.stop]
        return score_piece(model.scorer(self._footage.videos[p.video].info, boxes=boxes), self._footage, p)
