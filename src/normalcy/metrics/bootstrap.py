"""Percentile bootstrap over videos: how far would a result move with other videos of the same kind?

Videos, not frames, are drawn with replacement, because neighbouring frames are far from independent. A draw in which a metric
is undefined (one class only) is drawn again, and such draws are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from normalcy.errors import MetricError, UsageError
from normalcy.metrics.auc import CountCurve, auc, descending_groups, padded_auc
from normalcy.metrics.inputs import BoolArray, FloatArray, IntArray, Labelled, check

METRICS = ("micro_auc", "macro_auc_padded", "macro_auc_defined", "eer", "average_precision")
"""Names of the bootstrapped metrics: the fields of :class:`normalcy.metrics.auc.FrameMetrics`."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A percentile interval, or the reason why there is none."""

    low: float | None
    high: float | None
    reason: str | None = None
    """Why ``low`` and ``high`` are None; None where they are numbers."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Intervals of the frame-level metrics."""

    intervals: Mapping[str, Interval]
    """One per name in :data:`METRICS`."""
    level: float
    resamples: int
    redrawn: int
    """Draws thrown away because they held one class only, or no video with both classes."""
    videos: int
    seed: int

    def to_dict(self) -> dict[str, object]:
        """Everything as plain values that JSON can hold."""
        return asdict(self)


def bootstrap(
    scores: Mapping[str, ArrayLike],
    labels: Mapping[str, ArrayLike],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Bootstrap:
    """Percentile intervals of micro AUC, both macro AUCs, EER and AP over resampled videos.

    With fewer than two videos (for ``defined``: two videos of both classes) the interval is None and says so.

    Args:
        scores: video name -> (N,) scores, higher = more abnormal.
        labels: video name -> (N,) of 0 and 1.
        resamples: draws of as many videos as there are.
        seed: same seed, same draws.
        level: share of the draws inside the interval, 0..1.

    Raises:
        DataError, MetricError: as :func:`normalcy.metrics.auc.frame_metrics`.
        UsageError: ``resamples`` < 1 or ``level`` outside 0..1.
    """
    check_settings(resamples, level)
    data = check(scores, labels)
    videos, defined = len(data.names), both_classes(data)
    if videos < 2:
        return Bootstrap(dict.fromkeys(METRICS, no_interval(videos)), level, resamples, 0, videos, seed)
    counts, redrawn = draw(needs(data), resamples, seed)
    intervals = {name: percentile(values, level) for name, values in _pooled(data, counts).items()}
    intervals["macro_auc_padded"] = percentile(weighted_mean(counts, per_video(data, padded=True)), level)
    if defined.sum() < 2:
        intervals["macro_auc_defined"] = no_interval(int(defined.sum()), both=True)
    else:
        intervals["macro_auc_defined"] = percentile(
            weighted_mean(counts[:, defined], per_video(data, padded=False)[defined]), level
        )
    return Bootstrap({name: intervals[name] for name in METRICS}, level, resamples, redrawn, videos, seed)


def draw(needed: Sequence[IntArray], resamples: int, seed: int) -> tuple[IntArray, int]:
    """Draw V of V videos with replacement, ``resamples`` times.

    Args:
        needed: (V,) amounts of which every draw must hold more than none, such as the normal frames of each video.

    Returns:
        (R, V) how often each video was drawn, and how many draws were thrown away for lacking something needed.

    Raises:
        MetricError: something needed is in no video, so that no draw could hold it.
    """
    if any(not np.any(amount > 0) for amount in needed):
        raise MetricError("no video holds what every resample needs; the metric is undefined for this set")
    videos = len(needed[0])
    rng = np.random.default_rng(seed)
    kept, redrawn = np.zeros((0, videos), dtype=np.int64), 0
    while len(kept) < resamples:
        counts = rng.multinomial(videos, np.full(videos, 1 / videos), size=resamples - len(kept)).astype(np.int64)
        good = np.all([counts @ amount > 0 for amount in needed], axis=0)
        kept, redrawn = np.concatenate([kept, counts[good]]), redrawn + int((~good).sum())
    return kept, redrawn


def needs(data: Labelled) -> list[IntArray]:
    """What every draw must hold: both classes and, where the set has one, a video with both classes."""
    defined = both_classes(data).astype(np.int64)
    return [data.abnormal, data.normal, *([defined] if defined.any() else [])]


def both_classes(data: Labelled) -> BoolArray:
    """(V,) True where a video holds normal and abnormal frames."""
    return (data.abnormal > 0) & (data.normal > 0)


def per_video(data: Labelled, *, padded: bool) -> FloatArray:
    """(V,) AUC of each video; without padding NaN where a video holds one class only (callers leave those out)."""
    if padded:
        return np.array([padded_auc(s, y) for s, y in zip(data.scores, data.labels, strict=True)])
    defined = both_classes(data)
    return np.array([auc(s, y) if d else np.nan for s, y, d in zip(data.scores, data.labels, defined, strict=True)])


def weighted_mean(counts: IntArray, values: FloatArray) -> FloatArray:
    """(R,) mean of (V,) ``values`` with the weights of each row of (R, V) ``counts``."""
    means: FloatArray = counts @ values / counts.sum(axis=1)
    return means


def percentile(values: FloatArray, level: float) -> Interval:
    """The middle ``level`` of (R,) resampled values."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def no_interval(videos: int, *, both: bool = False) -> Interval:
    """The interval that is none, with the reason."""
    return Interval(
        None, None, f"{videos} video{'' if videos == 1 else 's'}{' of both classes' if both else ''}; resampling needs 2"
    )


def check_settings(resamples: int, level: float) -> None:
    """Raise UsageError for settings that give no interval."""
    if resamples < 1:
        raise UsageError(f"bootstrap: resamples is {resamples}; it must be at least 1")
    if not 0 < level < 1:
        raise UsageError(f"bootstrap: level is {level}; it must lie between 0 and 1")


def _pooled(data: Labelled, counts: IntArray) -> dict[str, FloatArray]:
    """(R,) micro AUC, EER and AP. The frames are sorted once; a draw only changes how often each frame counts."""
    scores, abnormal = data.joined()
    order, ends = descending_groups(scores)
    positive = abnormal[order]
    owner = np.repeat(np.arange(len(data.names)), [len(y) for y in data.labels])[order]
    above = np.cumsum(positive)[ends]
    # between two scores that only normal frames have, the curve is straight: such points change no result and most are such
    only_normal = np.diff(above, prepend=0) == 0
    corner = ~(only_normal & np.append(only_normal[1:], False))
    true_at = np.append(0, above[corner])
    false_at = np.append(0, (ends + 1 - above)[corner])
    abnormal_owner, normal_owner = owner[positive], owner[~positive]
    values: dict[str, FloatArray] = {name: np.empty(len(counts)) for name in ("micro_auc", "eer", "average_precision")}
    for r, row in enumerate(counts.astype(np.float64)):
        curve = CountCurve(
            np.append(0.0, np.cumsum(row[abnormal_owner]))[true_at], np.append(0.0, np.cumsum(row[normal_owner]))[false_at]
        )
        values["micro_auc"][r] = curve.auc()
        values["eer"][r] = curve.eer()
        values["average_precision"][r] = curve.average_precision()
    return values
