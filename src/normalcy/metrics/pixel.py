"""Pixel-level AUC: does the score map point at the anomaly's pixels?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from normalcy.errors import MetricError, UsageError
from normalcy.metrics.auc import CountCurve, auc
from normalcy.metrics.grid import cell_areas, cell_counts, check_maps, check_masks
from normalcy.metrics.inputs import FloatArray, IntArray, same_names


@dataclass(frozen=True, slots=True)
class PixelMetrics:
    """Pixel-level results, 0..1."""

    pixel_auc: float
    """Every pixel of every frame in one ROC."""
    criterion_auc: float
    """Frames in one ROC, where an abnormal frame is found only once ``share`` of its anomalous pixels are above the threshold,
    and a normal frame is falsely found as soon as one pixel is (Mahadevan et al., CVPR 2010, with share 0.4)."""
    share: float
    frames: int
    abnormal_frames: int
    abnormal_pixels: int
    pixels: int

    def to_dict(self) -> dict[str, object]:
        """Everything as plain values that JSON can hold."""
        return asdict(self)


def pixel_metrics(maps: Mapping[str, ArrayLike], masks: Mapping[str, ArrayLike], *, share: float = 0.4) -> PixelMetrics:
    """Pixel-level AUC of score maps against masks.

    A pixel's score is that of the map cell that it lies in, so the result is exact without enlarging the maps: a cell counts as
    so many abnormal and so many normal pixels of one score. A frame is abnormal if its mask is not empty.

    Args:
        maps: video name -> (N, h, w) score maps that cover the whole picture.
        masks: video name -> (N, H, W) bool, H >= h and W >= w.
        share: of the anomalous pixels, for ``criterion_auc``, in (0, 1].

    Raises:
        DataError: names, lengths or sizes do not fit.
        MetricError: a map value is not finite; no abnormal or no normal pixel or frame.
        UsageError: ``share`` outside (0, 1].
    """
    if not 0 < share <= 1:
        raise UsageError(f"pixel metrics: share is {share}; it must lie in (0, 1]")
    same_names("score maps", maps, "masks", masks)
    scores, inside, outside, frame_scores, abnormal = [], [], [], [], []
    for name in sorted(maps):
        m = check_masks(name, masks[name])
        s = check_maps(name, maps[name], m)
        grid = (s.shape[1], s.shape[2])
        counts = cell_counts(m, grid)
        scores.append(s.ravel())
        inside.append(counts.ravel())
        outside.append((cell_areas((m.shape[1], m.shape[2]), grid) - counts).ravel())
        frame_scores.append(criterion_scores(s, counts, share))
        abnormal.append(counts.any(axis=(1, 2)))
    per_frame, truth, hit = np.concatenate(frame_scores), np.concatenate(abnormal), np.concatenate(inside)
    if truth.all() or not truth.any():
        raise MetricError(f"masks: all {len(truth)} frames are {'abnormal' if truth.all() else 'normal'}; pixel AUC needs both")
    missed = np.concatenate(outside)
    return PixelMetrics(
        pixel_auc=CountCurve.weighted(np.concatenate(scores), hit.astype(np.float64), missed.astype(np.float64)).auc(),
        criterion_auc=auc(per_frame, truth),
        share=share,
        frames=len(truth),
        abnormal_frames=int(truth.sum()),
        abnormal_pixels=int(hit.sum()),
        pixels=int(hit.sum() + missed.sum()),
    )


def criterion_scores(maps: FloatArray, counts: IntArray, share: float) -> FloatArray:
    """(N,) highest threshold at which each frame counts as found.

    Abnormal frame: at least ``share`` of the mask pixels lie in cells that reach it. Normal frame: any cell does.

    Args:
        maps: (N, h, w) scores.
        counts: (N, h, w) mask pixels in each cell.
    """
    flat, weight = maps.reshape(len(maps), -1), counts.reshape(len(maps), -1)
    order = np.argsort(-flat, axis=1, kind="stable")
    covered = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    # the slack keeps a share that is met exactly from being missed by rounding; a normal frame needs 0 pixels, met at its
    # maximum
    reached = covered >= share * covered[:, -1:] - 1e-9
    place = np.argmax(reached, axis=1)[:, None]
    threshold: FloatArray = np.take_along_axis(flat, np.take_along_axis(order, place, axis=1), axis=1)[:, 0]
    return threshold
