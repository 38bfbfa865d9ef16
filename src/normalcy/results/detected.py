"""What detect leaves of a video: NAME.csv, a row per box, and NAME.boxes.mp4, the video with its boxes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from normalcy.detection.boxes import NO_CLASS, Boxes
from normalcy.detection.classes import CLASSES
from normalcy.report.boxes import draw_boxes
from normalcy.video.reader import VideoReader
from normalcy.video.source import VideoRef
from normalcy.video.writer import VideoWriter

COLUMNS = ("frame", "x1", "y1", "x2", "y2", "score", "label", "track")


@dataclass(frozen=True, slots=True)
class DetectedVideo:
    """One video whose objects were found."""

    name: str
    table: Path
    """NAME.csv, a row per box."""
    overlay: Path | None
    """NAME.boxes.mp4, where it was asked for."""
    frames: int
    boxes: int
    tracks: int
    empty: int
    """Frames without a box."""
    seconds: float
    """Wall time of decoding and detecting; near 0 where the boxes were in the cache."""
    skipped: bool = False
    """Whether an earlier run had finished it with the same detector and settings."""
    warnings: Sequence[str] = ()
    """What was wrong with the recording."""


@dataclass(frozen=True, slots=True)
class DetectResult:
    """All videos of one run, in the order of the sources."""

    detector: str
    videos: Sequence[DetectedVideo]
    failed: Mapping[str, str] = field(default_factory=dict)
    """Name of each video (or source) that could not be used, with the reason."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"detector": self.detector, "videos": [asdict(v) for v in self.videos], "failed": dict(self.failed)}


def write_table(file: IO[str], boxes: Sequence[Boxes], ids: Sequence[NDArray[np.int64]]) -> None:
    """The table of all boxes; numbers in full, so that reading it gives the same boxes to the bit.

    boxes, ids: of every frame, and the track of each of its boxes.
    """
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for frame, (b, id_N) in enumerate(zip(boxes, ids, strict=True)):
        for xyxy, score, label, track in zip(b.xyxy_N4, b.score_N, b.label_N, id_N, strict=True):
            rows.writerow([frame, *(str(v) for v in xyxy), str(score), int(label), int(track)])


def write_overlay(
    path: Path, ref: VideoRef, boxes: Sequence[Boxes], ids: Sequence[NDArray[np.int64]], progress: Callable[[int], None]
) -> None:
    """The video with its boxes and their tracks. progress: called with the number of each frame, from 1."""
    with VideoReader(ref) as reader, VideoWriter(path, (reader.info.width, reader.info.height), reader.info.fps) as writer:
        for frame in reader:
            b, id_N = boxes[frame.index], ids[frame.index].tolist()
            texts = [_text(n, int(c)) for n, c in zip(id_N, b.label_N, strict=True)]
            writer.write(draw_boxes(frame.image, b.xyxy_N4, id_N, texts), frame.time_s)
            progress(frame.index + 1)


def _text(track: int, label: int) -> str:
    if label == NO_CLASS:
        return str(track)
    return f"{track} {CLASSES[label] if label < len(CLASSES) else label}"
