"""Normal statistics by place: a fixed camera sees cars on the road and people on the pavement, small ones far, large ones near.

The picture is divided into zones, ``bands`` of rows by ``columns``. A zone that saw little leans on its band of rows (which has
about the same perspective), and a band that saw little leans on the whole frame.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

SPREAD_FLOOR = 0.25
"""A zone's spread is never taken under this share of the whole frame's: where nothing ever moved, a flicker is no event."""


def part_of(n: int, parts: int) -> NDArray[np.int64]:
    """(n,) index of the part that each of n rows (or columns) belongs to; parts are equal shares."""
    return np.minimum((np.arange(n) + 0.5) / n * parts, parts - 1).astype(np.int64)


def zones(h: int, w: int, bands: int, columns: int) -> NDArray[np.int64]:
    """(h, w) zone of each place of a map, band by band: zone = band * columns + column."""
    return part_of(h, bands)[:, None] * columns + part_of(w, columns)[None, :]


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum and sum of squares of K components per zone; adds up over batches."""

    count_Z: NDArray[np.float64]
    total_KZ: NDArray[np.float64]
    square_KZ: NDArray[np.float64]

    @classmethod
    def of(cls, values_KN: NDArray[np.float64], zone_N: NDArray[np.int64], n_zones: int) -> Self:
        """Of N values per component, each in a zone."""

        def summed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.stack([np.bincount(zone_N, r, n_zones) for r in rows])

        return cls(np.bincount(zone_N, minlength=n_zones).astype(np.float64), summed(values_KN), summed(values_KN**2))

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count_Z + other.count_Z, self.total_KZ + other.total_KZ, self.square_KZ + other.square_KZ)

    def shrunk(self, bands: int, columns: int, prior: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(mean, spread), each (K, Z): a zone mixed with ``prior`` values of its band, a band with as many of the frame."""

        def by_band(a: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(a.reshape(*a.shape[:-1], bands, columns).sum(axis=-1))

        count_b, total_b, square_b = (by_band(a) for a in (self.count_Z, self.total_KZ, self.square_KZ))
        n = max(count_b.sum(), 1.0)
        frame_mean, frame_square = total_b.sum(axis=1, keepdims=True) / n, square_b.sum(axis=1, keepdims=True) / n
        band_mean = (total_b + prior * frame_mean) / (count_b + prior)
        band_square = (square_b + prior * frame_square) / (count_b + prior)
        up_mean, up_square = np.repeat(band_mean, columns, axis=1), np.repeat(band_square, columns, axis=1)
        mean = (self.total_KZ + prior * up_mean) / (self.count_Z + prior)
        square = (self.square_KZ + prior * up_square) / (self.count_Z + prior)
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        usual = np.sqrt(np.maximum(frame_square - frame_mean**2, 1e-12))
        floor = SPREAD_FLOOR * usual
        return mean.astype(np.float32), np.maximum(spread, floor).astype(np.float32)


def moments_of(maps: Sequence[Tensor], bands: int, columns: int) -> Moments:
    """Moments per zone of maps (B, K, h, w), at least one, which may differ in size."""
    parts = []
    for m in maps:
        b, k, h, w = m.shape
        zone_N = np.tile(zones(h, w, bands, columns).ravel(), b)
        values_KN = m.double().permute(1, 0, 2, 3).reshape(k, -1).numpy()
        parts.append(Moments.of(values_KN, zone_N, bands * columns))
    return functools.reduce(operator.add, parts)


@dataclass(frozen=True, slots=True)
class PlaceStatistics:
    """Mean and spread of K components per zone of normal video."""

    mean_KZ: NDArray[np.float32]
    spread_KZ: NDArray[np.float32]

    @classmethod
    def of(cls, moments: Moments, windows: int, bands: int, columns: int, prior_windows: float) -> Self:
        """From the moments of that many windows. prior_windows: windows of a whole zone to shrink by."""
        per_zone = float(moments.count_Z.sum()) / max(windows, 1) / (bands * columns)
        return cls(*moments.shrunk(bands, columns, prior_windows * per_zone))

    def z(self, maps_BKhw: Tensor, bands: int, columns: int, two_sided: tuple[bool, ...]) -> Tensor:
        """Raw component maps -> one map (B, h, w) in standard deviations of normal video at the same place."""
        import torch  # here, since exported models are scored without it

        zone = zones(maps_BKhw.shape[2], maps_BKhw.shape[3], bands, columns)
        z = (maps_BKhw - torch.from_numpy(self.mean_KZ[:, zone])) / torch.from_numpy(self.spread_KZ[:, zone])
        return torch.where(torch.tensor(two_sided)[:, None, None], z.abs(), z).mean(dim=1)


def top_mean(z_Bhw: Tensor, share: float) -> Tensor:
    """Mean of the highest ``share`` of a map's places (at least one): (B,)."""
    flat = z_Bhw.flatten(1)
    k = max(1, round(share * flat.shape[1]))
    return flat.topk(k, dim=1).values.mean(dim=1)
