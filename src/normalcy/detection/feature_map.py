"""What the detector itself knows of each box: its own feature map, read in the same inference as the boxes.

The map is the one at stride 8 at the end of the backbone's third stage (64 channels in YOLOX-nano): fine enough for people 60
pixels high, and general enough to tell kinds of things apart without any training. A box is described by the mean of the map
over each cell of a 2x2 grid, scaled to unit length. See normalcy.detection.adapted for how the map is got out of a model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STRIDE = 8
GRID = 2
"""Cells each way that a box is divided into."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """The map of one picture, ready to be averaged over boxes."""

    sums_HWC: NDArray[np.float64]
    """(h + 1, w + 1, C) sums over all cells above and left of each corner."""
    scale: float
    """Cells of the map per pixel of the picture."""

    @classmethod
    def of(cls, map_CHW: Floats, scale: float) -> FeatureMap:
        """map: as the network gives it. scale: canvas pixels per picture pixel."""
        c, h, w = map_CHW.shape
        sums = np.zeros((h + 1, w + 1, c))
        np.cumsum(map_CHW.transpose(1, 2, 0), axis=0, out=sums[1:, 1:])
        np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
        return cls(sums, scale / STRIDE)

    def describe(self, xyxy_N4: Floats) -> NDArray[np.float16]:
        """(N, 4 C) float16 of unit length, one row per box in pixels of the picture: C numbers of each quarter, row by row.

        Means are over the exact area, parts of cells by their share. A box outside the map, or narrower than a cell, is that of
        the nearest cell.
        """
        h, w = self.sums_HWC.shape[0] - 1, self.sums_HWC.shape[1] - 1
        x_NG = _cuts(xyxy_N4[:, 0] * self.scale, xyxy_N4[:, 2] * self.scale, w)
        y_NG = _cuts(xyxy_N4[:, 1] * self.scale, xyxy_N4[:, 3] * self.scale, h)
        s = self._sum_to(y_NG[:, :, None], x_NG[:, None, :])
        cells = s[:, 1:, 1:] - s[:, :-1, 1:] - s[:, 1:, :-1] + s[:, :-1, :-1]
        flat = cells.reshape(
            len(cells), math.prod(cells.shape[1:])
        )  # every cell has the same area, which the length takes out again
        return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9), dtype=np.float16)

    def _sum_to(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over the map above y and left of x, exact between corners too. y and x broadcast; (..., C)."""
        y0, x0 = (np.minimum(v.astype(np.intp), size - 2) for v, size in zip((y, x), self.sums_HWC.shape, strict=False))
        fy, fx = (y - y0)[..., None], (x - x0)[..., None]
        s = self.sums_HWC
        above = s[y0, x0] * (1 - fx) + s[y0, x0 + 1] * fx
        below = s[y0 + 1, x0] * (1 - fx) + s[y0 + 1, x0 + 1] * fx
        return np.asarray(above * (1 - fy) + below * fy)


def _cuts(low_N: Floats, high_N: Floats, length: int) -> NDArray[np.float64]:
    """(N, GRID + 1) where a box is cut along one side, within 0..length and at least one cell apart in all."""
    low, high = (np.clip(v.astype(np.float64), 0, length) for v in (low_N, high_N))
    side = np.maximum(high - low, 1.0)
    low = np.clip((low + high - side) / 2, 0, length - side)
    return np.linspace(low, low + side, GRID + 1, axis=1)
