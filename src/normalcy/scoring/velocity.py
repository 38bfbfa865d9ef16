"""How rare a velocity is at its place: histograms of optical flow per zone, counted on normal video.

A car at walking pace on the road, a walker against the stream, anyone where nobody walks: what the size of motion alone
cannot tell apart, its direction and place can.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.scoring.place import zones

EDGES = np.array([-4.0, -1.5, -0.5, 0.5, 1.5, 4.0])
"""Borders of the velocity bins, in working pixels per clip step, the same for both directions: 7 x 7 bins."""
BINS = (len(EDGES) + 1) ** 2
PRIOR = 200.0
"""Places of its band that a zone's histogram is mixed with, and as many of the whole frame in a band's."""
BLUR = 0.5
"""Share of a place's count that also goes to the bins beside its own, so that a border between bins is no border of normal."""


def flow(before_HW: NDArray[np.uint8], after_HW: NDArray[np.uint8], grid: tuple[int, int]) -> NDArray[np.float32]:
    """Optical flow (DIS, Kroeger et al., ECCV 2016) from one grey frame to the next, averaged to grid (h, w): (h, w, 2)."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    field = dis.calc(before_HW, after_HW, None)
    return np.asarray(cv2.resize(field, (grid[1], grid[0]), interpolation=cv2.INTER_AREA), dtype=np.float32)


def bins_of(flow_hw2: NDArray[np.float32]) -> NDArray[np.int64]:
    """(..., 2) velocities -> index of their bin, 0..BINS-1."""
    b = np.digitize(flow_hw2, EDGES)
    return np.asarray(b[..., 1] * (len(EDGES) + 1) + b[..., 0], dtype=np.int64)


class VelocityHistogram:
    """Counts per zone; rarity() is -log of the share that a velocity has at its place."""

    def __init__(self, bands: int, columns: int, counts_ZK: NDArray[np.float64] | None = None) -> None:
        self.bands, self.columns = bands, columns
        self.counts_ZK = np.zeros((bands * columns, BINS)) if counts_ZK is None else counts_ZK

    def add(self, flow_hw2: NDArray[np.float32]) -> None:
        """Count one field of normal video."""
        h, w = flow_hw2.shape[:2]
        at = zones(h, w, self.bands, self.columns) * BINS + bins_of(flow_hw2)
        self.counts_ZK += np.bincount(at.ravel(), minlength=self.counts_ZK.size).reshape(self.counts_ZK.shape)

    def table(self) -> NDArray[np.float32]:
        """(Z, BINS) rarity in nats: of each zone, shrunk towards its band, the whole frame, and evenly spread velocities."""
        counts = self._blurred()
        band = counts.reshape(self.bands, self.columns, BINS).sum(axis=1)
        frame = band.sum(axis=0)
        frame_p = (frame + 1.0) / (frame.sum() + BINS)
        band_p = (band + PRIOR * frame_p) / (band.sum(axis=1, keepdims=True) + PRIOR)
        up = np.repeat(band_p, self.columns, axis=0)
        p = (counts + PRIOR * up) / (counts.sum(axis=1, keepdims=True) + PRIOR)
        return np.asarray(-np.log(p), dtype=np.float32)

    def _blurred(self) -> NDArray[np.float64]:
        side = len(EDGES) + 1
        c = self.counts_ZK.reshape(-1, side, side)
        wide = np.pad(c, ((0, 0), (1, 1), (1, 1)))
        beside = wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:]
        return np.asarray(((1.0 - BLUR) * c + BLUR * beside / 4.0).reshape(-1, BINS))


def rarity(flow_hw2: NDArray[np.float32], table_ZK: NDArray[np.float32], bands: int, columns: int) -> NDArray[np.float32]:
    """(h, w) rarity of each place's velocity, from VelocityHistogram.table()."""
    h, w = flow_hw2.shape[:2]
    return np.asarray(table_ZK[zones(h, w, bands, columns), bins_of(flow_hw2)], dtype=np.float32)
