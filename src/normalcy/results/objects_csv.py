"""objects.csv: every scored object of every frame, one line each. What RBDC, TBDC and the tracks of events are read from."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from normalcy.errors import DataError, OutputError
from normalcy.types import FrameScore, ObjectScore

NAME = "objects.csv"
COLUMNS = ("frame", "time_s", "track", "x1", "y1", "x2", "y2", "score", "label", "readout")


class ObjectWriter:
    """Writes objects.csv into a folder, line by line. Raises OutputError."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        try:
            self._file: IO[str] = self._path.open("w", newline="", encoding="utf-8")
            self._write = csv.writer(self._file)
            self._write.writerow(COLUMNS)
        except OSError as e:
            raise OutputError(f"{self._path}: cannot be written: {e.strerror or e}") from e

    def write(self, s: FrameScore) -> None:
        """Append the objects of one frame."""
        try:
            for o in s.objects:
                box = (f"{v:.2f}" for v in o.box)
                self._write.writerow([s.frame, f"{s.time_s:.6f}", o.track, *box, f"{o.score:.6g}", o.label, o.readout])
        except OSError as e:
            raise OutputError(f"{self._path}: cannot be written: {e.strerror or e}") from e

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._file.close()
        except OSError as e:
            raise OutputError(f"{self._path}: cannot be written: {e.strerror or e}") from e


def read_objects(path: Path) -> Iterator[tuple[int, ObjectScore]]:
    """(frame, object) for every line. Raises DataError naming file and line."""
    try:
        with path.open(newline="", encoding="utf-8") as f:
            rows = csv.reader(f)
            if tuple(next(rows, ())) != COLUMNS:
                raise DataError(f"{path}: is not a file of scored objects ({','.join(COLUMNS)})")
            for line, r in enumerate(rows, start=2):
                try:
                    x1, y1, x2, y2, score = (float(v) for v in r[3:8])
                    yield int(r[0]), ObjectScore(int(r[2]), (x1, y1, x2, y2), score, int(r[8]), r[9])
                except (ValueError, IndexError) as e:
                    raise DataError(f"{path}: line {line} is not an object: {e}") from e
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror or e}") from e


def detections(path: Path) -> NDArray[np.float64]:
    """(D, 6) rows frame, x1, y1, x2, y2, score of all objects, as the region metrics take them."""
    rows = [(frame, *o.box, o.score) for frame, o in read_objects(path)]
    return np.array(rows, dtype=np.float64).reshape(-1, 6)
