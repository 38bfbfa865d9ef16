"""After the networks: fit the readouts on normal video, and measure them on normal video that they were not fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import sliding, span
from normalcy.config import Config
from normalcy.data.split import Piece, folds, joined
from normalcy.nn.build import Network
from normalcy.scoring.model import Model, calibrate_folds
from normalcy.scoring.normal import Raw
from normalcy.scoring.scene import MAX_SCENES, group, signature
from normalcy.scoring.scorer import Scorer, score_all
from normalcy.scoring.threshold import fit_threshold
from normalcy.scoring.windows import Windows
from normalcy.training.callbacks import Progress
from normalcy.types import Frame
from normalcy.video.cache import CachedVideo

MAX_WINDOWS = 4000
"""Windows that statistics are fitted on; longer video is thinned evenly."""
MAX_SCORED = 100_000
"""Frames, about, that the threshold is measured on: an hour of video. Of more, an even choice of whole pieces."""
BACKGROUND_FRAMES = 50
"""Frames that a video's background is the median of."""


def calibrate(
    network: Network,
    cfg: Config,
    videos: Sequence[CachedVideo],
    fit_on: Sequence[Piece],
    held: Sequence[Piece],
    progress: Progress | None = None,
) -> Model:
    """A model with every readout fitted on all normal video, and measured by cross-validation over it.

    Each fold's video is read with readouts fitted on the others: what comes out is how normal video looks that was not part
    of what normal was learned from, and the threshold is set on that. Videos of several scenes (told apart by their
    background) get a model of normal each, and one for all beside them. fit_on, held: what the network learned from and
    what it did not; both are normal video, and both are used here.
    """
    pieces = joined([p for p in (*fit_on, *held) if p.frames >= span(cfg.clip.length, p.step)])
    at = [p.video for p in pieces]
    backgrounds = [signature(videos[i].frames[:: max(1, len(videos[i]) // BACKGROUND_FRAMES)]) for i in at]
    scenes = group(backgrounds)
    count = len(set(scenes))
    run = _Run(network, cfg, videos, progress)
    model, tested = run.fit(folds(pieces, cfg.clip.length))
    if 1 < count <= MAX_SCENES:
        tested = []
        for scene in range(count):
            own = [i for i, s in enumerate(scenes) if s == scene]
            of_scene, more = run.fit(folds([pieces[i] for i in own], cfg.clip.length), f", scene {scene + 1} of {count}")
            model.scenes.append((backgrounds[own[0]], of_scene))
            tested += more
    model.threshold = fit_threshold(run.scores(tested), cfg.alarm.budget_per_hour, cfg.alarm.merge_s)
    return model


class _Run:
    """Cross-fitting of one model of normal after the other on the same videos."""

    def __init__(self, network: Network, cfg: Config, videos: Sequence[CachedVideo], progress: Progress | None) -> None:
        self._network, self._cfg, self._videos, self._progress = network, cfg, videos, progress

    def _model(self) -> Model:
        model = Model(self._cfg, self._network)
        model.trained_fps = float(np.median([v.info.fps for v in self._videos]))
        return model

    def fit(self, parts: Sequence[Sequence[Piece]], of: str = "") -> tuple[Model, list[tuple[Model, Piece]]]:
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

    def _windows(self, model: Model, parts: Sequence[Sequence[Piece]], stage: str) -> Iterator[tuple[int, Windows]]:
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
                if self._progress is not None:
                    self._progress(stage, min(done, total), total, {})

    def scores(self, tested: Sequence[tuple[Model, Piece]]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """(score, time) of each piece, an even share of it where there is very much."""
        frames = sum(p.frames for _, p in tested)
        every = -(-frames // MAX_SCORED)
        out = []
        for i, (model, p) in enumerate(tested[::every]):
            out.append(_score(model, self._videos[p.video], p))
            if self._progress is not None:
                self._progress("threshold", min((i + 1) * every, len(tested)), len(tested), {})
        return out


def _score(model: Model, video: CachedVideo, p: Piece) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(score, time) of a piece."""
    scorer = Scorer(model, video.info.width, video.info.height, video.info.fps, video.info.name)
    times = video.time_s - video.time_s[p.start]
    return score_all(scorer, (Frame(i - p.start, float(times[i]), video.frames[i]) for i in range(p.start, p.stop)))
