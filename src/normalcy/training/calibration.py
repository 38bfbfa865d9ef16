"""After the networks: fit the readouts on normal video, and the threshold on the part of it that was held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import sliding, span
from normalcy.config import Config
from normalcy.data.split import Piece
from normalcy.nn.build import Network
from normalcy.scoring.model import Model
from normalcy.scoring.scorer import Scorer
from normalcy.scoring.threshold import fit_threshold
from normalcy.scoring.windows import Windows
from normalcy.training.callbacks import Progress
from normalcy.types import Frame
from normalcy.video.cache import CachedVideo

MAX_WINDOWS = 4000
"""Windows that statistics are fitted on; longer video is thinned evenly."""


def calibrate(
    network: Network,
    cfg: Config,
    videos: Sequence[CachedVideo],
    fit_on: Sequence[Piece],
    held: Sequence[Piece],
    progress: Progress | None = None,
) -> Model:
    """A model with every readout fitted: densities on the training part, places, values and threshold on the held-out part."""
    model = Model(cfg, network)
    model.trained_fps = float(np.median([v.info.fps for v in videos]))
    c = cfg.clip
    model.fit_density(_windows(model, videos, fit_on, c.length, "density", progress))
    model.calibrate(_windows(model, videos, held, cfg.scoring.stride, "calibrate", progress))
    scored = []
    for i, p in enumerate(held):
        if p.frames >= span(c.length, p.step):
            scored.append(_score(model, videos[p.video], p))
        if progress is not None:
            progress("threshold", i + 1, len(held), {})
    model.threshold = fit_threshold(scored, cfg.alarm.budget_per_hour, cfg.alarm.merge_s)
    return model


def _windows(
    model: Model,
    videos: Sequence[CachedVideo],
    pieces: Sequence[Piece],
    stride: int,
    stage: str,
    progress: Progress | None,
) -> Iterator[Windows]:
    """Batches of windows from all pieces, never mixing two videos in a batch (they may differ in size)."""
    length = model.cfg.clip.length
    rows = [
        (p.video, p.start + sliding(p.frames, length, p.step, stride * p.step))
        for p in pieces
        if p.frames >= span(length, p.step)
    ]
    total = sum(len(index) for _, index in rows)
    thin = -(-total // MAX_WINDOWS)
    done = 0
    for video, index in rows:
        for start in range(0, len(index[::thin]), model.cfg.scoring.batch):
            chosen = index[::thin][start : start + model.cfg.scoring.batch]
            frames, places = np.unique(chosen, return_inverse=True)
            yield model.windows(videos[video].frames[frames], places.reshape(chosen.shape))
            done += len(chosen) * thin
            if progress is not None:
                progress(stage, min(done, total), total, {})


def _score(model: Model, video: CachedVideo, p: Piece) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(score, time) of a held-out piece, by the very path that test video takes."""
    scorer = Scorer(model, video.info.width, video.info.height, video.info.fps, video.info.name)
    scores = []
    for i in range(p.start, p.stop):
        scores += scorer.push(Frame(i - p.start, float(video.time_s[i] - video.time_s[p.start]), video.frames[i]))
    scores += scorer.finish()
    return np.array([s.score for s in scores]), np.array([s.time_s for s in scores])
