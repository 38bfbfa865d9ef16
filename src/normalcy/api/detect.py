"""detect(): the objects of each video as a table, with the number of each object over time, and a video that shows them."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.base import Detector, build_detector, sample_step
from normalcy.detection.boxes import NO_CLASS, Boxes
from normalcy.detection.cache import boxes_of
from normalcy.detection.choice import concrete
from normalcy.detection.classes import CLASSES
from normalcy.detection.tracks import filled, track
from normalcy.detection.weights import find_weights
from normalcy.errors import OutputError, SourceError, UsageError
from normalcy.files import write_bytes
from normalcy.presets import load_config
from normalcy.report.boxes import draw_boxes
from normalcy.types import Progress
from normalcy.versions import version
from normalcy.video.cache import fingerprint
from normalcy.video.reader import VideoReader, count_frames, probe
from normalcy.video.source import Sources, VideoRef, find
from normalcy.video.writer import VideoWriter

REPORT_EVERY = 8
_KEPT = ("frames", "boxes", "tracks", "empty", "seconds")
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


def detect(
    sources: Sources,
    out: str | Path,
    *,
    detector: str | None = None,
    weights: str | Path | None = None,
    boxes: str | Path | None = None,
    overlay: bool = False,
    force: bool = False,
    config: str | Path | None = None,
    sets: Sequence[str] = (),
    progress: Progress | None = None,
) -> DetectResult:
    """Find the objects of every frame, follow them, and write ``out/NAME.csv``: frame, box, score, label, track.

    detector: auto, motion, onnx, both or file; None for the setting ``objects.detector``. weights: for onnx and both, a
    YOLOX-layout .onnx file or a name that is fetched once. boxes: for file, a folder of tables such as this function writes.
    overlay: also ``NAME.boxes.mp4``. force: do again what is finished. config, sets: settings ``objects.*``.

    Of several videos, those that cannot be used are named in the result's ``failed``; a single one raises its error.

    Raises:
        SourceError, VideoError: the only video there is cannot be used. WeightsError, DataError: the detector's file cannot.
        ConfigError, UsageError: the call is wrong, or would overwrite a table of someone else's. OutputError: ``out`` or
        the cache cannot be written.
    """
    flags = {
        "objects.detector": detector,
        "objects.weights": None if weights is None else str(weights),
        "objects.boxes": None if boxes is None else str(boxes),
    }
    cfg = load_config("cpu", config, sets, flags).objects
    refs, failed = find(sources)
    folder = Path(out)
    _may_write(folder, refs, force)
    cfg = concrete(cfg)
    if cfg.detector in ("onnx", "both"):  # here and not in the detector, so that a download can be watched
        find_weights(cfg.weights, None if progress is None else lambda n, of: progress(f"fetch {cfg.weights}", n, of, {}))
    finder = build_detector(cfg)
    single = len(refs) + len(failed) == 1
    videos: list[DetectedVideo] = []
    for ref in refs:
        try:
            videos.append(_detect_one(ref, finder, cfg, folder, overlay, force, progress))
        except SourceError as e:
            if single:
                raise
            failed[ref.name] = str(e)
    return DetectResult(cfg.detector, videos, failed)


def _may_write(folder: Path, refs: Sequence[VideoRef], force: bool) -> None:
    """Make the folder; refuse to overwrite tables that this command did not write."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{folder}: cannot write results here: {e.strerror or e}") from e
    foreign = [t for r in refs if (t := folder / f"{r.name}.csv").exists() and not _record(folder, r.name).exists()]
    if foreign and not force:
        raise UsageError(f"{foreign[0]}: is there already, and not from this command; take another folder, or --force")


def _record(folder: Path, name: str) -> Path:
    return folder / f"{name}.boxes.json"


def _detect_one(
    ref: VideoRef,
    finder: Detector,
    cfg: ObjectsConfig,
    folder: Path,
    overlay: bool,
    force: bool,
    progress: Progress | None,
) -> DetectedVideo:
    started = time.perf_counter()
    table, film = folder / f"{ref.name}.csv", folder / f"{ref.name}.boxes.mp4"
    info = probe(ref)
    every = 1 if cfg.detector == "file" else sample_step(info.fps, cfg)  # boxes that are there already cost nothing
    finder.reset(ref.name, info.fps, every)
    key = {"normalcy": version(), "detector": finder.key, "video": fingerprint(ref), "fps": info.fps, "every": every}
    if not force and (done := _finished(ref.name, folder, key, table, film if overlay else None)) is not None:
        return done

    def tell(stage: str, done: int, total: int | None) -> None:
        if progress is not None and (done % REPORT_EVERY == 0 or done == total):
            progress(f"{stage} {ref.name}", done, total, {})

    frames = 0

    def count(done: int, total: int | None) -> None:
        nonlocal frames
        frames = done
        tell("detect", done, total)

    sampled = boxes_of(ref, finder, progress=count, every=every)
    frames = frames or count_frames(ref)  # the boxes were in the cache
    tell("detect", frames, frames)
    seconds = time.perf_counter() - started
    own, tracks = track(sampled, info.fps / every)
    found, ids = filled(sampled, own, every, frames)
    _record(folder, ref.name).unlink(missing_ok=True)
    write_bytes(table, _csv(found, ids))
    if overlay:
        _film(ref, film, found, ids, tell)
    done = DetectedVideo(
        name=ref.name,
        table=table,
        overlay=film if overlay else None,
        frames=len(found),
        boxes=sum(len(b) for b in found),
        tracks=len(tracks),
        empty=sum(not len(b) for b in found),
        seconds=seconds,
    )
    numbers = {k: getattr(done, k) for k in _KEPT}
    write_bytes(_record(folder, ref.name), json.dumps({"key": key, **numbers}, indent=2).encode())
    return done


def _finished(name: str, folder: Path, key: Mapping[str, Any], table: Path, film: Path | None) -> DetectedVideo | None:
    """What an earlier run with the same detector on the same video left, or None."""
    try:
        r = json.loads(_record(folder, name).read_text(encoding="utf-8"))
        if r["key"] != key or not table.is_file() or (film is not None and not film.is_file()):
            return None
        frames, boxes, tracks, empty = (int(r[k]) for k in _KEPT[:-1])
        return DetectedVideo(name, table, film, frames, boxes, tracks, empty, float(r["seconds"]), skipped=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, damaged or of another version: do it again


def _csv(found: Sequence[Boxes], ids: Sequence[NDArray[np.int64]]) -> bytes:
    """The table; numbers in full, so that reading it gives the same boxes to the bit."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for frame, (boxes, id_N) in enumerate(zip(found, ids, strict=True)):
        for xyxy, score, label, number in zip(boxes.xyxy_N4, boxes.score_N, boxes.label_N, id_N, strict=True):
            writer.writerow([frame, *(str(v) for v in xyxy), str(score), int(label), int(number)])
    return text.getvalue().encode()


def _film(ref: VideoRef, path: Path, found: Sequence[Boxes], ids: Sequence[NDArray[np.int64]], tell: Any) -> None:
    """The video with its boxes."""
    with VideoReader(ref) as reader, VideoWriter(path, (reader.info.width, reader.info.height), reader.info.fps) as writer:
        for frame in reader:
            boxes, id_N = found[frame.index], ids[frame.index].tolist()
            texts = [_text(n, int(c)) for n, c in zip(id_N, boxes.label_N, strict=True)]
            writer.write(draw_boxes(frame.image, boxes.xyxy_N4, id_N, texts), frame.time_s)
            tell("overlay", frame.index + 1, len(found))


def _text(number: int, label: int) -> str:
    if label == NO_CLASS:
        return str(number)
    return f"{number} {CLASSES[label] if label < len(CLASSES) else label}"
