"""Score files: the csv that a scored video leaves behind, and its score maps. Written row by row, put in place at the end."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from normalcy.errors import DataError, OutputError
from normalcy.types import FrameScore, VideoScores

COLUMNS = ("frame", "time_s", "score")


class ScoreWriter:
    """Writes ``scores.csv`` (columns frame, time_s, score and one per readout) and, if asked, ``maps.npy``.

    maps.npy is (N, h, w) float16: one fused score map per frame; 1 is as high as nearly any place of normal video gets.
    Nothing appears under the final names before close(); on an exception nothing is left behind. Raises OutputError.
    """

    def __init__(self, folder: Path, readouts: Sequence[str], maps: bool = False) -> None:
        self._folder = folder
        self._readouts = list(readouts)
        self._csv = folder / ".scores.csv.part"
        self._raw = folder / ".maps.raw.part"
        self._shape: tuple[int, ...] = ()
        self._count = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = self._csv.open("w", newline="", encoding="utf-8")
            self._map_file: IO[bytes] | None = self._raw.open("wb") if maps else None
            self._write = csv.writer(self._file)
            self._write.writerow([*COLUMNS, *self._readouts])
        except OSError as e:
            raise OutputError(f"{folder}: cannot write scores: {e.strerror or e}") from e

    def write(self, s: FrameScore) -> None:
        """Append one frame."""
        try:
            values = [f"{s.readouts[r]:.6g}" for r in self._readouts]
            self._write.writerow([s.frame, f"{s.time_s:.6f}", f"{s.score:.6g}", *values])
            if self._map_file is not None and s.map is not None:
                self._shape = s.map.shape
                self._map_file.write(s.map.astype(np.float16).tobytes())
            self._count += 1
        except OSError as e:
            raise OutputError(f"{self._folder}: cannot write scores: {e.strerror or e}") from e

    def close(self) -> None:
        """Put the finished files in place."""
        try:
            self._file.close()
            if self._map_file is not None:
                self._map_file.close()
                self._finish_maps()
            self._csv.replace(self._folder / "scores.csv")
        except OSError as e:
            self.discard()
            raise OutputError(f"{self._folder}: cannot write scores: {e.strerror or e}") from e

    def _finish_maps(self) -> None:
        part = self._folder / ".maps.npy.part"
        header = {"descr": np.dtype(np.float16).str, "fortran_order": False, "shape": (self._count, *self._shape)}
        with part.open("wb") as out, self._raw.open("rb") as raw:
            npy.write_array_header_2_0(out, header)
            while chunk := raw.read(1 << 20):
                out.write(chunk)
        self._raw.unlink()
        part.replace(self._folder / "maps.npy")

    def discard(self) -> None:
        """Remove everything unfinished."""
        for f in (self._file, self._map_file):
            if f is not None:
                with suppress(OSError):  # a full disk says so once more on closing, and these files go away
                    f.close()
        for p in (self._csv, self._raw, self._folder / ".maps.npy.part"):
            p.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


def read_scores(path: Path, name: str | None = None) -> VideoScores:
    """Read a ``scores.csv`` back. Raises DataError naming the file for anything that is not one."""
    try:
        with path.open(newline="", encoding="utf-8") as f:
            rows = list(csv.reader(f))
        head, body = rows[0], np.array(rows[1:], dtype=np.float64).reshape(len(rows) - 1, len(rows[0]))
        if tuple(head[:3]) != COLUMNS:
            raise ValueError(f"columns are {', '.join(head)}")
    except (OSError, ValueError, IndexError) as e:
        raise DataError(f"{path}: is not a score file of Normalcy (frame,time_s,score,...): {e}") from e
    readouts: dict[str, NDArray[np.float64]] = {n: body[:, i + 3] for i, n in enumerate(head[3:])}
    return VideoScores(name or path.parent.name, body[:, 1], body[:, 2], readouts)
