"""Frame-level results: micro AUC, macro AUC in both conventions, equal error rate, average precision.

Ties count half, as in the Mann-Whitney statistic: a constant score has AUC 0.5. All values are fractions in 0..1, not percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from normalcy.errors import MetricError
from normalcy.metrics.inputs import BoolArray, FloatArray, IntArray, check, check_labels


@dataclass(frozen=True, slots=True)
class FrameMetrics:
    """Frame-level results of one method on one set of videos. AUC, EER and AP are in 0..1."""

    micro_auc: float
    """All frames of all videos in one ROC."""
    macro_auc_padded: float
    """Mean over videos of the AUC with one fake normal frame scored lowest and one fake abnormal frame scored highest."""
    macro_auc_padded_chance: float
    """What a random score gets under ``padded`` on these labels; far above 0.5 where videos are short or one-class."""
    macro_auc_defined: float | None
    """Mean over the videos that hold both classes; None where no video does."""
    eer: float
    """Equal error rate: false positive rate where it equals the miss rate, interpolated on the ROC."""
    average_precision: float
    """Sum over thresholds of precision times gained recall; chance is ``prevalence``."""
    videos: int
    frames: int
    abnormal_frames: int
    left_out: tuple[str, ...]
    """Videos of one class only: counted by ``padded`` as 1.0 each, left out of ``defined``."""
    per_video: Mapping[str, float | None]
    """AUC of each video; None for those left out."""

    @property
    def prevalence(self) -> float:
        """Share of abnormal frames."""
        return self.abnormal_frames / self.frames

    def to_dict(self) -> dict[str, object]:
        """Everything as plain values that JSON can hold."""
        return asdict(self) | {
            "left_out": list(self.left_out),
            "per_video": dict(self.per_video),
            "prevalence": self.prevalence,
        }


def frame_metrics(scores: Mapping[str, ArrayLike], labels: Mapping[str, ArrayLike]) -> FrameMetrics:
    """All frame-level results at once.

    Args:
        scores: video name -> (N,) scores, higher = more abnormal.
        labels: video name -> (N,) of 0 and 1.

    Raises:
        DataError: names or lengths differ, or labels are not 0 and 1.
        MetricError: a score is NaN or infinite, or the set holds one class only.
    """
    data = check(scores, labels)
    joined = CountCurve.of(*data.joined())
    both = (data.abnormal > 0) & (data.normal > 0)
    per_video: dict[str, float | None] = {}
    padded = []
    for name, s, y, defined in zip(data.names, data.scores, data.labels, both, strict=True):
        per_video[name] = auc(s, y) if defined else None
        padded.append(padded_auc(s, y))
    defined_values = [v for v in per_video.values() if v is not None]
    return FrameMetrics(
        micro_auc=joined.auc(),
        macro_auc_padded=float(np.mean(padded)),
        macro_auc_padded_chance=padded_chance(labels),
        macro_auc_defined=float(np.mean(defined_values)) if defined_values else None,
        eer=joined.eer(),
        average_precision=joined.average_precision(),
        videos=len(data.names),
        frames=sum(len(y) for y in data.labels),
        abnormal_frames=int(data.abnormal.sum()),
        left_out=tuple(n for n, v in per_video.items() if v is None),
        per_video=per_video,
    )


@dataclass(frozen=True, slots=True)
class CountCurve:
    """Counts of (weighted) frames at or above each distinct score, highest score first: what ROC and AP are made of."""

    true: FloatArray
    """(K+1,) abnormal weight at or above threshold k; starts at 0, ends at the total."""
    false: FloatArray
    """(K+1,) normal weight at or above threshold k; starts at 0, ends at the total."""

    @classmethod
    def of(cls, scores: FloatArray, abnormal: BoolArray) -> CountCurve:
        """Curve of (M,) scores with (M,) labels, every frame counted once."""
        return cls.weighted(scores, abnormal.astype(np.float64), (~abnormal).astype(np.float64))

    @classmethod
    def weighted(cls, scores: FloatArray, abnormal_weight: FloatArray, normal_weight: FloatArray) -> CountCurve:
        """Curve of (M,) scores where entry k stands for so many abnormal and so many normal samples of that score."""
        order, ends = descending_groups(scores)
        true, false = np.cumsum(abnormal_weight[order])[ends], np.cumsum(normal_weight[order])[ends]
        return cls(np.append(0.0, true), np.append(0.0, false))

    def rates(self) -> tuple[FloatArray, FloatArray]:
        """ROC: false positive rate and true positive rate, each (K+1,) from 0 to 1. Raises MetricError for one class."""
        if not (self.true[-1] > 0 and self.false[-1] > 0):
            missing = "abnormal" if not self.true[-1] > 0 else "normal"
            raise MetricError(f"no {missing} sample; a ROC needs both classes")
        return self.false / self.false[-1], self.true / self.true[-1]

    def auc(self) -> float:
        """Area under the ROC, ties counted half."""
        fpr, tpr = self.rates()
        return float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1])) / 2)

    def eer(self) -> float:
        """Where the line between neighbouring ROC points crosses false positive rate = miss rate."""
        fpr, tpr = self.rates()
        # fpr - miss rate never falls along the curve and goes from -1 to 1, so the crossing is one interpolation
        return float(np.interp(0.0, fpr - (1 - tpr), fpr))

    def average_precision(self) -> float:
        """Step-wise area under precision-recall (no interpolation, which would flatter)."""
        self.rates()
        above = self.true[1:] + self.false[1:]
        precision = np.divide(self.true[1:], above, out=np.zeros_like(above), where=above > 0)
        return float(np.sum(np.diff(self.true) * precision) / self.true[-1])


def descending_groups(scores: FloatArray) -> tuple[IntArray, IntArray]:
    """Order of (M,) scores from high to low, and the last position in that order of each run of equal scores."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), ranked.size - 1)[: ranked.size]
    return order.astype(np.int64), ends.astype(np.int64)


def auc(scores: FloatArray, abnormal: BoolArray) -> float:
    """AUC of (M,) scores against (M,) bool labels, ties counted half. Raises MetricError for one class."""
    return CountCurve.of(scores, abnormal).auc()


def padded_auc(scores: FloatArray, abnormal: BoolArray) -> float:
    """AUC of one video after adding one normal frame below and one abnormal frame above every score.

    A video of one class gets 1.0 by this convention, whatever the scores are.
    """
    # ranks, not scores, decide: one beyond each end is below and above everything, also for a constant score
    ranks = np.unique(scores, return_inverse=True)[1].astype(np.float64)
    padded = np.concatenate([[-1.0], ranks, [ranks.max() + 1]])
    return auc(padded, np.concatenate([[False], abnormal, [True]]))


def padded_chance(labels: Mapping[str, ArrayLike]) -> float:
    """Expected ``padded`` macro AUC of a random score on these labels.

    With P abnormal and Q normal frames, P Q of the (P+1)(Q+1) pairs are a coin toss and the other P+Q+1 are won for certain.
    """
    shares = []
    for y in check_labels(labels).values():
        p = int(y.sum())
        q = y.size - p
        shares.append((0.5 * p * q + p + q + 1) / ((p + 1) * (q + 1)))
    return float(np.mean(shares))
