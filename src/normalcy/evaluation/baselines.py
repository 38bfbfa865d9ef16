"""Scores that a method has to beat: how much moves and how far two frames tell the one between (no learning), and those that
never look at the picture.

All of them go through the same smoothing as the method, since smoothing and the ends of videos earn something by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from normalcy.evaluation.motion import change_scores, fit_rows
from normalcy.metrics.auc import frame_metrics
from normalcy.metrics.baselines import DRAWS, FIXED, RANDOM, mean_row, random_scores
from normalcy.metrics.bootstrap import bootstrap
from normalcy.metrics.table import ResultRow, frame_row
from normalcy.scoring.smooth import smooth
from normalcy.types import Progress
from normalcy.video.reader import probe
from normalcy.video.source import Sources, as_list, expand_all

Scores = dict[str, NDArray[np.float64]]
"""Video name -> (N,) scores, higher = more abnormal."""

GLOBAL, BY_ROW = "motion (global)", "motion (by row)"
INTERPOLATION, INTERPOLATION_BY_ROW = "interpolation (global)", "interpolation (by row)"
PICTURE = (GLOBAL, BY_ROW, INTERPOLATION, INTERPOLATION_BY_ROW)
"""The baselines that look at the picture, as :func:`normalcy.evaluation.motion.change_scores` gives them."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a method's scores were post-processed, and so how baselines beside it have to be."""

    words: str = "as given"
    peeked: str | None = None
    """What it looked at that a live system cannot know: each video's own lowest and highest score. None if nothing."""
    smoothing: str = "none"
    sigma: Mapping[str, float] | None = None
    """Frames, per video."""


def motion_scores(
    train_sources: Sources,
    test_sources: Sources,
    smoothing: str = "gaussian",
    sigma_s: float = 0.5,
    progress: Progress | None = None,
) -> dict[str, Scores]:
    """Motion magnitude and interpolation error of test videos: over the whole frame, and by image row in units of the training
    videos.

    smoothing, sigma_s: as ``scoring.smoothing`` and ``scoring.sigma_s`` (seconds). Returns method -> video -> (N,) scores.
    Raises SourceError or VideoError for a video that cannot be read.
    """
    rows = fit_rows(expand_all(as_list(train_sources)))
    found: dict[str, Scores] = {method: {} for method in PICTURE}
    refs = expand_all(as_list(test_sources))
    for i, ref in enumerate(refs):
        sigma = sigma_s * probe(ref).fps
        for method, values in zip(PICTURE, change_scores(ref, rows), strict=True):
            found[method][ref.name] = smooth(values, smoothing, sigma)
        if progress is not None:
            progress("motion baselines", i + 1, len(refs), {})
    return found


def fixed_scores(lengths: Mapping[str, int], protocol: Protocol) -> dict[str, Scores]:
    """Constant and position scores for videos of these lengths, post-processed by the protocol."""
    return {method: post_processed(make(lengths), protocol) for method, make in FIXED.items()}


def random_draws(lengths: Mapping[str, int], protocol: Protocol, seed: int = 0) -> Iterator[Scores]:
    """The draws of the random baseline, each post-processed by the protocol."""
    return (post_processed(random_scores(lengths, seed, i), protocol) for i in range(DRAWS))


def content_free_rows(
    labels: Mapping[str, ArrayLike], protocol: Protocol, seed: int = 0, resamples: int | None = None
) -> list[ResultRow]:
    """Rows of the baselines that never look at the picture, post-processed by the protocol.

    The interval of the random row is that of its draws. resamples: of the other rows' intervals over videos; None for no such
    intervals. Raises DataError or MetricError as :func:`normalcy.metrics.auc.frame_metrics`.
    """
    lengths = {n: len(np.asarray(y)) for n, y in labels.items()}
    draws = [frame_metrics(s, labels) for s in random_draws(lengths, protocol, seed)]
    rows = [mean_row(RANDOM, protocol.words, draws, protocol.peeked)]
    for method, scores in fixed_scores(lengths, protocol).items():
        intervals = None if resamples is None else bootstrap(scores, labels, resamples=resamples, seed=seed)
        rows.append(frame_row(method, protocol.words, frame_metrics(scores, labels), intervals, protocol.peeked))
    return rows


def post_processed(scores: Mapping[str, NDArray[np.float64]], protocol: Protocol) -> Scores:
    """The same smoothing and, where the protocol peeked, the same min-max as the model's scores."""
    sigma = protocol.sigma or dict.fromkeys(scores, 0.0)
    smoothed = {n: smooth(v, protocol.smoothing, sigma[n]) for n, v in scores.items()}
    return smoothed if protocol.peeked is None else {n: _min_max(v) for n, v in smoothed.items()}


def _min_max(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """A video's scores between its lowest and its highest; all 0 where they are equal."""
    low, high = v.min(), v.max()
    return np.asarray((v - low) / (high - low if high > low else 1.0))
