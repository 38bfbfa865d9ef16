"""train(): settings and sources put together, then the training itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normalcy.api import Progress, Sources
from normalcy.api.levels import train_level
from normalcy.api.sources import listed
from normalcy.config import Config
from normalcy.errors import ConfigError, WeightsError
from normalcy.presets import load_config
from normalcy.training.run import TrainResult
from normalcy.video.source import expand_all


def train(
    sources: Sources,
    out: str | Path,
    *,
    preset: str,
    config: str | Path | None,
    sets: Sequence[str],
    level: str | None,
    weights: str | Path | None,
    resume: bool,
    force: bool,
    seed: int | None,
    device: str,
    flags: Mapping[str, Any] | None,
    progress: Progress | None,
) -> TrainResult:
    """See :func:`normalcy.api.train`."""
    chosen = dict(flags or {})
    if level is not None:
        chosen["level"] = level
    if weights is not None:
        chosen["encoder.weights"] = str(weights)
    if seed is not None:
        chosen["seed"] = seed
    cfg = load_config(preset, config, sets, chosen)
    _check_weights(cfg)
    return train_level(expand_all(listed(sources)), Path(out), cfg, device, resume, force, progress)


def _check_weights(cfg: Config) -> None:
    """Before hours of decoding, not after."""
    if cfg.encoder.weights is None:
        return
    if cfg.encoder.name != "i3d":
        raise ConfigError(
            f"encoder.weights is {cfg.encoder.weights}, and the encoder '{cfg.encoder.name}' has no pretrained weights; "
            "choose --preset paper or set encoder.name=i3d"
        )
    if not Path(cfg.encoder.weights).is_file():
        raise WeightsError(f"{cfg.encoder.weights}: no such weights file")
