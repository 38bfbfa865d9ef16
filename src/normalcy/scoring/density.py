"""How far a feature lies from those of normal video: a Gaussian for each band of image rows, fitted on normal video only.

Conditioning on the image row stands in for perspective: far people are small and slow in pixels, near ones large and fast.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normalcy.errors import TrainingError

MAX_SAMPLES = 20_000
"""Feature vectors kept per band: a covariance of 64 to 1024 dimensions does not gain from more."""


def band_of_row(h: int, bands: int) -> NDArray[np.int64]:
    """(h,) index of the band that each row of a map belongs to; bands are equal shares of the picture's height."""
    return np.minimum((np.arange(h) + 0.5) / h * bands, bands - 1).astype(np.int64)


class BandReservoir:
    """A random sample of feature vectors per band, spread over all batches, in bounded memory."""

    def __init__(self, bands: int, seed: int = 0, capacity: int = MAX_SAMPLES) -> None:
        self.bands = bands
        self.capacity = capacity
        self._kept: list[list[NDArray[np.float32]]] = [[] for _ in range(bands)]
        self._seen = [0] * bands
        self._rng = np.random.default_rng(seed)

    def add(self, f_BDhw: Tensor) -> None:
        """Take in features (B, D, h, w)."""
        x = f_BDhw.permute(2, 0, 3, 1).cpu().numpy().astype(np.float32)  # h, B, w, D
        rows = band_of_row(x.shape[0], self.bands)
        for b in range(self.bands):
            vectors = x[rows == b].reshape(-1, x.shape[-1])
            if not len(vectors):
                continue
            # Later batches are kept with falling probability, so that a long video does not grow memory without bound.
            self._seen[b] += len(vectors)
            chance = min(1.0, self.capacity / self._seen[b])
            self._kept[b].append(vectors[self._rng.random(len(vectors)) < chance])
            if sum(map(len, self._kept[b])) > 2 * self.capacity:
                self._kept[b] = [self._thin(np.concatenate(self._kept[b]))]

    def _thin(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(x) <= self.capacity:
            return x
        return x[self._rng.choice(len(x), self.capacity, replace=False)]

    def vectors(self) -> list[NDArray[np.float32]]:
        """The kept vectors of each band, (n, D)."""
        return [self._thin(np.concatenate(k)) if k else np.empty((0, 0), np.float32) for k in self._kept]


class BandGaussian:
    """Mean and whitening matrix per band. distance() is the Mahalanobis distance per place, divided by sqrt(D)."""

    def __init__(self, mean_bD: Tensor, whiten_bDE: Tensor) -> None:
        self.mean_bD = mean_bD
        self.whiten_bDE = whiten_bDE

    @classmethod
    def fit(cls, vectors: list[NDArray[np.float32]]) -> BandGaussian:
        """Ledoit-Wolf covariance per band, in units of the pooled spread of each dimension.

        Bands with fewer vectors than dimensions use all bands together, since their own covariance means nothing.
        Raises TrainingError if there are no vectors at all.
        """
        from sklearn.covariance import ledoit_wolf

        filled = [v for v in vectors if len(v)]
        if not filled:
            raise TrainingError("no normal video is left to fit the density on; give more or longer training video")
        pooled = np.concatenate(filled).astype(np.float64)
        unit = pooled.std(axis=0) + 1e-6
        means, whites = [], []
        for v in vectors:
            x = v.astype(np.float64) if len(v) >= max(2, v.shape[-1]) else pooled
            cov, _ = ledoit_wolf((x - x.mean(axis=0)) / unit)
            values, vecs = np.linalg.eigh(cov)
            # A dead ReLU channel has no variance: without a floor its first flicker would be infinitely abnormal.
            values = np.maximum(values, 1e-3 * max(values.mean(), 1e-9))
            means.append(x.mean(axis=0))
            whites.append((vecs / np.sqrt(values)) / unit[:, None])
        return cls(torch.from_numpy(np.stack(means).astype(np.float32)), torch.from_numpy(np.stack(whites).astype(np.float32)))

    def distance(self, f_BDhw: Tensor) -> Tensor:
        """(B, D, h, w) -> (B, h, w), about 1 for features like those of the fitted video."""
        rows = torch.from_numpy(band_of_row(f_BDhw.shape[2], len(self.mean_bD))).to(f_BDhw.device)
        mean_hD = self.mean_bD.to(f_BDhw.device)[rows]
        white_hDE = self.whiten_bDE.to(f_BDhw.device)[rows]
        centred_BhwD = f_BDhw.permute(0, 2, 3, 1) - mean_hD[None, :, None, :]
        z_BhwE = torch.einsum("bhwd,hde->bhwe", centred_BhwD, white_hDE)
        return z_BhwE.square().mean(dim=-1).sqrt()
