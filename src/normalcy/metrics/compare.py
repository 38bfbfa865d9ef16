"""Two methods on the same videos: the difference, its interval, and the videos that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from normalcy.metrics.bootstrap import (
    Interval,
    both_classes,
    check_settings,
    draw,
    needs,
    no_interval,
    per_video,
    percentile,
    weighted_mean,
)
from normalcy.metrics.inputs import BoolArray, IntArray, Labelled, check
from normalcy.metrics.pairs import PairTable


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of method A minus the same metric of method B."""

    a: float
    b: float
    difference: float
    interval: Interval
    contributions: Mapping[str, float]
    """Part of the difference that each video brings; the parts add up to ``difference``."""

    def largest(self, count: int = 5) -> list[tuple[str, float]]:
        """The videos that the difference comes from: largest part first, of either sign."""
        return sorted(self.contributions.items(), key=lambda item: -abs(item[1]))[:count]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Paired comparison of two methods: both are measured on the same draws of videos."""

    micro_auc: Difference
    macro_auc_padded: Difference
    macro_auc_defined: Difference | None
    """None where no video holds both classes."""
    level: float
    resamples: int
    redrawn: int
    videos: int
    seed: int

    def to_dict(self) -> dict[str, object]:
        """Everything as plain values that JSON can hold."""
        return asdict(self)


def compare(
    a: Mapping[str, ArrayLike],
    b: Mapping[str, ArrayLike],
    labels: Mapping[str, ArrayLike],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Paired difference A - B with a percentile bootstrap interval over videos.

    Micro AUC counts pairs of an abnormal and a normal frame, also across videos: half of each pair goes to the video of either
    frame. Macro AUCs are means: each video brings its own difference over the number of videos.

    Args:
        a, b: video name -> (N,) scores of either method, higher = more abnormal.
        labels: video name -> (N,) of 0 and 1.
        resamples, seed, level: as :func:`normalcy.metrics.bootstrap.bootstrap`.

    Raises:
        DataError, MetricError: as :func:`normalcy.metrics.auc.frame_metrics`, for either method.
        UsageError: ``resamples`` < 1 or ``level`` outside 0..1.
    """
    check_settings(resamples, level)
    data_a, data_b = check(a, labels), check(b, labels)
    videos, defined = len(data_a.names), both_classes(data_a)
    counts, redrawn = draw(needs(data_a), resamples, seed)
    return Comparison(
        micro_auc=_micro(data_a, data_b, counts, level),
        macro_auc_padded=_macro(data_a, data_b, counts, level, np.ones(videos, dtype=np.bool_), padded=True),
        macro_auc_defined=_macro(data_a, data_b, counts, level, defined, padded=False) if defined.any() else None,
        level=level,
        resamples=resamples,
        redrawn=redrawn,
        videos=videos,
        seed=seed,
    )


def _micro(a: Labelled, b: Labelled, counts: IntArray, level: float) -> Difference:
    table_a, table_b = PairTable.labelled(a), PairTable.labelled(b)
    parts = table_a.contributions() - table_b.contributions()
    enough = len(a.names) >= 2
    interval = percentile(table_a.resampled(counts) - table_b.resampled(counts), level) if enough else no_interval(len(a.names))
    return Difference(
        table_a.auc(), table_b.auc(), table_a.auc() - table_b.auc(), interval, dict(zip(a.names, parts.tolist(), strict=True))
    )


def _macro(a: Labelled, b: Labelled, counts: IntArray, level: float, chosen: BoolArray, *, padded: bool) -> Difference:
    """Difference of means over the ``chosen`` (V,) videos."""
    values_a, values_b = per_video(a, padded=padded)[chosen], per_video(b, padded=padded)[chosen]
    difference, n = values_a - values_b, int(chosen.sum())
    interval = percentile(weighted_mean(counts[:, chosen], difference), level) if n >= 2 else no_interval(n, both=not padded)
    names = [name for name, keep in zip(a.names, chosen, strict=True) if keep]
    parts = dict(zip(names, (difference / n).tolist(), strict=True))
    return Difference(float(values_a.mean()), float(values_b.mean()), float(difference.mean()), interval, parts)
