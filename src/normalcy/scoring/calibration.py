"""After the networks: fit the readouts on normal video, and measure them on normal video that they were not fitted on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from normalcy.clips.sampling import sliding
from normalcy.nn.build import Network
from normalcy.scoring.crossfit import Parts, ScoreOfFrames, cross_fit, plan_of, score_piece, threshold_of
from normalcy.scoring.frame_model import FrameModel, calibrate_folds
from normalcy.scoring.normal_video import Material
from normalcy.scoring.statistics import Raw
from normalcy.scoring.windows import Windows
from normalcy.types import Piece

MAX_WINDOWS = 4000
"""Windows that statistics are fitted on; longer video is thinned evenly."""


def calibrate(network: Network, m: Material) -> FrameModel:
    """A model with every readout fitted on all normal video, and measured by cross-validation over it.

    Each fold's video is read with readouts fitted on the others: what comes out is how normal video looks that was not part
    of what normal was learned from, and the threshold is set on that. Videos of several scenes (told apart by their
    background) get a model of normal each, and one for all beside them.
    """
    frames = FrameFolds(network, m)
    model, tested = cross_fit(plan_of(m), frames.fit)
    model.threshold = threshold_of(m, tested, frames.score)
    return model


class FrameFolds:
    """Cross-fitting of one model of normal after the other on the same videos."""

    def __init__(self, network: Network, m: Material) -> None:
        self._network, self._m, self._cfg, self._videos = network, m, m.cfg, m.videos

    def _model(self) -> FrameModel:
        model = FrameModel(self._cfg, self._network)
        model.trained_fps = float(np.median([v.info.fps for v in self._videos]))
        return model

    def fit(self, parts: Parts, of: str = "") -> tuple[FrameModel, list[tuple[FrameModel, Piece]]]:
        """(model fitted on all parts, each piece with the model that was fitted on the other parts)."""
        whole, without = self._model(), [self._model() for _ in parts]
        for k, w in self._windows(whole, parts, f"density{of}"):
            for j, m in enumerate((*without, whole)):
                if j != k or len(parts) == 1:
                    m.observe(w)
        for m in (*without, whole):
            m.fit()
        raws = [Raw(m.readouts) for m in without]
        for k, w in self._windows(whole, parts, f"calibrate{of}"):
            raws[k].add(w)
        calibrate_folds(without, raws, whole)
        return whole, [(without[k], p) for k, part in enumerate(parts) for p in part]

    def _windows(self, model: FrameModel, parts: Parts, stage: str) -> Iterator[tuple[int, Windows]]:
        """(part, batch of its windows), never mixing two videos in a batch (they may differ in size)."""
        c, s = self._cfg.clip, self._cfg.scoring
        rows = [
            (k, p.video, p.start + sliding(p.frames, c.length, p.step, s.stride * p.step))
            for k, part in enumerate(parts)
            for p in part
        ]
        total = sum(len(index) for _, _, index in rows)
        thin = -(-total // MAX_WINDOWS)
        done = 0
        for k, video, index in rows:
            for start in range(0, len(index[::thin]), s.batch):
                chosen = index[::thin][start : start + s.batch]
                frames, places = np.unique(chosen, return_inverse=True)
                yield k, model.windows(self._videos[video].frames[frames], places.reshape(chosen.shape))
                done += len(chosen) * thin
                self._m.tell(stage, min(done, total), total)

    def score(self, model: FrameModel, p: Piece) -> ScoreOfFrames:
        return score_piece(model.scorer(self._videos[p.video].info), self._m, p)
