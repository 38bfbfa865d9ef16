"""The model folder without its network: configuration and calibration, checked against their check sums. No torch here.

``model.safetensors`` the network, ``calibration.safetensors`` and ``calibration.json`` what was fitted on normal
video (arrays and single values), ``config.json`` format, version, configuration and the check sums of the others,
``exemplars.safetensors`` small pictures of it (normalcy.scoring.exemplars; not every model has them), ``README.md`` the card.
An exported model has graphs beside them, which ``config.json`` lists under ``export``.
``config.json`` is written last.
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
from numpy.typing import NDArray
from safetensors import SafetensorError

from normalcy.config import Config
from normalcy.errors import ConfigError, ModelError
from normalcy.files import remove, write_files
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
class Stored:
    """A model folder that was read, its network still as bytes."""

    folder: Path
    config: Config = field(repr=False)
    arrays: Mapping[str, NDArray[Any]] = field(repr=False)
    """Calibration arrays by name."""
    scalars: Mapping[str, Any] = field(repr=False)
    """The other calibration values by name."""
    extra: Mapping[str, Any] = field(repr=False)
    """What the trainer added to config.json: data, steps, seed."""
    hash: str
    """sha256 (hex) over network, calibration and configuration; the card does not count, graphs do."""
    blobs: Mapping[str, bytes] = field(repr=False)
    """Contents of the other checked files by name: the network's tensors, and graphs."""
    export: Mapping[str, Any] = field(repr=False)
    """What an export wrote into config.json; empty for a model as training wrote it."""


def write_stored(
    folder: Path,
    config: Config,
    network: bytes,
    calibration: Mapping[str, Any],
    card: str,
    extra: Mapping[str, Any] | None = None,
    beside: Mapping[str, bytes | None] | None = None,
    export: Mapping[str, Any] | None = None,
) -> None:
    """Write a model folder. Other files in it (checkpoints, logs) stay; a failure leaves the model that was there.

    network: contents of model.safetensors. calibration: numpy arrays by name, and any JSON-able value by name. card: text of
    README.md. extra, export: JSON-able facts about training and export. beside: content of further files, None for one that the
    model has not, which goes if an earlier one had it.
    Raises OutputError where it cannot be written, ValueError for a calibration value that is not finite.
    """
    arrays = {k: np.ascontiguousarray(v) for k, v in calibration.items() if isinstance(v, np.ndarray)}
    scalars = {k: v for k, v in calibration.items() if k not in arrays}
    files = {
        MODEL: network,
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
        **({"export": dict(export)} if export else {}),
        "config": config.model_dump(mode="json"),
    }
    write_files(folder, {**files, CARD: card.encode(), CONFIG: _json(head, "config")})
    for name, data in (beside or {}).items():
        if data is None:
            remove(folder / name)


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


def names_beside(folder: Path) -> list[str]:
    """Files that a model keeps beside its own."""
    head = _head(folder / CONFIG, _read(folder / CONFIG))
    return sorted(set(head["sha256"]) - {MODEL, ARRAYS, SCALARS})


def read_stored(folder: str | Path) -> Stored:
    """Read a model folder without building its network.

    Raises ModelError, naming the file: missing, damaged, of another format, or with a configuration of another version.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{folder}: not a model folder: {CONFIG} is missing; train one with: normalcy train")
    head_bytes = _read(folder / CONFIG)
    head = _head(folder / CONFIG, head_bytes)
    export = head.get("export") or {}
    names = (MODEL, ARRAYS, SCALARS, *_graphs(folder / CONFIG, export))
    blobs = {name: _read(folder / name) for name in names}
    for name, data in blobs.items():
        if head["sha256"].get(name) != _digest(data):
            raise ModelError(
                f"{folder / name}: damaged, or not written together with {CONFIG}; copy the whole folder again or train anew"
            )
    try:
        config = stored_config(head["config"], str(folder / CONFIG))
    except ConfigError as e:
        raise ModelError(f"{e}; written by Normalcy {head.get('normalcy_version', 'unknown')}, this is {version()}") from e
    try:
        arrays = safetensors.numpy.load(blobs[ARRAYS])
        scalars = json.loads(blobs[SCALARS])
    except (SafetensorError, ValueError) as e:
        raise ModelError(f"{folder}: the calibration cannot be read: {e}") from e
    whole = _digest(b"".join([head_bytes, *(blobs[n] for n in names)]))
    rest = {n: b for n, b in blobs.items() if n not in (ARRAYS, SCALARS)}
    return Stored(folder, config, arrays, scalars, head.get("extra", {}), whole, rest, export)


def _graphs(path: Path, export: Any) -> list[str]:
    """Names of the graph files of an exported model."""
    try:
        names = [str(n) for n in export.get("files", ())]
    except (AttributeError, TypeError):
        raise ModelError(f"{path}: damaged: what it says of the export cannot be read") from None
    if any(Path(n).name != n for n in names):
        raise ModelError(f"{path}: damaged: it names files outside of the model folder")
    return names


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
