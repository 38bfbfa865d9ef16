"""scores.csv: the score and the readouts of every frame."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normalcy.errors import DataError
from normalcy.results.layout import SCORES
from normalcy.results.product import Context, Product
from normalcy.types import Event, FrameScore, VideoScores

COLUMNS = ("frame", "time_s", "score")
"""One column per readout follows."""


class ScoresCsv(Product):
    """Columns frame, time_s, score and one per readout."""

    name = SCORES

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._file = context.files.open(SCORES)
        self._rows = csv.writer(self._file)
        self._rows.writerow([*COLUMNS, *context.model.names])

    def write(self, s: FrameScore) -> None:
        values = [f"{s.readouts[r]:.6g}" for r in self.context.model.names]
        self._rows.writerow([s.frame, f"{s.time_s:.6f}", f"{s.score:.6g}", *values])

    def close(self, scores: VideoScores, events: Sequence[Event]) -> None:
        self._file.close()


def read_scores(path: str | Path, name: str | None = None) -> VideoScores:
    """Read a ``scores.csv`` back.

    Args:
        path: the file.
        name: of the video; None for that of the folder.

    Returns:
        Scores and readouts of all N frames, as far as the six digits of the file go.

    Raises:
        DataError: it is no such file.
    """
    path = Path(path)
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
