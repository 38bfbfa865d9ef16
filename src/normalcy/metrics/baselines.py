"""Content-free baselines: scores that never look at the picture. A result means something by what it adds to these.

Before any post-processing ``constant`` has micro AUC and ``defined`` macro AUC of exactly 0.5, and ``random`` 0.5 on average.
Under ``padded`` macro AUC neither is near 0.5: each video gets the certain pairs of its two fake frames, and a video of one
class gets 1.0. :func:`normalcy.metrics.auc.padded_chance` is that level for given labels; averaged over draws it is 0.685 on
UCSD Ped2, 0.554 on Avenue (pixel masks) and 0.514 on ShanghaiTech, where one draw moves by 0.015, 0.007 and 0.003 (standard
deviation). ``position`` earns whatever the habit of the data set gives away, such as anomalies that come late in every clip.

Run them through the same smoothing and normalisation as the method: that is where a constant can earn more than 0.8. Smoothed
noise has few independent values per video, so that one draw can land far from its expectation: ``random`` is a mean of draws.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from normalcy.errors import DataError
from normalcy.metrics.auc import FrameMetrics
from normalcy.metrics.bootstrap import METRICS, Interval, percentile
from normalcy.metrics.inputs import FloatArray
from normalcy.metrics.table import ResultRow

DRAWS = 20
"""Draws of the random baseline that a result is the mean of."""
RANDOM = f"random (mean of {DRAWS})"
"""Name of its row."""


def random_scores(lengths: Mapping[str, int], seed: int = 0, draw: int = 0) -> dict[str, FloatArray]:
    """Video name -> (N,) independent values from [0, 1), fixed by the seed, the draw's number and the video's own name."""
    _check(lengths)
    return {name: np.random.default_rng([seed, draw, zlib.crc32(name.encode())]).random(n) for name, n in lengths.items()}


def constant_scores(lengths: Mapping[str, int]) -> dict[str, FloatArray]:
    """Video name -> (N,) zeros."""
    _check(lengths)
    return {name: np.zeros(n) for name, n in lengths.items()}


def position_scores(lengths: Mapping[str, int]) -> dict[str, FloatArray]:
    """Video name -> (N,) place in the video, from 0 at the first frame to 1 at the last (0 for a video of one frame)."""
    _check(lengths)
    return {name: np.arange(n) / max(n - 1, 1) for name, n in lengths.items()}


FIXED: dict[str, Callable[[Mapping[str, int]], dict[str, FloatArray]]] = {
    "constant": constant_scores,
    "position": position_scores,
}
"""The baselines without chance in them, by the name that a result table shows."""


def mean_row(
    name: str, protocol: str, draws: Sequence[FrameMetrics], peeked: str | None = None, level: float = 0.95
) -> ResultRow:
    """A row of the mean of each metric over draws of a random score.

    Its intervals are the middle ``level`` of the draws: how far ONE draw strays on these labels, not what other videos change.
    """
    values: dict[str, float | None] = {}
    intervals: dict[str, Interval] = {}
    for metric in METRICS:
        known = [v for d in draws if (v := getattr(d, metric)) is not None]
        values[metric] = float(np.mean(known)) if known else None
        intervals[metric] = percentile(np.array(known), level) if known else Interval(None, None, "no video of both classes")
    return ResultRow(name, protocol, peeked, values, intervals)


def _check(lengths: Mapping[str, int]) -> None:
    for name, n in lengths.items():
        if n < 1:
            raise DataError(f"video '{name}' has {n} frames; a baseline needs at least 1")
