"""A trained detector: network, fitted readouts, and what their values are on held-out normal video."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normalcy.config import Config
from normalcy.errors import ModelError, TrainingError
from normalcy.nn.build import Network
from normalcy.nn.encoder import Encoder
from normalcy.nn.fold import folded
from normalcy.scoring.place import PlaceStatistics
from normalcy.scoring.readouts import Readout, build_readouts
from normalcy.scoring.threshold import Threshold
from normalcy.scoring.windows import Windows

SHRINK = 50.0
"""Windows that a zone's own statistics are mixed with: a zone that hardly saw anything leans on its band of rows."""


@dataclass(frozen=True, slots=True)
class Normal:
    """What one readout looks like on held-out normal video."""

    place: PlaceStatistics
    """Mean and spread of each component's map, by zone."""
    centre: float
    """Median of the window's value."""
    scale: float
    """Standard deviation of the window's value, from the quartiles where those tell it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Calibrated reading of a batch of B windows."""

    values: NDArray[np.float64]
    """(B, R) value of each readout in standard deviations of held-out normal video."""
    maps: NDArray[np.float32]
    """(B, h, w) fused map: 1 is as high as the highest place of all but 1 % of normal windows."""


class Model:
    """Network and calibration. read() turns windows into calibrated values; everything it needs is stored in the model."""

    def __init__(self, cfg: Config, network: Network, readouts: list[Readout] | None = None) -> None:
        self.cfg = cfg
        self.network = network.eval()
        self.readouts = build_readouts(cfg) if readouts is None else readouts
        self.normal: list[Normal] = []
        self.map_scale = 1.0
        self.threshold: Threshold | None = None
        self.trained_fps: float = 0.0
        self.hash = ""
        """Of the model folder that it was loaded from; empty for one that never was in a folder."""

    @property
    def names(self) -> list[str]:
        """Readout names, in the order of every array of readouts."""
        return [r.name for r in self.readouts]

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def windows(self, frames_NHWC: NDArray[np.uint8], index_BT: NDArray[np.int64]) -> Windows:
        """Put windows on the model's device: (N, H, W, 3) uint8 frames, and which of them are in each window (B, T)."""
        frames, index = torch.from_numpy(frames_NHWC).to(self.device), torch.from_numpy(index_BT).to(self.device)
        return Windows(self.network, frames, index, self.cfg.scoring.precision, self._encoder)

    @cached_property
    def _encoder(self) -> Encoder:
        return folded(self.network.encoder)

    @torch.inference_mode()
    def fit_density(self, windows: Iterable[Windows]) -> None:
        """Show the readouts normal training video."""
        for w in windows:
            for r in self.readouts:
                r.observe(w)
        for r in self.readouts:
            r.fit()

    @torch.inference_mode()
    def calibrate(self, windows: Iterable[Windows]) -> int:
        """Fit places and values on held-out normal windows; returns how many there were. Maps are kept, so cap the input."""
        raw: list[list[Tensor]] = [[] for _ in self.readouts]
        own: list[list[Tensor]] = [[] for _ in self.readouts]
        for w in windows:
            for i, r in enumerate(self.readouts):
                maps = r.maps(w)
                value = r.values(w, maps)
                raw[i].append(maps.cpu())
                if value is not None:
                    own[i].append(value.cpu())
        if not raw[0]:
            raise TrainingError("no normal video is left to calibrate on; give more or longer training video")
        bands, columns = self.cfg.scoring.bands, self.cfg.scoring.columns
        self.normal, fused = [], None
        for r, all_maps, values in zip(self.readouts, raw, own, strict=True):
            place = PlaceStatistics.fit(all_maps, bands, columns, SHRINK)
            z = [place.z(m, bands, columns, r.two_sided) for m in all_maps]
            v = torch.cat(values) if values else torch.cat([_top_mean(m, self.cfg.scoring.top) for m in z])
            self.normal.append(Normal(place, *_centre_and_scale(v.double().numpy())))
            if r.local:
                squashed = [torch.asinh(m) for m in z]
                fused = squashed if fused is None else [a + b for a, b in zip(fused, squashed, strict=True)]
        self._fit_map_scale(fused)
        return sum(len(m) for m in raw[0])

    def _fit_map_scale(self, fused: list[Tensor] | None) -> None:
        if fused is not None:
            n = sum(r.local for r in self.readouts)
            peaks = torch.cat([m.flatten(1).amax(dim=1) for m in fused]) / n
            self.map_scale = max(float(torch.quantile(peaks, 0.99)), 1e-3)

    @torch.inference_mode()
    def read(self, w: Windows) -> Reading:
        """Calibrated values and map of windows. Raises ModelError for a model that was never calibrated."""
        if not self.normal:
            raise ModelError("this model was not calibrated on normal video; train it to the end")
        s = self.cfg.scoring
        values, fused, local = [], torch.zeros(len(w), *w.grid), 0
        for r, normal in zip(self.readouts, self.normal, strict=True):
            maps = r.maps(w)
            value = r.values(w, maps)
            z = normal.place.z(maps.cpu(), s.bands, s.columns, r.two_sided)
            v = value.cpu() if value is not None else _top_mean(z, s.top)
            values.append((v.double().numpy() - normal.centre) / normal.scale)
            if r.local:
                fused = fused + torch.asinh(z)
                local += 1
        return Reading(np.stack(values, axis=1), (fused / max(local, 1) / self.map_scale).numpy())

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder."""
        arrays: dict[str, NDArray[np.float32]] = {}
        scalars: dict[str, Any] = {"map_scale": self.map_scale, "trained_fps": self.trained_fps, "readouts": {}}
        for r, n in zip(self.readouts, self.normal, strict=True):
            arrays |= {f"{r.name}.{k}": np.ascontiguousarray(v) for k, v in r.state().items()}
            arrays |= {f"{r.name}.place_mean": n.place.mean_KZ, f"{r.name}.place_spread": n.place.spread_KZ}
            scalars["readouts"][r.name] = {"centre": n.centre, "scale": n.scale}
        if self.threshold is not None:
            scalars["threshold"] = self.threshold.to_dict()
        return arrays, scalars

    @classmethod
    def from_state(
        cls, cfg: Config, network: Network, arrays: Mapping[str, NDArray[np.float32]], scalars: Mapping[str, Any]
    ) -> Model:
        """The reverse of state(). Raises ModelError where the calibration does not fit the configuration."""
        model = cls(cfg, network)
        try:
            for r in model.readouts:
                own = {k.removeprefix(f"{r.name}."): v for k, v in arrays.items() if k.startswith(f"{r.name}.")}
                s = scalars["readouts"][r.name]
                place = PlaceStatistics(own["place_mean"], own["place_spread"])
                model.normal.append(Normal(place, s["centre"], s["scale"]))
                r.load(own)
            model.map_scale = float(scalars["map_scale"])
            model.trained_fps = float(scalars.get("trained_fps", 0.0))
            if "threshold" in scalars:
                model.threshold = Threshold.from_dict(scalars["threshold"])
        except (KeyError, TypeError) as e:
            raise ModelError(f"the calibration holds nothing on {e}; was the model's configuration edited?") from e
        return model


def _top_mean(z_Bhw: Tensor, share: float) -> Tensor:
    """Mean of the highest ``share`` of a map's places (at least one): (B,)."""
    flat = z_Bhw.flatten(1)
    k = max(1, round(share * flat.shape[1]))
    return flat.topk(k, dim=1).values.mean(dim=1)


def _centre_and_scale(v: NDArray[np.float64]) -> tuple[float, float]:
    """Median, and the standard deviation that the quartiles of a Gaussian would imply, never under a third of the plain one.

    Quartiles resist a few odd windows; the floor keeps a nearly constant readout from dominating the fusion.
    """
    q1, median, q3 = np.quantile(v, [0.25, 0.5, 0.75])
    return float(median), float(max((q3 - q1) / 1.349, v.std() / 3.0, 1e-6))
