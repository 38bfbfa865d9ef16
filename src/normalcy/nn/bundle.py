"""The model folder: everything a score depends on, as plain files. Never a pickle.

Its files and what checks them are in :mod:`normalcy.nn.stored`; here its network is built and filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from normalcy.config import Config
from normalcy.errors import ModelError
from normalcy.nn.build import Network, build_network, channels_last
from normalcy.nn.stored import ARRAYS, CARD, CONFIG, FORMAT, MODEL, SCALARS, Stored, read_stored, write_stored

__all__ = ["ARRAYS", "CARD", "CONFIG", "FORMAT", "MODEL", "SCALARS", "Bundle", "load_bundle", "save_bundle", "with_network"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded model folder."""

    folder: Path
    network: Network = field(repr=False)
    """In evaluation mode, on the device asked for."""
    config: Config = field(repr=False)
    arrays: Mapping[str, NDArray[Any]] = field(repr=False)
    """Calibration arrays by name."""
    scalars: Mapping[str, Any] = field(repr=False)
    """The other calibration values by name."""
    extra: Mapping[str, Any] = field(repr=False)
    """What the trainer added to config.json: data, steps, seed."""
    hash: str
    """sha256 (hex) over network, calibration and configuration; the card does not count."""


def save_bundle(
    folder: str | Path,
    network: Network,
    config: Config,
    calibration: Mapping[str, Any],
    card: str,
    extra: Mapping[str, Any] | None = None,
    beside: Mapping[str, bytes | None] | None = None,
) -> None:
    """Write the model folder. Other files in it (checkpoints, logs) stay; a failure leaves the model that was there.

    calibration: numpy arrays by name, and any JSON-able value by name. card: text of README.md. extra: JSON-able facts about
    the training. beside: content of further files, None for one that the model has not, which goes if an earlier one had it.
    Raises OutputError where it cannot be written, ValueError for a calibration value that is not finite.
    """
    state = {k: v.detach().to("cpu").contiguous() for k, v in network.state_dict().items()}
    write_stored(Path(folder), config, safetensors.torch.save(state), calibration, card, extra, beside)


def load_bundle(folder: str | Path, device: str | torch.device = "cpu") -> Bundle:
    """Read a model folder.

    Raises ModelError, naming the file: missing, damaged, of another format, or a network that does not fit its configuration.
    """
    return with_network(read_stored(folder), device)


def with_network(s: Stored, device: str | torch.device = "cpu") -> Bundle:
    """A folder that was read, with its network. Raises ModelError for a network that does not fit its configuration."""
    network = _network(s.config, _tensors(s.folder / MODEL, s.blobs[MODEL]), s.folder / MODEL)
    return Bundle(s.folder, channels_last(network.to(device).eval()), s.config, s.arrays, s.scalars, s.extra, s.hash)


def _tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(data)
    except SafetensorError as e:
        raise ModelError(f"{path}: damaged: {e}") from e
    return tensors


def _network(config: Config, state: Mapping[str, Tensor], path: Path) -> Network:
    # Building draws random weights; loading a model must not move the caller's random numbers.
    with torch.random.fork_rng(devices=[]):
        network = build_network(config)
    own = network.state_dict()
    for name in sorted(own.keys() | state.keys()):
        if name not in state or name not in own:
            raise ModelError(
                f"{path}: does not fit its {CONFIG}: tensor {name} is {'missing' if name in own else 'not expected'}"
            )
        if state[name].shape != own[name].shape:
            raise ModelError(
                f"{path}: does not fit its {CONFIG}: tensor {name} has shape {tuple(state[name].shape)}, "
                f"expected {tuple(own[name].shape)}"
            )
    network.load_state_dict(dict(state))
    return network
