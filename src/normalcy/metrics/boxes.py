"""True boxes and tracks from pixel masks, for data sets that come with masks only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from normalcy.metrics.grid import check_masks
from normalcy.metrics.inputs import BoolArray, FloatArray, IntArray


def boxes_from_masks(masks: ArrayLike) -> FloatArray:
    """One box around each connected component (8 neighbours) of each frame. No component is too small to count.

    Args:
        masks: (N, H, W) bool.

    Returns:
        (R, 5) rows ``frame, x1, y1, x2, y2`` in frame order; x2 and y2 exclusive.

    Raises:
        DataError: not (N, H, W) of bool or integers.
    """
    return tracks_from_masks(masks)[:, 1:]


def tracks_from_masks(masks: ArrayLike) -> FloatArray:
    """The boxes of :func:`boxes_from_masks`, linked over time by pixel overlap.

    A component goes on the track of the component of the frame before with which it shares the most pixels, each track being
    continued by one component only (largest overlap first). So at a split the larger part keeps the track and the other starts
    a new one; at a meeting the track of larger overlap goes on and the other ends; after a frame without overlap a new track
    starts.

    Args:
        masks: (N, H, W) bool.

    Returns:
        (R, 6) rows ``track_id, frame, x1, y1, x2, y2`` in frame order; ids from 0; x2 and y2 exclusive.

    Raises:
        DataError: not (N, H, W) of bool or integers.
    """
    m = check_masks("(given)", masks)
    rows: list[tuple[int, ...]] = []
    before, before_ids, new_id = np.zeros(m.shape[1:], dtype=np.int64), np.zeros(0, dtype=np.int64), 0
    for frame, mask in enumerate(m):
        now, boxes = _components(mask)
        ids = _continued(before, now, before_ids, len(boxes))
        for i, box in enumerate(boxes):
            if ids[i] < 0:
                ids[i], new_id = new_id, new_id + 1
            rows.append((int(ids[i]), frame, *box))
        before, before_ids = now, ids
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def _components(mask: BoolArray) -> tuple[IntArray, list[tuple[int, int, int, int]]]:
    """(H, W) component numbers from 1 (0 = background), and the box of each."""
    from scipy.ndimage import find_objects, label

    numbered, _ = label(mask, structure=np.ones((3, 3), dtype=np.int64))
    return numbered.astype(np.int64), [(x.start, y.start, x.stop, y.stop) for y, x in find_objects(numbered)]


def _continued(before: IntArray, now: IntArray, before_ids: IntArray, components: int) -> IntArray:
    """(components,) track id that each component of ``now`` goes on; -1 where it starts a new one."""
    ids = np.full(components, -1, dtype=np.int64)
    shared = (before > 0) & (now > 0)
    if not shared.any():
        return ids
    pairs, pixels = np.unique(np.stack([before[shared], now[shared]]) - 1, axis=1, return_counts=True)
    taken = set()
    for k in np.argsort(-pixels, kind="stable"):
        old, new = int(pairs[0, k]), int(pairs[1, k])
        if ids[new] < 0 and old not in taken:
            ids[new] = before_ids[old]
            taken.add(old)
    return ids
