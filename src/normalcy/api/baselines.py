"""Scores that a method has to beat: how much moves (no learning), and those that never look at the picture.

All of them go through the same smoothing as the method, since smoothing and the ends of videos earn something by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from normalcy.api import Progress, Sources
from normalcy.api.sources import listed
from normalcy.metrics.baselines import BASELINES, random_scores
from normalcy.scoring.motion import fit_rows
from normalcy.scoring.motion import motion_scores as motion_of
from normalcy.scoring.smooth import smooth
from normalcy.video.reader import probe
from normalcy.video.source import expand_all

Scores = dict[str, NDArray[np.float64]]
"""Video name -> (N,) scores, higher = more abnormal."""

GLOBAL, BY_ROW = "motion (global)", "motion (by row)"


def motion_scores(
    train_sources: Sources,
    test_sources: Sources,
    smoothing: str = "gaussian",
    sigma_s: float = 0.5,
    progress: Progress | None = None,
) -> dict[str, Scores]:
    """Motion magnitude of test videos: over the whole frame, and by image row in units of the training videos.

    smoothing, sigma_s: as ``scoring.smoothing`` and ``scoring.sigma_s`` (seconds). Returns method -> video -> (N,) scores.
    Raises SourceError or VideoError for a video that cannot be read.
    """
    rows = fit_rows(expand_all(listed(train_sources)))
    found: dict[str, Scores] = {GLOBAL: {}, BY_ROW: {}}
    refs = expand_all(listed(test_sources))
    for i, ref in enumerate(refs):
        sigma = sigma_s * probe(ref).fps
        for method, values in zip((GLOBAL, BY_ROW), motion_of(ref, rows), strict=True):
            found[method][ref.name] = smooth(values, smoothing, sigma)
        if progress is not None:
            progress("motion baselines", i + 1, len(refs), {})
    return found


def content_free_scores(
    lengths: Mapping[str, int], smoothing: str, sigma: Mapping[str, float], seed: int = 0
) -> dict[str, Scores]:
    """Random, constant and position scores for videos of these lengths. sigma: in frames, per video."""
    raw = {n: random_scores(lengths, seed) if n == "random" else make(lengths) for n, make in BASELINES.items()}
    return {
        method: {name: smooth(np.asarray(v, dtype=np.float64), smoothing, sigma[name]) for name, v in videos.items()}
        for method, videos in raw.items()
    }
