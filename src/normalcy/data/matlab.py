"""Cell arrays out of MATLAB files, version 5 (scipy) and version 7.3 (HDF5, h5py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from normalcy.errors import DataError

_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_cells(path: Path, name: str) -> list[NDArray[Any]]:
    """The cells of the cell array ``name``, as MATLAB shapes them, in column order.

    Raises:
        DataError: no such file or variable, a damaged file, or a version 7.3 file without h5py installed.
    """
    try:
        with path.open("rb") as f:
            head = f.read(520)
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror}") from e
    # A version 7.3 file is HDF5 behind a block of 512 bytes of text; bare HDF5 is read as well.
    return _hdf5(path, name) if _HDF5 in (head[512:520], head[:8]) else _version5(path, name)


def _version5(path: Path, name: str) -> list[NDArray[Any]]:
    try:
        with path.open("rb") as f:  # scipy leaves a file open that it cannot parse
            stream: Any = f
            found = scipy.io.loadmat(stream, variable_names=[name])
    except Exception as e:  # scipy raises whatever its parser trips over: ValueError, TypeError, zlib.error, struct.error
        raise DataError(f"{path}: not a readable MATLAB file: {e}") from e
    if name not in found:
        raise DataError(f"{path}: no variable {name!r}")
    cells = found[name]
    if cells.dtype != object:
        raise DataError(f"{path}: {name!r} is not a cell array")
    return [np.asarray(c) for c in cells.reshape(-1, order="F")]


def _hdf5(path: Path, name: str) -> list[NDArray[Any]]:
    try:
        import h5py
    except ImportError as e:
        raise DataError(f"{path}: a MATLAB 7.3 file; reading it needs h5py: pip install h5py") from e
    try:
        with h5py.File(path, "r") as f:
            if name not in f:
                raise DataError(f"{path}: no variable {name!r}")
            references = f[name][()]
            if references.dtype != h5py.ref_dtype:
                raise DataError(f"{path}: {name!r} is not a cell array")
            # HDF5 stores MATLAB's columns first: every array comes out transposed, the cell array itself too.
            return [np.asarray(f[r][()]).T for r in references.T.reshape(-1, order="F")]
    except (OSError, KeyError, RuntimeError) as e:
        raise DataError(f"{path}: not a readable MATLAB 7.3 file: {e}") from e
