"""train(): settings and sources put together, then the training itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normalcy.api.levels import train_level
from normalcy.config import Config
from normalcy.errors import ConfigError, WeightsError
from normalcy.presets import load_config
from normalcy.training.run import TrainResult
from normalcy.types import Progress
from normalcy.video.source import Sources, as_list, expand_all


def train(
    sources: Sources,
    out: str | Path,
    *,
    preset: str = "cpu",
    config: str | Path | None = None,
    sets: Sequence[str] = (),
    level: str | None = None,
    weights: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    seed: int | None = None,
    device: str = "auto",
    devices: int | None = None,
    flags: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn what is normal from videos in which nothing else happens, and write a model folder.

    Args:
        sources: normal video, one or several of: a video file, a folder of videos or of frames, a glob, ``@list.txt``.
        out: the model folder.
        preset: the settings to start from: tiny, cpu or paper.
        config: YAML or JSON file with settings.
        sets: ``key=value`` settings.
        level: what is looked at: frame, object or both; None for the setting ``level``.
        weights: Kinetics-400 weights for the encoder ``i3d``.
        resume: go on from the last checkpoint in ``out``.
        force: replace a model that is there.
        seed: of everything random; None for the setting ``seed``.
        device: auto, cpu or cuda.
        devices: how many processors, or GPUs, share every batch; None for the setting ``train.devices``.
        flags: dotted settings that win over all others.
        progress: called with (stage, done, total or None, figures).

    Returns:
        The folder, figures, the threshold in words, and videos that could not be read.

    Raises:
        SourceError, VideoError: nothing to train on. ConfigError, UsageError: the call is wrong, or would overwrite a model.
        WeightsError, TrainingError, OutputError: as their names say. KeyboardInterrupt: after Ctrl-C, checkpoint written.
    """
    chosen = dict(flags or {})
    if level is not None:
        chosen["level"] = level
    if weights is not None:
        chosen["encoder.weights"] = str(weights)
    if seed is not None:
        chosen["seed"] = seed
    if devices is not None:
        chosen["train.devices"] = devices
    cfg = load_config(preset, config, sets, chosen)
    _check_weights(cfg)
    return train_level(expand_all(as_list(sources)), Path(out), cfg, device, resume, force, progress)


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
