"""After the networks: fit the readouts on normal video, and measure them on normal video that they were not fitted on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from normalcy.clips.sampling import sliding
from normalcy.nn.build import Network
from normalcy.scoring.crossfit import (
    CrossFitted,
    Parts,
    ScoreOfFrames,
    cross_fit,
    fit_without,
    plan_of,
    score_piece,
    threshold_of,
)
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.normal_video import NormalVideo
from normalcy.scoring.statistics import RawReadings, calibrate_folds
from normalcy.scoring.windows import Windows
from normalcy.types import Piece

MAX_WINDOWS = 4000
"""Windows that statistics are fitted on; longer video is thinned evenly."""


def calibrate(network: Network, footage: NormalVideo) -> FrameModel:
    """A model with every readout fitted on all normal video, and measured by cross-validation over it.

    Each fold's video is read with readouts fitted on the others: what comes out is how normal video looks that was not part
    of what normal was learned from, and the threshold is set on that. Videos of several scenes (told apart by their
    background) get a model of normal each, and one for all beside them.
    """
    frames = FrameFolds(network, footage)
    model, tested = cross_fit(plan_of(footage), frames.fit)
    model.threshold = threshold_of(footage, tested, frames.score)
    return model


class FrameFolds:
    """Cross-fitting of one model of normal after the other on the same videos."""

    def __init__(self, network: Network, footage: NormalVideo) -> None:
        self._network, self._footage, self._cfg, self._videos = network, footage, footage.cfg, footage.videos
        self._reader = self._model()

    def _model(self) -> FrameModel:
        model = FrameModel(self._cfg, self._network)
        model.trained_fps = self._footage.fps
        return model

    def fit(self, parts: Parts, of: str = "") -> tuple[FrameModel, list[tuple[FrameModel, Piece]]]:
        """(model fitted on all parts, each piece with the model that was fitted on the other parts)."""
        models = CrossFitted(self._model(), [self._model() for _ in parts])
        fit_without(models, self.windows(parts, f"density{of}"), alone=(0,) if len(parts) == 1 else ())
        readings = [RawReadings(m.readouts) for m in models.without]
        for k, _, w in self.windows(parts, f"calibrate{of}"):
            readings[k].add(w)
        models.whole.normal, normals = calibrate_folds(readings, self._cfg.scoring)
        for model, normal in zip(models.without, normals, strict=True):
            model.normal = normal
        return models.whole, [(models.without[k], p) for k, part in enumerate(parts) for p in part]

    def windows(self, parts: Parts, stage: str) -> Iterator[tuple[int, Piece, Windows]]:
        """(part, piece, batch of its windows), never mixing two videos in a batch (they may differ in size)."""
        c, s = self._cfg.clip, self._cfg.scoring
        rows = [
            (k, p, p.start + sliding(p.frames, c.length, p.step, s.stride * p.step))
            for k, part in enumerate(parts)
            for p in part
        ]
        total = sum(len(index) for _, _, index in rows)
        thin = -(-total // MAX_WINDOWS)
        done = 0
        for k, p, index in rows:
            for start in range(0, len(index[::thin]), s.batch):
                chosen = index[::thin][start : start + s.batch]
                frames, places = np.unique(chosen, return_inverse=True)
                yield k, p, self._reader.windows(self._videos[p.video].frames[frames], places.reshape(chosen.shape))
                done += len(chosen) * thin
                self._footage.report(stage, min(done, total), total)

    def score(self, model: FrameModel, p: Piece) -> ScoreOfFrames:
        return score_piece(model.scorer(self._videos[p.video].info), self._footage, p)
