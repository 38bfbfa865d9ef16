"""Scores that a method has to beat and that never look at the picture: random, constant, position in the video.

They go through the same post-processing as the method, since smoothing and the ends of videos earn something by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike

from normalcy.evaluation.protocol import Protocol, Scores, post_processed
from normalcy.metrics.auc import frame_metrics
from normalcy.metrics.baselines import DRAWS, FIXED, RANDOM, mean_row, random_scores
from normalcy.metrics.bootstrap import bootstrap
from normalcy.metrics.table import ResultRow, frame_row


def fixed_scores(lengths: Mapping[str, int], protocol: Protocol) -> dict[str, Scores]:
    """Constant and position scores for videos of these lengths, post-processed by the protocol."""
    return {method: post_processed(make(lengths), protocol) for method, make in FIXED.items()}


def random_draws(lengths: Mapping[str, int], protocol: Protocol, seed: int = 0) -> Iterator[Scores]:
    """The draws of the random baseline, each post-processed by the protocol."""
    return (post_processed(random_scores(lengths, seed, i), protocol) for i in range(DRAWS))


def content_free_rows(
    labels: Mapping[str, ArrayLike], protocol: Protocol, seed: int = 0, resamples: int = 1000
) -> list[ResultRow]:
    """Rows of the baselines that never look at the picture, post-processed by the protocol.

    The interval of the random row is that of its draws; resamples: of the intervals over videos of the others.
    Raises DataError or MetricError as :func:`normalcy.metrics.auc.frame_metrics`.
    """
    lengths = {n: len(np.asarray(y)) for n, y in labels.items()}
    draws = [frame_metrics(s, labels) for s in random_draws(lengths, protocol, seed)]
    rows = [mean_row(RANDOM, protocol.words, draws, protocol.peeked)]
    for method, scores in fixed_scores(lengths, protocol).items():
        intervals = bootstrap(scores, labels, resamples=resamples, seed=seed)
        rows.append(frame_row(method, protocol.words, frame_metrics(scores, labels), intervals, protocol.peeked))
    return rows
