"""How far a feature lies from those of normal video at the same place: a Gaussian, fitted on normal video only.

Each feature is standardised by mean and spread of its zone, which say what is usual there; how features go together (their
correlation) is kept per band of rows, which sees far more video than a zone does.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normalcy.config import Config
from normalcy.errors import ModelError, TrainingError
from normalcy.scoring.centres import Centres, features_at
from normalcy.scoring.place import Moments, zones
from normalcy.scoring.readout import Arrays, FrameReadout
from normalcy.scoring.windows import Windows

MAX_SAMPLES = 20_000
"""Feature vectors kept per band: a correlation of 64 to 1024 dimensions does not gain from more."""
MAX_FLOATS = 20_000_000
"""Numbers that one density keeps, so that a long video with wide features stays within memory. Calibration fits six at once."""
PRIOR = 200.0
"""Feature vectors of its band that a zone's mean and spread are mixed with."""


class ZoneReservoir:
    """A random sample of feature vectors per zone, spread over all batches, in bounded memory."""

    def __init__(self, bands: int, columns: int, seed: int = 0, capacity: int | None = None) -> None:
        self.bands, self.columns = bands, columns
        self._capacity = capacity
        self._kept: list[list[NDArray[np.float32]]] = [[] for _ in range(bands * columns)]
        self._seen = [0] * (bands * columns)
        self._rng = np.random.default_rng(seed)

    def add(self, f_BDhw: Tensor) -> None:
        """Take in features (B, D, h, w)."""
        b, d, h, w = f_BDhw.shape
        x = f_BDhw.permute(2, 3, 0, 1).reshape(h * w, b, d).cpu().numpy().astype(np.float32)
        zone = zones(h, w, self.bands, self.columns).ravel()
        capacity = self._room(d)
        for i, kept in enumerate(self._kept):
            vectors = x[zone == i].reshape(-1, d)
            if not len(vectors):
                continue
            # Later batches are kept with falling probability, so that a long video does not grow memory without bound.
            self._seen[i] += len(vectors)
            chance = min(1.0, capacity / self._seen[i])
            kept.append(vectors[self._rng.random(len(vectors)) < chance])
            if sum(map(len, kept)) > 2 * capacity:
                self._kept[i] = [self._thin(np.concatenate(kept), capacity)]

    def _room(self, d: int) -> int:
        if self._capacity is not None:
            return self._capacity
        return max(1, min(MAX_SAMPLES // self.columns, MAX_FLOATS // (len(self._kept) * d)))

    def _thin(self, x: NDArray[np.float32], capacity: int) -> NDArray[np.float32]:
        if len(x) <= capacity:
            return x
        return x[self._rng.choice(len(x), capacity, replace=False)]

    def vectors(self) -> list[NDArray[np.float32]]:
        """The kept vectors of each zone, (n, D); (0, 0) for a zone that saw nothing."""
        kept = [np.concatenate(k) if k else np.empty((0, 0), np.float32) for k in self._kept]
        return [self._thin(k, self._room(k.shape[1])) if len(k) else k for k in kept]


class PlaceGaussian:
    """Mean and spread per zone, whitening matrix per band. distance() is the Mahalanobis distance divided by sqrt(D)."""

    def __init__(self, mean_ZD: Tensor, spread_ZD: Tensor, whiten_bDE: Tensor) -> None:
        self.mean_ZD, self.spread_ZD, self.whiten_bDE = mean_ZD, spread_ZD, whiten_bDE

    @classmethod
    def fit(cls, vectors: list[NDArray[np.float32]], bands: int, columns: int) -> PlaceGaussian:
        """From the vectors of each zone. The correlation is Ledoit-Wolf's estimate.

        Bands with fewer vectors than dimensions use all bands together, since their own correlation means nothing.
        Raises TrainingError if there are no vectors at all.
        """
        from sklearn.covariance import ledoit_wolf

        zone_N = np.repeat(np.arange(len(vectors)), [len(v) for v in vectors])
        if not len(zone_N):
            raise TrainingError("no normal video is left to fit the density on; give more or longer training video")
        x_ND = np.concatenate([v for v in vectors if len(v)]).astype(np.float64)
        mean_DZ, spread_DZ = Moments.of(x_ND.T, zone_N, bands * columns).shrunk(bands, columns, PRIOR)
        z_ND = (x_ND - mean_DZ.T[zone_N]) / spread_DZ.T[zone_N]
        whites = []
        for b in range(bands):
            own = z_ND[zone_N // columns == b]
            cov, _ = ledoit_wolf(own if len(own) >= max(2, x_ND.shape[1]) else z_ND)
            values, vecs = np.linalg.eigh(cov)
            # A dead ReLU channel has no variance: without a floor its first flicker would be infinitely abnormal.
            values = np.maximum(values, 1e-3 * max(values.mean(), 1e-9))
            whites.append(vecs / np.sqrt(values))
        whiten_bDE = torch.from_numpy(np.stack(whites).astype(np.float32))
        mean_ZD, spread_ZD = (torch.from_numpy(np.ascontiguousarray(a.T)) for a in (mean_DZ, spread_DZ))
        return cls(mean_ZD, spread_ZD, whiten_bDE)

    def state(self) -> dict[str, NDArray[np.float32]]:
        """What was fitted, for the model folder."""
        return {"mean": self.mean_ZD.numpy(), "spread": self.spread_ZD.numpy(), "whiten": self.whiten_bDE.numpy()}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[np.float32]]) -> PlaceGaussian:
        """The reverse of state(). Raises KeyError for what is missing."""
        return cls(*(torch.from_numpy(np.array(arrays[k])) for k in ("mean", "spread", "whiten")))

    def distance(self, f_BDhw: Tensor) -> Tensor:
        """(B, D, h, w) -> (B, h, w), about 1 for features like those of the fitted video at the same place."""
        bands = len(self.whiten_bDE)
        columns = len(self.mean_ZD) // bands
        zone_hw = torch.from_numpy(zones(f_BDhw.shape[2], f_BDhw.shape[3], bands, columns)).to(f_BDhw.device)
        mean_hwD, spread_hwD = self.mean_ZD.to(f_BDhw.device)[zone_hw], self.spread_ZD.to(f_BDhw.device)[zone_hw]
        white_hDE = self.whiten_bDE.to(f_BDhw.device)[zone_hw[:, 0] // columns]
        standard_BhwD = (f_BDhw.permute(0, 2, 3, 1) - mean_hwD) / spread_hwD
        z_BhwE = torch.einsum("bhwd,hde->bhwe", standard_BhwD, white_hDE)
        return z_BhwE.square().mean(dim=-1).sqrt()


class FeatureDensity:
    """A PlaceGaussian from features that are shown one batch after the other."""

    def __init__(self, bands: int, columns: int, seed: int) -> None:
        self._zoning = bands, columns
        self._reservoir = ZoneReservoir(bands, columns, seed)
        self._gaussian: PlaceGaussian | None = None

    def observe(self, f_BDhw: Tensor) -> None:
        """Take in features of normal video."""
        self._reservoir.add(f_BDhw)

    def fit(self) -> None:
        """End of the normal video. Raises TrainingError if there was none."""
        self._gaussian = PlaceGaussian.fit(self._reservoir.vectors(), *self._zoning)
        self._reservoir = ZoneReservoir(*self._zoning)

    def distance(self, f_BDhw: Tensor) -> Tensor:
        """See PlaceGaussian. Raises ModelError before fit()."""
        return self.gaussian.distance(f_BDhw)

    @property
    def gaussian(self) -> PlaceGaussian:
        """What was fitted. Raises ModelError before fit()."""
        if self._gaussian is None:
            raise ModelError("the density of normal features was not fitted; train the model to the end")
        return self._gaussian

    def state(self) -> Arrays:
        return {} if self._gaussian is None else self._gaussian.state()

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._gaussian = PlaceGaussian.from_state(arrays)


class Density(FrameReadout):
    """R4: distance of each place's feature from those of normal video in the same zone of the picture."""

    name = "density"
    words = "looks or moves unlike anything in the normal video"

    def __init__(self, cfg: Config) -> None:
        super().__init__(cfg)
        self._density = FeatureDensity(*self.zoning, cfg.seed)
        self._centres: Centres | None = None

    @property
    def zoning(self) -> tuple[int, int]:
        """(bands, columns) of the zones."""
        return self.cfg.scoring.bands, self.cfg.scoring.columns

    def features(self, w: Windows) -> Tensor:
        """The features (B, D, h, w) whose density is measured."""
        return w.pooled

    def observe(self, x: Windows) -> None:
        self._density.observe(self.features(x))

    def fit(self) -> None:
        self._density.fit()

    def maps(self, w: Windows) -> Tensor:
        f = self.features(w)
        distance = self._density.distance(f)
        if self._centres is not None:
            g = self._density.gaussian
            distance = torch.minimum(distance, self._centres.distance(f, g.spread_ZD, g.whiten_bDE))
        return distance.unsqueeze(1)

    def lesson(self, w: Windows, unusual_Bhw: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        spread_D = self._density.gaussian.spread_ZD.mean(dim=0)
        if self.local:
            return features_at(self.features(w), unusual_Bhw, spread_D, anywhere=False)
        some_B = np.asarray(unusual_Bhw.any(axis=(1, 2))).reshape(-1, 1, 1)
        return features_at(self.features(w), some_B, spread_D, anywhere=True)

    def taught(self, lessons: Sequence[Mapping[str, NDArray[Any]]]) -> Self:
        other = copy.copy(self)
        other._centres = Centres.of(list(lessons))
        return other

    def state(self) -> Arrays:
        return self._density.state()

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._density.load(arrays)


class FrameDensity(Density):
    """The coarse grain of R4: the density of the feature averaged over the whole frame.

    Sees what no single place shows: a crowd that runs, or a square that is empty when it never was.
    """

    name = "frame_density"
    words = "the frame as a whole is unlike any in the normal video"
    local = False

    @property
    def zoning(self) -> tuple[int, int]:
        return 1, 1

    def features(self, w: Windows) -> Tensor:
        return w.pooled.mean(dim=(2, 3), keepdim=True)

    def maps(self, w: Windows) -> Tensor:
        return super().maps(w).expand(-1, -1, *w.grid)
