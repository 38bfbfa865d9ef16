"""The one check that scores and labels go through before any metric sees them.

Everywhere in this package ``scores`` maps a video name to (N,) real numbers, higher = more abnormal, and ``labels`` maps the
same names to (N,) of 0 (normal) and 1 (abnormal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from normalcy.errors import DataError, MetricError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """Checked scores and labels of V videos, in the order of ``names``."""

    names: tuple[str, ...]
    scores: tuple[FloatArray, ...]
    """Per video (N,) float64, finite."""
    labels: tuple[BoolArray, ...]
    """Per video (N,), True = abnormal."""

    def joined(self) -> tuple[FloatArray, BoolArray]:
        """All frames of all videos, concatenated: scores and labels, each (sum of N,)."""
        return np.concatenate(self.scores), np.concatenate(self.labels)

    @property
    def abnormal(self) -> IntArray:
        """(V,) abnormal frames per video."""
        return np.array([int(y.sum()) for y in self.labels], dtype=np.int64)

    @property
    def normal(self) -> IntArray:
        """(V,) normal frames per video."""
        return np.array([int(y.size - y.sum()) for y in self.labels], dtype=np.int64)


def check(scores: Mapping[str, ArrayLike], labels: Mapping[str, ArrayLike]) -> Labelled:
    """Validate scores against labels; the videos come out in name order.

    Raises:
        DataError: no video, different names, different lengths, a video without frames, labels other than 0 and 1.
        MetricError: a score that is NaN or infinite; only one class in the whole set.
    """
    same_names("scores", scores, "labels", labels)
    names = tuple(sorted(labels))
    checked_labels = tuple(check_labels(labels)[name] for name in names)
    checked_scores = []
    for name, y in zip(names, checked_labels, strict=True):
        s = check_scores(name, scores[name], len(y))
        require_finite(name, s)
        checked_scores.append(s)
    require_both_classes(checked_labels)
    return Labelled(names, tuple(checked_scores), checked_labels)


def check_labels(labels: Mapping[str, ArrayLike]) -> dict[str, BoolArray]:
    """Labels as (N,) bool per video. Raises DataError for anything but 0 and 1, and for no video or no frame."""
    if not labels:
        raise DataError("labels: no video; nothing to evaluate")
    return {name: _check_label(name, y) for name, y in labels.items()}


def _check_label(name: str, value: ArrayLike) -> BoolArray:
    y = np.asarray(value)
    if y.ndim != 1 or y.dtype.kind not in "buif":
        raise DataError(f"labels of video '{name}': expected a 1-D array of 0 and 1, got {y.dtype} of shape {y.shape}")
    if y.size == 0:
        raise DataError(f"labels of video '{name}': no frames")
    wrong = np.flatnonzero((y != 0) & (y != 1))
    if wrong.size:
        raise DataError(
            f"labels of video '{name}': frame {wrong[0]} is {y[wrong[0]]}; only 0 (normal) and 1 (abnormal) are labels"
        )
    return y.astype(np.bool_)


def check_scores(name: str, value: ArrayLike, frames: int) -> FloatArray:
    """Scores of one video as (N,) float64 with N = ``frames``; not yet checked for NaN. Raises DataError."""
    s = np.asarray(value)
    if s.ndim != 1 or s.dtype.kind not in "buif":
        raise DataError(f"scores of video '{name}': expected a 1-D array of numbers, got {s.dtype} of shape {s.shape}")
    if len(s) != frames:
        raise DataError(
            f"scores of video '{name}' have {len(s)} frames, labels of video '{name}' have {frames}; "
            "both must hold one value per frame of the video"
        )
    return s.astype(np.float64)


def require_finite(name: str, s: FloatArray, frames: IntArray | None = None) -> None:
    """Raise MetricError for the first score that is NaN or infinite; ``frames`` are the frame numbers of a selection."""
    bad = np.flatnonzero(~np.isfinite(s))
    if bad.size:
        frame = int(bad[0]) if frames is None else int(frames[bad[0]])
        raise MetricError(
            f"scores of video '{name}': frame {frame} is {s[bad[0]]} ({bad.size} such frames); a metric needs finite scores"
        )


def require_both_classes(labels: tuple[BoolArray, ...]) -> None:
    """Raise MetricError unless the set holds at least one normal and one abnormal frame."""
    abnormal = sum(int(y.sum()) for y in labels)
    frames = sum(len(y) for y in labels)
    if abnormal in (0, frames):
        found = "abnormal" if abnormal else "normal"
        raise MetricError(f"labels: all {frames} frames of {len(labels)} videos are {found}; AUC needs both classes")


def same_names(what_a: str, a: Mapping[str, object], what_b: str, b: Mapping[str, object]) -> None:
    """Raise DataError unless both mappings name the same videos; the message lists the odd ones out."""
    only_a, only_b = sorted(set(a) - set(b)), sorted(set(b) - set(a))
    if only_a or only_b:
        parts = [f"only in {w}: {_listed(n)}" for w, n in ((what_a, only_a), (what_b, only_b)) if n]
        raise DataError(f"{what_a} and {what_b} name different videos; {'; '.join(parts)}")
    if not a:
        raise DataError(f"{what_a} and {what_b}: no video; nothing to evaluate")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(f"'{n}'" for n in names[:_NAMES_SHOWN]) + more
