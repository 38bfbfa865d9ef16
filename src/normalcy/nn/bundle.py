"""The model folder: everything a score depends on, as plain files. Never a pickle.

``model.safetensors`` the network, ``calibration.safetensors`` and ``calibration.json`` what was fitted on normal
video (arrays and single values), ``exemplars.safetensors`` small pictures of it (normalcy.scoring.exemplars;
not every model has them), ``config.json`` format, version, configuration and the check sums of the others,
``README.md`` the card. ``config.json`` is written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from normalcy.config import Config
from normalcy.errors import ConfigError, ModelError
from normalcy.files import remove, write_files
from normalcy.nn.build import Network, build_network, channels_last
from normalcy.presets import stored_config
from normalcy.versions import version

FORMAT = 3
CLASS = "normalcy-model"
MODEL, ARRAYS, SCALARS, CONFIG, CARD = (
    "model.safetensors",
    "calibration.safetensors",
    "calibration.json",
    "config.json",
    "README.md",
)


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


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(value: Any, what: str) -> bytes:
    def plain(o: Any) -> Any:
        if isinstance(o, np.generic):
            return o.item()
        if isinstance(o, Path):
            return str(o)
        raise TypeError(f"{what}: a {type(o).__name__} cannot be stored")

    try:
        return (json.dumps(value, indent=2, default=plain, allow_nan=False) + "\n").encode()
    except ValueError as e:
        raise ValueError(f"{what}: a value is not a finite number: {e}") from e


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
    arrays = {k: np.ascontiguousarray(v) for k, v in calibration.items() if isinstance(v, np.ndarray)}
    scalars = {k: v for k, v in calibration.items() if k not in arrays}
    files = {
        MODEL: safetensors.torch.save(state),
        ARRAYS: safetensors.numpy.save(arrays),
        SCALARS: _json(scalars, "calibration"),
        **{name: data for name, data in (beside or {}).items() if data is not None},
    }
    head = {
        "class": CLASS,
        "format_version": FORMAT,
        "normalcy_version": version(),
        "sha256": {name: _digest(data) for name, data in files.items()},
        "extra": dict(extra or {}),
        "config": config.model_dump(mode="json"),
    }
    write_files(Path(folder), {**files, CARD: card.encode(), CONFIG: _json(head, "config")})
    for name, data in (beside or {}).items():
        if data is None:
            remove(Path(folder) / name)


def file_of_model(folder: Path, name: str) -> bytes | None:
    """The content of a file that a model keeps beside its own; None for a model without it.

    Raises ModelError where it is missing though the model lists it, or is not the one that was written with it.
    """
    head = _head(folder / CONFIG, _read(folder / CONFIG))
    if name not in head["sha256"]:
        return None
    data = _read(folder / name)
    if head["sha256"][name] != _digest(data):
        raise ModelError(f"{folder / name}: damaged, or not written together with {CONFIG}; copy the whole folder again")
    return data


def load_bundle(folder: str | Path, device: str | torch.device = "cpu") -> Bundle:
    """Read a model folder.

    Raises ModelError, naming the file: missing, damaged, of another format, or a network that does not fit its configuration.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{folder}: not a model folder: {CONFIG} is missing; train one with: normalcy train")
    head_bytes = _read(folder / CONFIG)
    head = _head(folder / CONFIG, head_bytes)
    blobs = {name: _read(folder / name) for name in (MODEL, ARRAYS, SCALARS)}
    for name, data in blobs.items():
        if head["sha256"].get(name) != _digest(data):
            raise ModelError(
                f"{folder / name}: damaged, or not written together with {CONFIG}; copy the whole folder again or train anew"
            )
    try:
        config = stored_config(head["config"], str(folder / CONFIG))
    except ConfigError as e:
        raise ModelError(f"{e}; written by Normalcy {head.get('normalcy_version', 'unknown')}, this is {version()}") from e
    network = _network(config, _tensors(folder / MODEL, blobs[MODEL]), folder / MODEL)
    try:
        arrays = safetensors.numpy.load(blobs[ARRAYS])
        scalars = json.loads(blobs[SCALARS])
    except (SafetensorError, ValueError) as e:
        raise ModelError(f"{folder}: the calibration cannot be read: {e}") from e
    whole = _digest(b"".join([head_bytes, *(blobs[n] for n in (MODEL, ARRAYS, SCALARS))]))
    return Bundle(folder, channels_last(network.to(device).eval()), config, arrays, scalars, head.get("extra", {}), whole)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: missing; the model folder is not whole") from None
    except OSError as e:
        raise ModelError(f"{path}: cannot be read: {e.strerror or e}") from e


def _head(path: Path, data: bytes) -> dict[str, Any]:
    try:
        head = json.loads(data)
    except ValueError as e:
        raise ModelError(f"{path}: damaged, not JSON: {e}") from e
    if not isinstance(head, dict) or head.get("class") != CLASS or not isinstance(head.get("format_version"), int):
        raise ModelError(f"{path}: this is not the configuration of a Normalcy model")
    if head["format_version"] > FORMAT:
        raise ModelError(
            f"{path}: written by a newer Normalcy (format {head['format_version']}); this is format {FORMAT}: upgrade Normalcy"
        )
    if head["format_version"] < FORMAT:
        raise ModelError(
            f"{path}: written by an older Normalcy (format {head['format_version']}, this is {FORMAT}), which measured normal "
            "in another way: train the model again"
        )
    if not isinstance(head.get("config"), dict) or not isinstance(head.get("sha256"), dict):
        raise ModelError(f"{path}: damaged: config or sha256 is missing")
    return head


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
