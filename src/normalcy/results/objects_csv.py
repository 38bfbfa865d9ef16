"""objects.csv: every scored object of every frame, one line each. What RBDC, TBDC and the tracks of events are read from."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.detection.classes import class_name
from normalcy.errors import DataError
from normalcy.results.layout import OBJECTS
from normalcy.results.product import Context, Product
from normalcy.types import Event, FrameScore, ObjectScore, Similar, VideoScores

COLUMNS = ("frame", "time_s", "track", "x1", "y1", "x2", "y2", "score", "label", "readout")
REASONS = ("kind", "why", "parts", "like")
"""Added columns: its class in words; why, in plain words; ``NAME=PART`` of each readout, with blanks between; and the nearest
normal sighting as ``VIDEO#FRAME X1 Y1 X2 Y2``, in shares of the picture. Older files lack them."""


class ObjectsCsv(Product):
    """A line per object; at object level only."""

    name = OBJECTS

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._file = context.files.open(OBJECTS)
        self._rows = csv.writer(self._file)
        self._rows.writerow((*COLUMNS, *REASONS))

    def write(self, s: FrameScore) -> None:
        for o in s.objects:
            box = (f"{v:.2f}" for v in o.box)
            parts = " ".join(f"{n}={v:g}" for n, v in o.parts.items())
            more = [class_name(o.label), o.why, parts, "" if o.like is None else _similar(o.like)]
            self._rows.writerow([s.frame, f"{s.time_s:.6f}", o.track, *box, f"{o.score:.6g}", o.label, o.readout, *more])

    def close(self, scores: VideoScores, events: Sequence[Event]) -> None:
        self._file.close()


def read_objects(path: Path) -> Iterator[tuple[int, ObjectScore]]:
    """(frame, object) for every line. Raises DataError naming file and line."""
    try:
        with path.open(newline="", encoding="utf-8") as f:
            rows = csv.reader(f)
            head = tuple(next(rows, ()))
            if head not in (COLUMNS, (*COLUMNS, *REASONS)):
                raise DataError(f"{path}: is not a file of scored objects ({','.join(COLUMNS)})")
            for line, r in enumerate(rows, start=2):
                try:
                    x1, y1, x2, y2, score = (float(v) for v in r[3:8])
                    o = ObjectScore(int(r[2]), (x1, y1, x2, y2), score, int(r[8]), r[9])
                    yield int(r[0]), replace(o, **_reasons(r[10:])) if len(head) > len(COLUMNS) else o
                except (ValueError, IndexError) as e:
                    raise DataError(f"{path}: line {line} is not an object: {e}") from e
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror or e}") from e


def _similar(s: Similar) -> str:
    return f"{s.video}#{s.frame} " + " ".join(f"{v:.4f}" for v in s.box)


def _reasons(columns: Sequence[str]) -> dict[str, Any]:
    """The fields of an ObjectScore that the added columns hold. Raises ValueError or IndexError for anything else."""
    _, why, parts, like = columns
    pairs = (part.rsplit("=", 1) for part in parts.split())
    out: dict[str, Any] = {"why": why, "parts": {n: float(v) for n, v in pairs}}
    if like:
        head, *box = like.rsplit(" ", 4)
        video, frame = head.rsplit("#", 1)
        x1, y1, x2, y2 = map(float, box)
        out["like"] = Similar(video, int(frame), (x1, y1, x2, y2))
    return out


def detections(path: Path) -> NDArray[np.float64]:
    """(D, 6) rows frame, x1, y1, x2, y2, score of all objects, as the region metrics take them."""
    rows = [(frame, *o.box, o.score) for frame, o in read_objects(path)]
    return np.array(rows, dtype=np.float64).reshape(-1, 6)
