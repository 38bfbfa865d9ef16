"""AUC by anomaly size: is a small anomaly found as well as a large one?

Abnormal frames are binned by the share of the frame that the ground-truth mask covers, and each bin is set against ALL
normal frames of the set, so that the bins differ in nothing but the anomalies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from normalcy.errors import DataError, MetricError
from normalcy.metrics.bootstrap import Interval, check_settings, draw, no_interval, percentile
from normalcy.metrics.grid import cell_counts, check_maps, check_masks
from normalcy.metrics.inputs import (
    BoolArray,
    FloatArray,
    check_labels,
    check_scores,
    require_both_classes,
    require_finite,
    same_names,
)
from normalcy.metrics.pairs import PairTable

EDGES = (0.005, 0.02, 0.08)
"""Bounds between the bins, as shares of the frame; 0.08 itself belongs to the bin below it, the others to the bin above."""
BINS = ("<0.5 %", "0.5-2 %", "2-8 %", ">8 %")


@dataclass(frozen=True, slots=True)
class SizeBin:
    """Abnormal frames of one size against all normal frames."""

    name: str
    auc: float | None
    """None where the bin is empty."""
    interval: Interval
    """Percentile bootstrap over videos."""
    frames: int
    """Abnormal frames in the bin."""
    videos: int
    """Videos that they come from."""


@dataclass(frozen=True, slots=True)
class SizeMetrics:
    """AUC of each size bin."""

    bins: tuple[SizeBin, ...]
    normal_frames: int
    left_out: int
    """Abnormal frames in no bin, because their video has no masks or their mask is empty."""
    masked_normal: int
    """Frames labelled normal whose mask is not empty: labels and masks disagree there, and the label is what counts."""

    def to_dict(self) -> dict[str, object]:
        """Everything as plain values that JSON can hold."""
        return asdict(self) | {"bins": [asdict(b) for b in self.bins]}


def size_bin(share: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Index into :data:`BINS` for each share of the frame (0..1)."""
    s = np.asarray(share, dtype=np.float64)
    return ((s >= EDGES[0]).astype(np.int64) + (s >= EDGES[1]) + (s > EDGES[2])).astype(np.int64)


def auc_by_size(
    scores: Mapping[str, ArrayLike],
    labels: Mapping[str, ArrayLike],
    shares: Mapping[str, ArrayLike],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> SizeMetrics:
    """AUC of each size bin against all normal frames, ties counted half.

    Args:
        scores: video name -> (N,) frame scores, or the region scores of :func:`region_scores`. NaN is allowed in abnormal
            frames without a mask only: those are in no bin.
        labels: video name -> (N,) of 0 and 1; decides which frames are abnormal.
        shares: video name -> (N,) share of the frame that the mask covers (:func:`normalcy.metrics.grid.mask_share`). Videos
            that come without masks are left out here: their normal frames count, their abnormal frames cannot be binned.
        resamples, seed, level: of the bootstrap intervals over videos.

    Raises:
        DataError: names or lengths differ, shares outside 0..1.
        MetricError: a score that is needed is not finite; one class only; no abnormal frame with a mask.
        UsageError: ``resamples`` < 1 or ``level`` outside 0..1.
    """
    check_settings(resamples, level)
    same_names("scores", scores, "labels", labels)
    truth = check_labels(labels)
    unknown = sorted(set(shares) - set(truth))
    if unknown:
        raise DataError(f"mask shares name videos that have no labels: {', '.join(unknown)}")
    require_both_classes(tuple(truth.values()))
    split = [_split(name, scores[name], truth[name], shares.get(name)) for name in sorted(truth)]
    if not any(v.where.size for v in split):
        raise MetricError("no abnormal frame has a mask; AUC by anomaly size is undefined")
    normal = [v.normal for v in split]
    return SizeMetrics(
        bins=tuple(
            _one_bin(name, [v.abnormal[v.where == i] for v in split], normal, resamples, seed, level)
            for i, name in enumerate(BINS)
        ),
        normal_frames=sum(len(s) for s in normal),
        left_out=sum(v.left_out for v in split),
        masked_normal=sum(v.masked_normal for v in split),
    )


def region_scores(
    maps: Mapping[str, ArrayLike], masks: Mapping[str, ArrayLike], labels: Mapping[str, ArrayLike], *, dilate: int = 1
) -> dict[str, FloatArray]:
    """One number per frame that is high only if the map is high WHERE the anomaly is.

    Abnormal frame: maximum of the map over the cells that the mask touches, widened by ``dilate`` cells. Normal frame: maximum
    of the whole map. Abnormal frame without any mask pixel: NaN, which :func:`auc_by_size` leaves out.

    This is strict: chance is not 0.5. Where all cells are independent and alike, a region of r of the K cells beats the whole
    of a normal map with probability r / (r + K), so compare bins with those of another method, not with each other.

    Args:
        maps: video name -> (N, h, w) score maps that cover the whole picture.
        masks: video name -> (N, H, W) bool, H >= h and W >= w. Only videos with masks belong here.
        labels: video name -> (N,) of 0 and 1, at least for the videos that have maps.
        dilate: cells around the mask that still count as the region, for the slack of an encoder's coarse grid.

    Raises:
        DataError: names, lengths or sizes do not fit.
        MetricError: a map value is not finite.
    """
    from scipy.ndimage import binary_dilation

    same_names("score maps", maps, "masks", masks)
    if dilate < 0:
        raise DataError(f"dilate is {dilate}; it must be 0 or more cells")
    wanted = {name: labels[name] for name in maps if name in labels}
    same_names("score maps", maps, "labels", wanted)
    truth = check_labels(wanted)
    around = np.ones((1, 2 * dilate + 1, 2 * dilate + 1), dtype=np.bool_)
    result = {}
    for name in maps:
        m = check_masks(name, masks[name])
        s = check_maps(name, maps[name], m)
        y = truth[name]
        if len(y) != len(m):
            raise DataError(f"masks of video '{name}' have {len(m)} frames, labels of video '{name}' have {len(y)}")
        region = binary_dilation(cell_counts(m, (s.shape[1], s.shape[2])) > 0, structure=around)
        inside = np.where(region, s, -np.inf).max(axis=(1, 2))
        result[name] = np.where(y, np.where(region.any(axis=(1, 2)), inside, np.nan), s.max(axis=(1, 2)))
    return result


@dataclass(frozen=True, slots=True)
class _Split:
    normal: FloatArray
    abnormal: FloatArray
    """Scores of the abnormal frames that have a mask."""
    where: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    """Bin of each of them."""
    left_out: int
    masked_normal: int


def _split(name: str, scores: ArrayLike, y: BoolArray, share: ArrayLike | None) -> _Split:
    s = check_scores(name, scores, len(y))
    covered = np.zeros(len(y)) if share is None else np.asarray(share, dtype=np.float64)
    if covered.shape != y.shape:
        raise DataError(
            f"mask shares of video '{name}' have shape {covered.shape}, labels of video '{name}' have {len(y)} frames"
        )
    if not ((covered >= 0) & (covered <= 1)).all():
        raise DataError(f"mask shares of video '{name}' leave 0..1; a share is mask pixels over all pixels of the frame")
    used, binned = ~y | (covered > 0), y & (covered > 0)
    require_finite(name, s[used], np.flatnonzero(used))
    return _Split(s[~y], s[binned], size_bin(covered[binned]), int((~used).sum()), int((~y & (covered > 0)).sum()))


def _one_bin(
    name: str, abnormal: list[FloatArray], normal: list[FloatArray], resamples: int, seed: int, level: float
) -> SizeBin:
    frames, videos = sum(len(s) for s in abnormal), sum(len(s) > 0 for s in abnormal)
    if not frames:
        return SizeBin(name, None, Interval(None, None, "no abnormal frame of this size"), 0, 0)
    table = PairTable.of(abnormal, normal)
    if videos < 2:
        interval = no_interval(videos)
    else:
        counts, _ = draw([table.abnormal.astype(np.int64), table.normal.astype(np.int64)], resamples, seed)
        interval = percentile(table.resampled(counts), level)
    return SizeBin(name, table.auc(), interval, frames, videos)
