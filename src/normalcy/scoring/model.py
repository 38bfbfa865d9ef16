"""A trained detector: network, fitted readouts, and what their values are on normal video that they were not fitted on."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.errors import ModelError
from normalcy.nn.build import Network
from normalcy.nn.encoder import Encoder
from normalcy.nn.fold_batchnorm import folded
from normalcy.scoring.place import PlaceStatistics
from normalcy.scoring.readouts import Readout, build_readouts
from normalcy.scoring.scene import Signature, model_at, scenes_from, scenes_state, under
from normalcy.scoring.statistics import Normal, Raw, settle, top_mean
from normalcy.scoring.threshold import Threshold
from normalcy.scoring.windows import Windows


@dataclass(frozen=True, slots=True)
class Reading:
    """Calibrated reading of a batch of B windows."""

    values: NDArray[np.float64]
    """(B, R) value of each readout in standard deviations of normal video."""
    maps: NDArray[np.float32]
    """(B, h, w) fused map: 1 is as high as the highest place of all but 1 % of normal windows."""


class Model(Protocol):
    """A trained model of any level: whole frames, objects, or both."""

    cfg: Config
    hash: str
    """Of the model folder; empty for a model that never was in one."""

    @property
    def names(self) -> list[str]:
        """Readout names, in the order of every array of readouts."""
        ...

    @property
    def words(self) -> dict[str, str]:
        """Of each name, what a high value says of a place, an object or a frame: the end of a sentence."""
        ...

    @property
    def device(self) -> torch.device: ...

    @property
    def threshold(self) -> Threshold | None: ...

    @property
    def trained_fps(self) -> float: ...

    def with_config(self, cfg: Config) -> Self:
        """The same model with other settings for scoring; network and calibration are shared. This model stays as it is."""
        ...


class FrameModel:
    """Network and calibration. read() turns windows into calibrated values; everything it needs is stored in the model."""

    def __init__(self, cfg: Config, network: Network, readouts: list[Readout] | None = None) -> None:
        self.cfg = cfg
        self.network = network.eval()
        self.readouts = build_readouts(cfg) if readouts is None else readouts
        self.normal: list[Normal] = []
        self.scenes: list[tuple[Signature, FrameModel]] = []
        """Background and model of normal of each scene, where the training video shows more than one."""
        self.map_scale = 1.0
        self.threshold: Threshold | None = None
        self.trained_fps: float = 0.0
        self.hash = ""
        """Of the model folder that it was loaded from; empty for one that never was in a folder."""

    def with_config(self, cfg: Config) -> Self:
        """See Model."""
        other = copy.copy(self)
        other.cfg = cfg
        return other

    @property
    def names(self) -> list[str]:
        """Readout names, in the order of every array of readouts."""
        return [r.name for r in self.readouts]

    @property
    def words(self) -> dict[str, str]:
        """See Model."""
        return {r.name: r.words for r in self.readouts}

    @property
    def voices(self) -> list[str]:
        """The voice of each readout, in the same order."""
        return [r.voice for r in self.readouts]

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
    def observe(self, w: Windows) -> None:
        """Show the readouts one batch of windows of normal video."""
        for r in self.readouts:
            r.observe(w)

    def fit(self) -> None:
        """End of what observe() was shown."""
        for r in self.readouts:
            r.fit()

    def fit_density(self, windows: Iterable[Windows]) -> None:
        """Show the readouts all of some normal video."""
        for w in windows:
            self.observe(w)
        self.fit()

    def calibrate(self, windows: Iterable[Windows]) -> None:
        """Fit places and values on normal windows that the readouts were not fitted on."""
        raw = Raw(self.readouts)
        for w in windows:
            raw.add(w)
        settled = settle([raw], self.cfg.scoring)
        self.normal, self.map_scale = settled.whole, settled.map_scale

    def at(self, frames_NHWC: NDArray[np.uint8]) -> FrameModel:
        """The model of normal that these frames of one video are measured by: that of their scene, where there is one."""
        return model_at(frames_NHWC, self.scenes, self)

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
            v = value.cpu() if value is not None else top_mean(z, s.top)
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
        of_scenes, scalars["scenes"] = scenes_state(self.scenes)
        arrays |= of_scenes
        if self.threshold is not None:
            scalars["threshold"] = self.threshold.to_dict()
        return arrays, scalars

    @classmethod
    def from_state(
        cls, cfg: Config, network: Network, arrays: Mapping[str, NDArray[np.float32]], scalars: Mapping[str, Any]
    ) -> FrameModel:
        """The reverse of state(). Raises ModelError where the calibration does not fit the configuration."""
        model = cls(cfg, network)
        try:
            for r in model.readouts:
                own = under(f"{r.name}.", arrays)
                s = scalars["readouts"][r.name]
                place = PlaceStatistics(own["place_mean"], own["place_spread"])
                model.normal.append(Normal(place, s["centre"], s["scale"]))
                r.load(own)
            model.map_scale = float(scalars["map_scale"])
            model.trained_fps = float(scalars.get("trained_fps", 0.0))
            model.scenes = scenes_from(arrays, scalars["scenes"], lambda a, s: cls.from_state(cfg, network, a, s))
            if "threshold" in scalars:
                model.threshold = Threshold.from_dict(scalars["threshold"])
        except (KeyError, TypeError) as e:
            raise ModelError(f"the calibration holds nothing on {e}; was the model's configuration edited?") from e
        return model


def calibrate_folds(models: Sequence[FrameModel], raws: Sequence[Raw], whole: FrameModel) -> None:
    """Calibrate models that were each fitted on all folds of the normal video but one, and the one fitted on all of it.

    raws[k]: what models[k] reads in the fold that it was not fitted on (see :func:`settle`).
    """
    settled = settle(raws, whole.cfg.scoring)
    for model, normal in zip((*models, whole), (*settled.folds, settled.whole), strict=True):
        model.normal, model.map_scale = normal, settled.map_scale
