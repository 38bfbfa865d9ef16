"""Boxes that someone else computed, read from one file per video: NAME.csv or NAME.npz."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.boxes import NO_CLASS, Boxes
from normalcy.errors import DataError, UsageError

COLUMNS = ("frame", "x1", "y1", "x2", "y2", "score")
SUFFIXES = (".csv", ".npz")


class BoxTable(NamedTuple):
    """The boxes of one video, in order of frame."""

    frame_N: NDArray[np.int64]
    """(N,) 0-based frame of each box."""
    boxes: Boxes

    def at(self, frame: int) -> Boxes:
        """The boxes of one frame."""
        first, end = np.searchsorted(self.frame_N, [frame, frame + 1])
        return self.boxes.select(np.arange(first, end))


class GivenBoxes:
    """Boxes from files, all of them. A frame without a row has no boxes; a video without a file is an error."""

    name = "file"

    @classmethod
    def build(cls, cfg: ObjectsConfig, features: bool = False) -> GivenBoxes:
        """See normalcy.detection.base.DetectorKind."""
        return cls(cfg)

    def __init__(self, cfg: ObjectsConfig) -> None:
        """Raises UsageError where no folder or file is named, DataError where it is not there."""
        if cfg.boxes is None:
            raise UsageError(
                "the detector file needs boxes: set objects.boxes to a folder of NAME.csv or NAME.npz, or to one file"
            )
        self._where = Path(cfg.boxes).expanduser()
        if not self._where.exists():
            raise DataError(f"{self._where}: no such file or folder of boxes")
        self._path: Path | None = None
        self._table = BoxTable(np.zeros(0, np.int64), Boxes.none())
        self._digest = ""
        self._next, self._every = 0, 1

    @property
    def key(self) -> str:
        """Digest of the file of the video that reset() named."""
        return f"file {self._digest}"

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        """Read the boxes of the video of that name. Raises DataError naming the file and line."""
        self._path = self._find(video)
        try:
            data = self._path.read_bytes()
        except OSError as e:
            raise DataError(f"{self._path}: cannot be read: {e.strerror or e}") from e
        self._digest = hashlib.sha256(data).hexdigest()
        self._table = read_boxes(self._path, data)
        self._next, self._every = 0, every

    def _find(self, video: str) -> Path:
        if self._where.is_file():
            return self._where
        there = [p for p in (self._where / f"{video}{suffix}" for suffix in SUFFIXES) if p.is_file()]
        if not there:
            raise DataError(f"{self._where}: no boxes for the video {video!r}; expected {video}.csv or {video}.npz")
        if len(there) > 1:
            raise DataError(f"{self._where}: both {there[0].name} and {there[1].name} are there; remove one")
        return there[0]

    def push(self, frame_HWC: NDArray[np.uint8]) -> Boxes:
        """See :class:`normalcy.detection.base.Detector`. Boxes are cut to the picture."""
        h, w = frame_HWC.shape[:2]
        self._next += self._every
        return self._table.at(self._next - self._every).within(w, h)

    def finish(self) -> None:
        """Raises DataError where the file goes on after the video's last frame: it belongs to another video."""
        last = int(self._table.frame_N[-1]) if len(self._table.frame_N) else -1
        if last >= self._next:
            end = "" if self._every == 1 else " at the latest"
            raise DataError(f"{self._path}: has boxes up to frame {last}, but the video ends with frame {self._next - 1}{end}")


def read_boxes(path: Path, data: bytes) -> BoxTable:
    """The boxes in a file's content, sorted by frame. Raises DataError naming the file and, for csv, the line."""
    return _read_npz(path, data) if path.suffix.lower() == ".npz" else _read_csv(path, data)


def _read_csv(path: Path, data: bytes) -> BoxTable:
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        header = [name.strip().lower() for name in next(rows, [])]
    except (UnicodeDecodeError, csv.Error) as e:
        raise DataError(f"{path}: not a CSV text file: {e}") from e
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise DataError(f"{path}, line 1: no column {', '.join(missing)}; expected {','.join(COLUMNS)}[,label]")
    at = [header.index(name) for name in COLUMNS]
    label_at = header.index("label") if "label" in header else None
    values: list[list[float]] = []
    try:
        for row in rows:
            if row and any(cell.strip() for cell in row):
                values.append(_row(row, at, label_at, len(header)))
                _check(values[-1])
    except (ValueError, csv.Error) as e:
        raise DataError(f"{path}, line {rows.line_num}: {e}") from e
    table = np.array(values, np.float64).reshape(-1, 7)
    return _table(table[:, 0].astype(np.int64), table[:, 1:5], table[:, 5], table[:, 6].astype(np.int64))


def _row(row: list[str], at: list[int], label_at: int | None, width: int) -> list[float]:
    if len(row) != width:
        raise ValueError(f"{len(row)} values in {width} columns")
    cells = [row[i].strip() for i in at]
    label = row[label_at].strip() if label_at is not None else ""
    return [float(int(cells[0])), *(float(c) for c in cells[1:]), float(int(label)) if label else float(NO_CLASS)]


def _check(row: list[float]) -> None:
    frame, x1, y1, x2, y2, score, label = row
    if not np.isfinite(row).all():
        raise ValueError("a value is not a finite number")
    if frame < 0:
        raise ValueError(f"frame {frame:.0f} is below 0; the first frame is 0")
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f"the box {x1:g},{y1:g},{x2:g},{y2:g} has no area; x2 must be above x1, y2 above y1")
    if not 0 <= score <= 1:
        raise ValueError(f"the score {score:g} is not within 0..1")
    if label < NO_CLASS:
        raise ValueError(f"the label {label:.0f} is below -1 (no class)")


def _read_npz(path: Path, data: bytes) -> BoxTable:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as z:
            a = {name: np.asarray(z[name]) for name in z.files}
    except Exception as e:  # a damaged archive raises whatever zipfile and numpy happen to meet
        raise DataError(f"{path}: cannot be read as .npz: {e}") from e
    if missing := [name for name in ("frame", "boxes", "score") if name not in a]:
        wanted = "frame (N,), boxes (N, 4), score (N,), and if you like label (N,), probs (N, K)"
        raise DataError(f"{path}: no array {', '.join(missing)}; expected {wanted}")
    n = len(a["frame"]) if a["frame"].ndim == 1 else -1
    a.setdefault("label", np.full(max(n, 0), NO_CLASS))
    for name, shape in (("frame", (n,)), ("boxes", (n, 4)), ("score", (n,)), ("label", (n,))):
        if a[name].shape != shape or a[name].dtype.kind not in ("iu" if name in ("frame", "label") else "iuf"):
            raise DataError(f"{path}: array {name} is {a[name].shape} {a[name].dtype}, expected {shape} numbers")
    probs = a.get("probs")
    if probs is not None and not (probs.ndim == 2 and len(probs) == n and probs.dtype.kind == "f" and np.isfinite(probs).all()):
        raise DataError(f"{path}: array probs is {probs.shape} {probs.dtype}, expected ({n}, classes) finite floats")
    for i in range(n):
        try:
            _check([float(a["frame"][i]), *map(float, a["boxes"][i]), float(a["score"][i]), float(a["label"][i])])
        except ValueError as e:
            raise DataError(f"{path}, box {i}: {e}") from e
    return _table(a["frame"].astype(np.int64), a["boxes"].astype(np.float64), a["score"], a["label"].astype(np.int64), probs)


def _table(
    frame_N: NDArray[np.int64],
    xyxy: NDArray[np.float64],
    score: NDArray[np.float64],
    label: NDArray[np.int64],
    probs: NDArray[np.floating] | None = None,
) -> BoxTable:
    order = np.argsort(frame_N, kind="stable")
    classes = None if probs is None else probs[order].astype(np.float32)
    boxes = Boxes(xyxy[order].astype(np.float32), score[order].astype(np.float32), label[order], classes)
    return BoxTable(frame_N[order], boxes)
