"""detect(): the objects of each video as a table, with the number of each object over time, and a video that shows them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from normalcy.config import ObjectsConfig
from normalcy.detection.base import Detector, build_detector, sample_step
from normalcy.detection.cache import boxes_of
from normalcy.detection.choice import concrete
from normalcy.detection.tracks import filled, track
from normalcy.detection.weights import find_weights
from normalcy.errors import OutputError, SourceError, UsageError
from normalcy.files import Staging
from normalcy.parts import DETECTORS
from normalcy.presets import load_config
from normalcy.results.detected import DetectedVideo, DetectResult, write_overlay, write_table
from normalcy.results.record import Record
from normalcy.types import Progress
from normalcy.versions import version
from normalcy.video.damage import Damage
from normalcy.video.reader import count_and_damage, probe
from normalcy.video.source import Sources, VideoRef, find_videos

REPORT_EVERY = 8
_COUNTS = ("frames", "boxes", "tracks", "empty", "seconds")


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

    Of several videos, those that cannot be used are named in the result's ``failed``; a single one raises its error.

    Args:
        sources: one or several of: a video file, a folder of videos or of frames, a glob, ``@list.txt``.
        out: folder for the tables.
        detector: auto, motion, onnx, both or file; None for the setting ``objects.detector``.
        weights: for onnx and both, a YOLOX-layout .onnx file or a name that is fetched once.
        boxes: for file, a folder of tables such as this function writes.
        overlay: also write ``NAME.boxes.mp4``, the video with its boxes.
        force: do again what is finished, and replace tables that are there.
        config: YAML or JSON file with settings ``objects.*``.
        sets: ``key=value`` settings ``objects.*``.
        progress: called with (stage, done, total or None, figures).

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
    refs, failed = find_videos(sources)
    single = len(refs) + len(failed) == 1
    folder = Path(out)
    _may_write(folder, refs, force)
    cfg = concrete(cfg)
    if DETECTORS[cfg.detector].weights:  # here and not in the detector, so that a download can be watched
        find_weights(cfg.weights, None if progress is None else lambda n, of: progress(f"fetch {cfg.weights}", n, of, {}))
    cfg = concrete(cfg, refs, None if progress is None else lambda n, of: progress("look at sizes", n, of, {}))
    finder = build_detector(cfg)
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
    """Make the folder; refuse to overwrite tables that this command did not write: those without a record."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{folder}: cannot write results here: {e.strerror or e}") from e
    foreign = [t for r in refs if (t := folder / f"{r.name}.csv").exists() and not _record_path(folder, r).exists()]
    if foreign and not force:
        raise UsageError(f"{foreign[0]}: is there already, and not from this command; take another folder, or --force")


def _record_path(folder: Path, ref: VideoRef) -> Path:
    return folder / f"{ref.name}.boxes.json"


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
    table, film = f"{ref.name}.csv", f"{ref.name}.boxes.mp4"
    info = probe(ref)
    every = 1 if DETECTORS[cfg.detector].ready else sample_step(info.fps, cfg)
    finder.reset(ref.name, info.fps, every)
    key = {"normalcy": version(), "detector": finder.key, "fps": info.fps, "every": every}
    record = Record(_record_path(folder, ref), ref, key)

    def result(counts: dict[str, Any], skipped: bool) -> DetectedVideo:
        shown = folder / film if overlay else None
        return DetectedVideo(
            ref.name,
            folder / table,
            shown,
            **{k: counts[k] for k in _COUNTS},
            skipped=skipped,
            warnings=counts.get("warnings", []),
        )

    def report(stage: str, done: int, total: int | None) -> None:
        if progress is not None and (done % REPORT_EVERY == 0 or done == total):
            progress(f"{stage} {ref.name}", done, total, {})

    if not force and (earlier := record.finished([table, film] if overlay else [table])) is not None:
        return result(earlier, skipped=True)
    frames = 0

    def count(done: int, total: int | None) -> None:
        nonlocal frames
        frames = done
        report("detect", done, total)

    damages: list[Damage] = []
    sampled = boxes_of(ref, finder, progress=count, every=every, found_damage=damages.append)
    if not damages:  # the boxes were in the cache
        frames, damage = count_and_damage(ref)
        damages.append(damage)
    report("detect", frames, frames)
    seconds = time.perf_counter() - started
    ids_sampled, tracks = track(sampled, info.fps / every)
    boxes, ids = filled(sampled, ids_sampled, every, frames)
    counts = {
        "frames": len(boxes),
        "boxes": sum(len(b) for b in boxes),
        "tracks": len(tracks),
        "empty": sum(not len(b) for b in boxes),
        "seconds": seconds,
        "warnings": damages[0].warnings(),
    }
    with Staging(folder, ref.name) as files:
        try:
            with files.open(table) as f:
                write_table(f, boxes, ids)
        except OSError as e:
            raise OutputError(f"{folder / table}: cannot be written: {e.strerror or e}") from e
        if overlay:
            write_overlay(files.path / film, ref, boxes, ids, lambda n: report("overlay", n, len(boxes)))
        record.publish(files, counts, [table, film], force=force)
    return result(counts, skipped=False)
