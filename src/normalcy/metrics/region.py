"""RBDC and TBDC: are the regions right, not only the frames?

From the definition of Ramachandra and Jones, "Street Scene: A new dataset and evaluation protocol for video anomaly detection",
WACV 2020. A true region is detected if a detection of its frame overlaps it with IoU >= 0.1; a detection that overlaps no true
region of its frame that much is a false positive; a track is detected if at least 10 % of its regions are. The threshold on the
detection score runs over all values; the curve is the rate of detected regions (RBDC) or tracks (TBDC) over false positive
regions per frame, and the result its area from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from normalcy.errors import DataError, MetricError, UsageError
from normalcy.metrics.inputs import FloatArray, IntArray, same_names

DETECTION_COLUMNS = ("frame", "x1", "y1", "x2", "y2", "score")
TRACK_COLUMNS = ("track_id", "frame", "x1", "y1", "x2", "y2")


@dataclass(frozen=True, slots=True)
class RegionMetrics:
    """RBDC and TBDC (0..1) with the curves behind them."""

    rbdc: float
    tbdc: float
    regions: int
    tracks: int
    detections: int
    frames: int
    iou: float
    track_share: float
    false_positives: FloatArray
    """(K+1,) false positive regions per frame; point 0 is the threshold above every score."""
    region_rate: FloatArray
    """(K+1,) share of true regions detected."""
    track_rate: FloatArray
    """(K+1,) share of tracks detected."""

    def to_dict(self) -> dict[str, object]:
        """The numbers, without the curves, as plain values that JSON can hold."""
        names = ("rbdc", "tbdc", "regions", "tracks", "detections", "frames", "iou", "track_share")
        return {name: getattr(self, name) for name in names}


def region_metrics(
    detections: Mapping[str, ArrayLike],
    tracks: Mapping[str, ArrayLike],
    frames: Mapping[str, int],
    *,
    iou: float = 0.1,
    track_share: float = 0.1,
) -> RegionMetrics:
    """RBDC and TBDC of scored boxes against true tracks.

    One detection may detect several true regions, and several detections may hit one region without counting as false: the
    definition has no one-to-one matching. Between two thresholds the curve is straight; after its last point it is flat.

    Args:
        detections: video name -> (D, 6) rows ``frame, x1, y1, x2, y2, score``; frames 0-based, x2 and y2 exclusive, higher
            score = more abnormal. No detection: (0, 6). Every video of ``frames`` must be named.
        tracks: video name -> (G, 6) rows ``track_id, frame, x1, y1, x2, y2``; (0, 6) for a video without anomaly.
        frames: video name -> number of frames.
        iou: overlap from which a region counts as detected, in (0, 1].
        track_share: share of its regions from which a track counts as detected, in (0, 1].

    Raises:
        DataError: names differ, a frame outside its video, a box without area.
        MetricError: a number that is not finite; no true region in the whole set.
        UsageError: ``iou`` or ``track_share`` outside (0, 1].
    """
    for setting, value in (("iou", iou), ("track_share", track_share)):
        if not 0 < value <= 1:
            raise UsageError(f"region metrics: {setting} is {value}; it must lie in (0, 1]")
    same_names("detections", detections, "tracks", tracks)
    same_names("tracks", tracks, "frame counts", frames)
    hits, hit_tracks, false, every = [], [], [], []
    for name in sorted(tracks):
        det = _rows("detections", name, detections[name], DETECTION_COLUMNS, frames[name])
        true = _rows("tracks", name, tracks[name], TRACK_COLUMNS, frames[name])
        best, is_false = _match(det, true, iou)
        hits.append(best)
        hit_tracks.append(_track_scores(true[:, 0], best, track_share))
        false.append(det[is_false, 5])
        every.append(det[:, 5])
    region_scores, track_scores, scores = np.concatenate(hits), np.concatenate(hit_tracks), np.concatenate(every)
    if not region_scores.size:
        raise MetricError("tracks: no true region in any video; RBDC and TBDC are undefined")
    thresholds, total = np.unique(scores)[::-1], sum(frames.values())
    false_positives = _at_least(np.concatenate(false), thresholds) / total
    region_rate = _at_least(region_scores, thresholds) / region_scores.size
    track_rate = _at_least(track_scores, thresholds) / track_scores.size
    return RegionMetrics(
        rbdc=area_to_one(false_positives, region_rate),
        tbdc=area_to_one(false_positives, track_rate),
        regions=region_scores.size,
        tracks=track_scores.size,
        detections=scores.size,
        frames=total,
        iou=iou,
        track_share=track_share,
        false_positives=false_positives,
        region_rate=region_rate,
        track_rate=track_rate,
    )


def area_to_one(x: FloatArray, y: FloatArray) -> float:
    """Area under (K,) points with x never falling from 0, from x = 0 to 1; flat after the last point, straight between
    points."""
    if x[-1] < 1:
        x, y = np.append(x, 1.0), np.append(y, y[-1])
    else:
        inside = int(np.searchsorted(x, 1.0, side="right"))
        if x[inside - 1] < 1:
            at_one = np.interp(1.0, x[inside - 1 : inside + 1], y[inside - 1 : inside + 1])
            x, y = np.append(x[:inside], 1.0), np.append(y[:inside], at_one)
        else:
            x, y = x[:inside], y[:inside]
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)


def box_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """(M,) intersection over union of (M, 4) boxes ``x1, y1, x2, y2`` with (M, 4) boxes, row by row."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = np.clip(sides, 0, None).prod(axis=1)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(axis=1), (b[:, 2:] - b[:, :2]).prod(axis=1)
    overlap: FloatArray = both / (area_a + area_b - both)
    return overlap


def _match(det: FloatArray, true: FloatArray, iou: float) -> tuple[FloatArray, IntArray]:
    """Best score that detects each of (G,) true regions (-inf for none), and the rows of the detections that are false."""
    best, false = np.full(len(true), -np.inf), np.ones(len(det), dtype=np.bool_)
    # all pairs of one frame without a loop: for each detection the stretch of true regions (sorted by frame) of its frame
    order = np.argsort(true[:, 1], kind="stable")
    first = np.searchsorted(true[order, 1], det[:, 0], side="left")
    count = np.searchsorted(true[order, 1], det[:, 0], side="right") - first
    d = np.repeat(np.arange(len(det)), count)
    g = order[np.repeat(first, count) + np.arange(len(d)) - np.repeat(np.cumsum(count) - count, count)]
    met = box_iou(det[d, 1:5], true[g, 2:6]) >= iou
    np.maximum.at(best, g[met], det[d[met], 5])
    false[d[met]] = False
    return best, np.flatnonzero(false).astype(np.int64)


def _track_scores(ids: FloatArray, best: FloatArray, track_share: float) -> FloatArray:
    """Per track the highest threshold at which ``track_share`` of its regions are detected (-inf for none)."""
    result = []
    for track in np.unique(ids):
        regions = np.sort(best[ids == track])[::-1]
        # the smallest k with k / n >= share; the slack keeps 3 of 30 from becoming 4 by rounding
        needed = max(int(np.ceil(track_share * regions.size - 1e-9)), 1)
        result.append(regions[needed - 1])
    return np.array(result, dtype=np.float64)


def _at_least(scores: FloatArray, thresholds: FloatArray) -> FloatArray:
    """(K+1,) how many scores reach each of (K,) falling thresholds; 0 for the threshold above all."""
    ranked = np.sort(scores)
    return np.concatenate([[0.0], ranked.size - np.searchsorted(ranked, thresholds, side="left")])


def _rows(what: str, name: str, value: ArrayLike, columns: tuple[str, ...], frames: int) -> FloatArray:
    a = np.asarray(value, dtype=np.float64)
    if a.size == 0:
        return np.zeros((0, len(columns)))
    if a.ndim != 2 or a.shape[1] != len(columns):
        raise DataError(f"{what} of video '{name}': expected rows of {', '.join(columns)}, got shape {a.shape}")
    bad = np.flatnonzero(~np.isfinite(a).all(axis=1))
    if bad.size:
        raise MetricError(f"{what} of video '{name}': row {bad[0]} holds a number that is not finite")
    frame, box = a[:, columns.index("frame")], a[:, columns.index("x1") : columns.index("y2") + 1]
    wrong = np.flatnonzero((frame < 0) | (frame >= frames) | (frame != np.floor(frame)))
    if wrong.size:
        raise DataError(
            f"{what} of video '{name}': row {wrong[0]} is at frame {frame[wrong[0]]:g}; the video has frames 0 to {frames - 1}"
        )
    flat = np.flatnonzero((box[:, 2:] <= box[:, :2]).any(axis=1))
    if flat.size:
        raise DataError(
            f"{what} of video '{name}': row {flat[0]} has box {box[flat[0]].tolist()} without area; x2 and y2 are exclusive"
        )
    return a
