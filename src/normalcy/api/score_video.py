"""One video from its frames to its result folder. Memory holds the plain numbers per frame and nothing else that grows."""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import step_at
from normalcy.errors import OutputError
from normalcy.events.detector import EventDetector, closed
from normalcy.files import Staging
from normalcy.report.overlay import Scale, blend, draw_frame
from normalcy.report.timeline import save_timeline
from normalcy.results.objects_csv import ObjectWriter, read_objects
from normalcy.results.run_json import (
    EVENTS,
    MAPS,
    OBJECTS,
    OVERLAY,
    PRODUCTS,
    RECORD,
    SCORES,
    TIMELINE,
    finished,
    protocol,
    stamp,
)
from normalcy.results.scored import ScoredVideo, event_to_dict
from normalcy.results.scores_csv import ScoreWriter
from normalcy.scoring.localise import PEAK_SHARE
from normalcy.scoring.model import Model
from normalcy.scoring.settings import Alarm
from normalcy.types import Event, Frame, FrameScore, ObjectScore, Progress, VideoInfo, VideoScores
from normalcy.versions import versions
from normalcy.video.cache import fingerprint
from normalcy.video.reader import VideoReader, probe
from normalcy.video.source import VideoRef
from normalcy.video.writer import VideoWriter

REPORT_EVERY = 8
"""Frames between two calls of the progress function."""
UNITS = "asinh of standard deviations of normal training video, cross-validated; 0 is typical of it"
UNITS_PER_VIDEO = "0 the lowest and 1 the highest value in this video"
MAP_TOP = 3.0
"""Map value, in units of the highest place of normal video, at which the overlay's heat is full."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to do with one video."""

    ref: VideoRef
    folder: Path
    model: Model
    alarm: Alarm
    key: Mapping[str, Any]
    maps: bool
    overlay: bool
    force: bool
    progress: Progress | None

    def tell(self, stage: str, done: int, total: int | None) -> None:
        if self.progress is not None:
            self.progress(f"{stage} {self.ref.name}", done, total, {})


@dataclass
class _Series:
    """What scoring leaves in memory: numbers per frame, and what was noticed."""

    names: list[str]
    time_s: array[float] = field(default_factory=lambda: array("d"))
    score: array[float] = field(default_factory=lambda: array("d"))
    readouts: list[array[float]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    repeated: int = 0
    """Frames that are the same picture as the one before."""
    decode_s: float = 0.0
    total_s: float = 0.0
    overlay_s: float = 0.0

    def __post_init__(self) -> None:
        self.readouts = [array("d") for _ in self.names]

    def add(self, s: FrameScore) -> None:
        self.time_s.append(s.time_s)
        self.score.append(s.score)
        for values, n in zip(self.readouts, self.names, strict=True):
            values.append(s.readouts[n])

    def scores(self, name: str) -> VideoScores:
        readouts = {n: np.array(v) for n, v in zip(self.names, self.readouts, strict=True)}
        return VideoScores(name, np.array(self.time_s), np.array(self.score), readouts)


def score_video(job: Job) -> ScoredVideo:
    """Score one video and put its folder in place, run.json last.

    Raises VideoError (the video), OutputError (the folder); then the folder is as it was before.
    """
    source = stamp(job.ref)  # before reading: a file that changes meanwhile must not pass for the one that was scored
    info = probe(job.ref)
    with Staging(job.folder) as staging:
        series = _score(job, info, staging.path)
        scores = series.scores(job.ref.name)
        if job.overlay:
            started = time.perf_counter()
            _draw(job, info, scores, series.events, staging.path)
            series.overlay_s = time.perf_counter() - started
            if not job.maps:
                (staging.path / MAPS).unlink()
        save_timeline(staging.path / TIMELINE, scores, job.alarm.value, series.events)
        found = _events(job, series.events)
        if job.model.cfg.level != "frame":
            _add_tracks(found["events"], staging.path / OBJECTS)
        _write_json(staging.path / EVENTS, found)
        record = _record(job, info, series, source)
        _write_json(staging.path / RECORD, record)
        staging.publish(RECORD, stale=() if _still_valid(job) else PRODUCTS)
    return ScoredVideo(
        name=job.ref.name,
        folder=job.folder,
        frames=record["frames"],
        seconds=round(series.total_s, 3),
        fps=record["timings"]["frames_per_s"],
        skipped=False,
        events=series.events,
        peak=record["peak"],
        warnings=record["warnings"],
    )


def _record(job: Job, info: VideoInfo, series: _Series, source: dict[str, Any]) -> dict[str, Any]:
    """What run.json says."""
    cfg = job.model.cfg
    facts = {"width": info.width, "height": info.height, "fps": info.fps, "rotation": info.rotation}
    return {
        "finished": True,
        "name": job.ref.name,
        "frames": len(series.score),
        "peak": max(series.score),
        "events": len(series.events),
        "protocol": protocol(job.model),
        "threshold": job.alarm.value,
        "warnings": _warnings(job, info, series),
        "source": {**source, "fingerprint": fingerprint(job.ref), **facts},
        "model": job.model.hash,
        "device": str(job.model.device),
        "precision": cfg.scoring.precision,
        "seed": cfg.seed,
        "versions": versions(),
        "timings": {
            "decode_s": round(series.decode_s, 3),
            "score_s": round(series.total_s - series.decode_s, 3),
            "overlay_s": round(series.overlay_s, 3),
            "frames_per_s": round(len(series.score) / max(series.total_s, 1e-9), 2),
        },
        "key": dict(job.key),
        "config": cfg.model_dump(mode="json"),
    }


def _score(job: Job, info: VideoInfo, folder: Path) -> _Series:
    """The first pass: scores.csv and, where wanted, maps.npy in folder; everything else is returned."""
    keep_maps = job.maps or job.overlay
    detector = None
    if job.alarm.value is not None:
        detector = EventDetector(job.alarm.value, job.model.cfg.alarm, (info.width, info.height))
    series = _Series(job.model.names)
    started = time.perf_counter()
    if job.model.cfg.level != "frame":
        job.tell("detect", 0, info.frames)
    scorer = job.model.scorer(info, keep_maps or job.alarm.threshold is not None, job.ref)
    with (
        VideoReader(job.ref, scorer.size) as reader,
        ScoreWriter(folder, job.model.names, maps=keep_maps) as writer,
        ObjectWriter(folder) if job.model.cfg.level != "frame" else nullcontext() as objects,
    ):

        def take(done: list[FrameScore]) -> None:
            for s in done:
                writer.write(s)
                series.add(s)
                if objects is not None:
                    objects.write(s)
                if detector is not None:
                    series.events += closed(detector.push(s))

        for frame in _timed(reader, series):
            take(scorer.push(frame))
            if (frame.index + 1) % REPORT_EVERY == 0:
                job.tell("score", frame.index + 1, info.frames)
        take(scorer.finish())
        if detector is not None:
            series.events += closed(detector.finish())
    series.total_s = time.perf_counter() - started
    job.tell("score", len(series.score), len(series.score))
    return series


def _timed(reader: VideoReader, series: _Series) -> Iterator[Frame]:
    """The frames; counts on the way how long decoding took and which frames repeat the one before."""
    before: NDArray[np.uint8] | None = None
    while True:
        started = time.perf_counter()
        frame = next(reader, None)
        series.decode_s += time.perf_counter() - started
        if frame is None:
            return
        if before is not None and np.array_equal(before, frame.image):
            series.repeated += 1
        before = frame.image
        yield frame


def _draw(job: Job, info: VideoInfo, scores: VideoScores, events: list[Event], folder: Path) -> None:
    """The second pass: overlay.mp4 from the video and its maps."""
    value = job.alarm.value
    # Without a threshold the bar shows the score against the top of its range, and nothing is marked as an alarm.
    scale = Scale(value, 3.0 * value) if value is not None and value > 0 else Scale(1.0, 1.0)
    maps = np.load(folder / MAPS, mmap_mode="r")
    with VideoReader(job.ref) as reader, VideoWriter(folder / OVERLAY, (info.width, info.height), info.fps) as writer:
        for frame in reader:
            i = frame.index
            s = FrameScore(i, frame.time_s, float(scores.score[i]), {})
            running = next((k for k, e in enumerate(events, 1) if e.start_frame <= i <= e.end_frame), None)
            score_map = np.asarray(maps[i], dtype=np.float32)
            # An event has a place even where several readouts raised it together and none of them is beyond normal by itself.
            least = 1.0 if running is None else min(1.0, PEAK_SHARE * float(score_map.max()))
            image = blend(frame.image, score_map, least, MAP_TOP)
            writer.write(draw_frame(image, s, scale, running), frame.time_s)
            if (i + 1) % REPORT_EVERY == 0:
                job.tell("overlay", i + 1, len(scores.score))
    job.tell("overlay", len(scores.score), len(scores.score))


def _events(job: Job, events: list[Event]) -> dict[str, Any]:
    return {
        "video": job.ref.name,
        "threshold": job.alarm.value,
        "note": job.alarm.note,
        "units": UNITS if job.model.cfg.scoring.normalise == "train" else UNITS_PER_VIDEO,
        "events": [event_to_dict(e) for e in events],
    }


def _add_tracks(events: list[dict[str, Any]], path: Path) -> None:
    """Give each event of events.json its tracks: the objects that were above 1 in it or the highest of a frame, with their
    box in every frame of the event."""
    for e in events:
        e["tracks"] = {}
    for frame, o in read_objects(path):
        for e in events:
            if e["start_frame"] <= frame <= e["end_frame"]:
                e["tracks"].setdefault(o.track, []).append((frame, o))
    for e in events:
        tops: dict[int, tuple[float, int]] = {}
        for track, seen in e["tracks"].items():
            for frame, o in seen:
                tops[frame] = max(tops.get(frame, (-1e9, 0)), (o.score, track))
        leading = {track for _, track in tops.values()}
        kept = {k: v for k, v in e["tracks"].items() if k in leading or max(o.score for _, o in v) > 1.0}
        e["tracks"] = [_track(k, v) for k, v in sorted(kept.items())]


def _track(track: int, seen: list[tuple[int, ObjectScore]]) -> dict[str, Any]:
    top_frame, top = max(seen, key=lambda f: f[1].score)
    return {
        "track": track,
        "label": top.label,
        "readout": top.readout,
        "peak": top.score,
        "peak_frame": top_frame,
        "boxes": [[frame, *(round(v, 2) for v in o.box), round(o.score, 4)] for frame, o in seen],
    }


def _warnings(job: Job, info: VideoInfo, series: _Series) -> list[str]:
    """What a reader of the scores should know, in words."""
    out = [] if job.alarm.warning is None else [job.alarm.warning]
    if job.ref.kind == "frames":
        out.append(f"a folder of frames carries no time: {info.fps:g} frames/s were assumed")
    trained, now = (_clip_rate(job, fps) for fps in (job.model.trained_fps, info.fps))
    if trained > 0 and abs(now / trained - 1) > 0.1:
        out.append(
            f"the model learned from clips of {trained:.3g} frames/s (video of {job.model.trained_fps:g}), here they have "
            f"{now:.3g} (video of {info.fps:g}): everything moves {'less' if now > trained else 'more'} from frame to frame "
            "than what the model learned"
        )
    n = len(series.score)
    if series.repeated:
        out.append(f"{series.repeated} of {n} frames repeat the frame before: the motion around them is not what was filmed")
    gaps = np.diff(np.array(series.time_s))
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    jumps = int(np.sum(gaps > 1.8 * usual)) if usual > 0 else 0
    if jumps:
        out.append(f"{jumps} of {n - 1} time steps are longer than usual (frames are missing, or the frame rate varies)")
    return out


def _clip_rate(job: Job, fps: float) -> float:
    """Frames per second of the model's clips in video of this rate."""
    return fps / step_at(fps, job.model.cfg) if fps > 0 else 0.0


def _still_valid(job: Job) -> bool:
    """Whether products of an earlier run that this one did not make (an overlay, say) belong to the same scores."""
    if job.force:
        return False
    return finished(job.folder, job.ref, job.key, [SCORES]) is not None


def _write_json(path: Path, value: Any) -> None:
    try:
        path.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as e:
        raise OutputError(f"{path.parent.parent / path.name}: cannot be written: {e.strerror or e}") from e
