"""Ground-truth masks on the coarser grid of a score map, counted exactly: a small anomaly never vanishes in a resize."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from normalcy.errors import DataError, MetricError
from normalcy.metrics.inputs import BoolArray, FloatArray, IntArray

_FRAMES_AT_ONCE = 64


def cell_counts(masks: BoolArray, grid: tuple[int, int]) -> IntArray:
    """Mask pixels in each cell of a score map.

    Pixel (y, x) of an (H, W) picture belongs to cell (y h // H, x w // W).

    Args:
        masks: (N, H, W) bool.
        grid: (h, w) with h <= H and w <= W.

    Returns:
        (N, h, w) counts; they add up to the mask's pixels.
    """
    n, height, width = masks.shape
    rows, columns = _starts(height, grid[0]), _starts(width, grid[1])
    counts = np.zeros((n, *grid), dtype=np.int64)
    for i in range(0, n, _FRAMES_AT_ONCE):
        part = np.add.reduceat(masks[i : i + _FRAMES_AT_ONCE], columns, axis=2, dtype=np.int32)
        counts[i : i + _FRAMES_AT_ONCE] = np.add.reduceat(part, rows, axis=1)
    return counts


def cell_areas(size: tuple[int, int], grid: tuple[int, int]) -> IntArray:
    """(h, w) pixels of an (H, W) picture in each cell of the grid."""
    rows, columns = _starts(size[0], grid[0]), _starts(size[1], grid[1])
    return np.outer(np.diff(np.append(rows, size[0])), np.diff(np.append(columns, size[1]))).astype(np.int64)


def check_masks(name: str, value: ArrayLike) -> BoolArray:
    """Masks of one video as (N, H, W) bool. Raises DataError."""
    m = np.asarray(value)
    if m.ndim != 3 or m.dtype.kind not in "bui" or m.size == 0:
        raise DataError(f"masks of video '{name}': expected (frames, height, width) of bool, got {m.dtype} of shape {m.shape}")
    return m if m.dtype == np.bool_ else m != 0


def check_maps(name: str, value: ArrayLike, masks: BoolArray) -> FloatArray:
    """Score maps of one video as (N, h, w) float64 that fit its (N, H, W) masks. Raises DataError, MetricError for NaN."""
    maps = np.asarray(value)
    if maps.ndim != 3 or maps.dtype.kind not in "buif" or maps.size == 0:
        raise DataError(
            f"score maps of video '{name}': expected (frames, height, width) of numbers, got {maps.dtype} of shape {maps.shape}"
        )
    if len(maps) != len(masks):
        raise DataError(f"score maps of video '{name}' have {len(maps)} frames, masks of video '{name}' have {len(masks)}")
    if maps.shape[1] > masks.shape[1] or maps.shape[2] > masks.shape[2]:
        raise DataError(
            f"score maps of video '{name}' are {maps.shape[2]}x{maps.shape[1]}, "
            f"finer than its masks ({masks.shape[2]}x{masks.shape[1]}); bring the masks to the size of the video"
        )
    bad = np.flatnonzero(~np.isfinite(maps).all(axis=(1, 2)))
    if bad.size:
        raise MetricError(
            f"score maps of video '{name}': frame {bad[0]} holds a value that is not finite ({bad.size} such frames)"
        )
    return maps.astype(np.float64)


def mask_share(masks: ArrayLike) -> FloatArray:
    """(N,) share of the picture (0..1) that each of (N, H, W) masks covers. Raises DataError."""
    m = check_masks("(given)", masks)
    share: FloatArray = np.count_nonzero(m, axis=(1, 2)) / float(m.shape[1] * m.shape[2])
    return share


def _starts(pixels: int, cells: int) -> NDArray[np.intp]:
    """First pixel of each cell along one axis: the smallest p with p cells // pixels = i."""
    return -(-np.arange(cells) * pixels // cells)
