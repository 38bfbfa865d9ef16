"""Label, mask and track files of any format into checked arrays. Nothing is ever unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.data.base import Labels, Masks, Tracks
from normalcy.errors import DataError

_UNREADABLE = (ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What numpy and zipfile raise for a file that is damaged, no numpy file, or holds Python objects."""


def read_npy(path: Path) -> NDArray[Any]:
    """The array of an ``.npy`` file. Raises DataError for a missing, damaged or object file."""
    with _plain(path) as f:
        array = np.load(f, allow_pickle=False)
        if isinstance(array, np.ndarray):
            return array
    raise DataError(f"{path}: an archive of several arrays where one plain .npy array was expected")


def read_npz(path: Path, key: str) -> NDArray[Any]:
    """Array ``key`` of an ``.npz`` file. Raises DataError if there is no such key or the file cannot be read."""
    with _plain(path) as f, _archive(f) as archive:
        if key in archive.files:
            array: NDArray[Any] = archive[key]
            return array
        held = ", ".join(archive.files)
    raise DataError(f"{path}: no array named {key!r}; it holds {held or 'nothing'}")


def npz_keys(path: Path) -> list[str]:
    """Names of the arrays in an ``.npz`` file. Raises DataError if it cannot be read."""
    with _plain(path) as f, _archive(f) as archive:
        return list(archive.files)


def _archive(f: BinaryIO) -> np.lib.npyio.NpzFile:
    archive = np.load(f, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("not an .npz archive")
    return archive


@contextmanager
def _plain(path: Path) -> Iterator[BinaryIO]:
    """The open file; whatever goes wrong while numpy reads it becomes a DataError that names it."""
    try:
        with path.open("rb") as f:
            yield f
    except FileNotFoundError as e:
        raise DataError(f"{path}: no such file") from e
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror or e}") from e
    except _UNREADABLE as e:
        raise DataError(f"{path}: not a plain numpy file ({e}); files with Python objects are not loaded") from e


def as_labels(values: NDArray[Any], path: Path) -> Labels:
    """(N,) uint8 labels from any array of 0 and 1; one-row and one-column arrays are flattened. DataError otherwise."""
    flat = values.reshape(-1) if values.ndim and values.size == max(values.shape) else values
    if flat.ndim != 1 or flat.size == 0:
        raise DataError(f"{path}: labels have shape {values.shape}; expected one value per frame")
    if flat.dtype.kind not in "biuf" or not np.isin(flat, (0, 1)).all():
        raise DataError(f"{path}: labels must be 0 (normal) or 1 (abnormal), one per frame")
    return flat.astype(np.uint8)


def as_masks(values: NDArray[Any], path: Path) -> Masks:
    """(N, H, W) bool from any numeric array of that shape, non-zero = abnormal. DataError otherwise."""
    if values.ndim != 3 or values.dtype.kind not in "biuf":
        raise DataError(f"{path}: masks have shape {values.shape} and type {values.dtype}; expected (frames, height, width)")
    return values.astype(np.bool_)


def read_mask_images(paths: Sequence[Path]) -> Masks:
    """(N, H, W) bool from one grey image per frame, non-zero = abnormal. DataError if sizes differ or one is broken."""
    first = read_grey(paths[0])
    masks = np.empty((len(paths), *first.shape), dtype=np.bool_)
    for i, path in enumerate(paths):
        image = read_grey(path)
        if image.shape != first.shape:
            raise DataError(f"{path}: mask is {image.shape}, {paths[0].name} is {first.shape} (height, width)")
        masks[i] = image > 0
    return masks


def read_grey(path: Path) -> NDArray[np.uint8]:
    """(H, W) uint8 of an image file. DataError if it cannot be read."""
    try:
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror}") from e
    except cv2.error:  # an empty file
        image = None
    if image is None:
        raise DataError(f"{path}: not a readable image")
    return np.asarray(image, dtype=np.uint8)


def read_tracks(path: Path) -> Tracks:
    """Tracks of Ramachandra and Jones' form: lines ``track_id,frame,x1,y1,x2,y2``, frames 0-based. DataError if not."""
    rows = read_table(path, 6)
    if len(rows) and ((rows[:, 4] < rows[:, 2]).any() or (rows[:, 5] < rows[:, 3]).any() or (rows[:, 1] < 0).any()):
        raise DataError(
            f"{path}: a box whose end is before its start, or a negative frame number; expected track_id,frame,x1,y1,x2,y2"
        )
    return rows


def read_table(path: Path, columns: int) -> NDArray[np.float64]:
    """(K, columns) float64 from comma-separated numbers; an empty file gives K = 0. DataError names the bad line."""
    rows: list[list[float]] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = [float(cell) for cell in line.split(",")]
        except ValueError:
            row = []
        if len(row) != columns or not np.isfinite(row).all():
            raise DataError(f"{path}: line {number} is not {columns} numbers separated by commas: {line.strip()!r}")
        rows.append(row)
    return np.asarray(rows, dtype=np.float64).reshape(-1, columns)


def read_text(path: Path) -> str:
    """Text of a list file, a byte-order mark dropped. DataError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror}") from e


def from_ranges(ranges: Sequence[tuple[int, int]], frames: int) -> Labels:
    """(frames,) labels, 1 inside the half-open 0-based ``ranges``; what reaches past the end is cut off."""
    labels = np.zeros(frames, dtype=np.uint8)
    for start, end in ranges:
        labels[max(start, 0) : max(end, 0)] = 1
    return labels
