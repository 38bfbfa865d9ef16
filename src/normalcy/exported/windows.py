"""A batch of windows, as normalcy.scoring.windows has it, in numpy: features come from graphs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.exported.graph import Features, Graphs
from normalcy.scoring.velocity import fields_of

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]
Index = NDArray[np.int64]
PIXELS = 4_000_000
"""Input pixels (frames x height x width) that a graph is given at a time, about."""


class GraphWindows:
    """B windows of T frames. Every pass through a graph is run at most once, and only when a readout asks.

    frames_NHWC: (N, H, W, 3) uint8. index_BT: (B, T), the frame at each place of each window. stride: the encoder's.
    """

    def __init__(self, graphs: Graphs, stride: tuple[int, int, int], frames_NHWC: Images, index_BT: Index, cfg: Config) -> None:
        self._graphs, self._stride, self.cfg = graphs, stride, cfg
        self.frames_NHWC, self.index_BT = frames_NHWC, index_BT
        self.length = index_BT.shape[1]
        self.flows: Sequence[Future[Floats]] = ()
        """The velocity of each window, where a thread takes it already."""

    def __len__(self) -> int:
        return len(self.index_BT)

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the feature grid."""
        height, width = self.frames_NHWC.shape[1:3]
        return -(-height // self._stride[1]), -(-width // self._stride[2])

    def _features(self, index_BT: Index) -> Features:
        graph = self._graphs["pair"] if index_BT.shape[1] == 2 and "pair" in self._graphs else self._graphs["clips"]
        height, width = self.frames_NHWC.shape[1:3]
        each = max(1, PIXELS // (index_BT.shape[1] * height * width))
        parts = [graph(self.frames_NHWC[index_BT[i : i + each]]) for i in range(0, len(index_BT), each)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def _middle(self) -> Index:
        return self.index_BT[:, self.length // 2 - 1 : self.length // 2 + 1]

    @cached_property
    def full(self) -> Features:
        """F(V): features (B, D, t, h, w) of the intact windows."""
        return self._features(self.index_BT)

    @cached_property
    def pair(self) -> Features:
        """F of the two middle frames alone."""
        return self._features(self._middle)

    @cached_property
    def pooled(self) -> Floats:
        """What densities are about, (B, D, h, w)."""
        return np.asarray((self.full if self.cfg.scoring.density_of == "clip" else self.pair).mean(axis=2))

    @cached_property
    def motion(self) -> Floats:
        """Mean absolute grey difference between neighbouring frames of each window, on the score grid: (B, h, w)."""
        grey_NHW = self.frames_NHWC.astype(np.float32) @ np.full(3, 1.0 / 765.0, np.float32)
        change_BHW = np.abs(np.diff(grey_NHW[self.index_BT], axis=1)).mean(axis=1)
        return np.stack([area_mean(c, self.grid) for c in change_BHW])

    @cached_property
    def velocity(self) -> Floats:
        """Optical flow between the two middle frames of each window, in pixels, on the score grid: (B, h, w, 2)."""
        if self.flows:
            return np.stack([f.result() for f in self.flows])
        return fields_of(self.frames_NHWC, self._middle, self.grid)


def area_mean(x_HW: Floats, grid: tuple[int, int]) -> Floats:
    """A pixel map averaged down to the grid (h, w), as PyTorch's adaptive average pooling does."""

    def summed(x: Floats, n: int, axis: int) -> NDArray[np.float64]:
        total = np.concatenate([np.zeros_like(x.take([0], axis), np.float64), np.cumsum(x, axis, dtype=np.float64)], axis)
        at = np.arange(n)
        low, high = at * x.shape[axis] // n, -(-(at + 1) * x.shape[axis] // n)
        shape = [-1 if i == axis else 1 for i in range(x.ndim)]
        return np.asarray((total.take(high, axis) - total.take(low, axis)) / (high - low).reshape(shape))

    rows = summed(x_HW, grid[0], 0).astype(np.float32)
    return summed(rows, grid[1], 1).astype(np.float32)
