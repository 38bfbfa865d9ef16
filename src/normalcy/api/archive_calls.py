"""What workers do for an archive: score a recording, or read one part of a long one, or put its parts together.

Everything here travels as plain values: a worker may be another machine, which has Normalcy and nothing of this run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from normalcy import remote
from normalcy.api.load import load_model
from normalcy.api.score_video import Job, Observed, Passage, Source, Take, read_video, score_video
from normalcy.api.stream import Stream
from normalcy.config import Config
from normalcy.errors import NormalcyError
from normalcy.files import scratch
from normalcy.results.layout import RECORD
from normalcy.results.product import Context
from normalcy.results.products import PRODUCTS
from normalcy.results.record import Origin, Record
from normalcy.results.scored import ScoredVideo
from normalcy.runners.base import Report
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.model import Model
from normalcy.scoring.parts import PartReadings, Span, joined, spans, window_frames
from normalcy.scoring.parts import read_part as read_windows
from normalcy.scoring.settings import alarm
from normalcy.types import Frame
from normalcy.video.parts import Index, index_of, read_part
from normalcy.video.reader import working_size
from normalcy.video.source import VideoRef

SPLIT_FROM = 1.5
"""A recording is taken apart when it is this many times as long as a part."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording to score."""

    name: str
    source: str
    """Its path, or its address where it has an origin."""
    kind: Literal["file", "frames"] = "file"
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is the same for all recordings of a run."""

    model: Mapping[str, bytes] = field(repr=False)
    """The files of the model folder, by their path in it."""
    hash: str
    trained: Config = field(repr=False)
    config: Config = field(repr=False)
    """With the settings that it scores with."""
    key: Mapping[str, Any] = field(repr=False)
    """Of the records."""
    out: str
    """A folder that all machines see under this path, or an address."""
    products: tuple[str, ...]
    force: bool
    device: str
    runtime: str
    """What runs the networks (normalcy.load), on all machines alike."""
    part_s: float
    """Seconds of a long recording that one worker reads; 0: recordings are not taken apart."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A recording to be read in parts."""

    index: Index = field(repr=False)
    spans: tuple[Span, ...]


def score_or_plan(report: Report, order: Order, recording: Recording) -> ScoredVideo | Plan:
    """Score a recording, or say in which parts to read it. Raises what :func:`normalcy.score` raises."""
    if order.part_s and order.config.level == "frame" and recording.origin is None:
        ref = VideoRef(recording.name, Path(recording.source), recording.kind)
        index = index_of(ref, order.config.video, SPLIT_FROM * order.part_s)
        if index is not None and index.times_N[-1] - index.times_N[0] >= SPLIT_FROM * order.part_s:
            parts = spans(len(index), index.info.fps, order.config, round(order.part_s * index.info.fps))
            if len(parts) > 1:
                return Plan(index, tuple(parts))
    return score_whole(report, order, recording)


def score_whole(report: Report, order: Order, recording: Recording) -> ScoredVideo:
    """Score a recording from its first frame to its last."""
    return _scored(report, order, recording, read_video)


def score_part(report: Report, order: Order, recording: Recording, plan: Plan, part: Span) -> PartReadings:
    """Read the windows of one part. Raises NotSoundError where the recording has to be read as a whole."""
    started = time.perf_counter()
    model, ref = _model(order), VideoRef(recording.name, Path(recording.source), recording.kind)
    assert isinstance(model, FrameModel)  # others are not taken apart
    info, cfg, size = plan.index.info, model.cfg, working_size(plan.index.info.width, plan.index.info.height, model.cfg.input)
    opening: list[Frame] = []
    if part.first:
        opening = list(read_part(ref, plan.index, 0, window_frames(cfg, info.fps), size, cfg.video))
    before = min(1, part.first)  # one frame more, to tell whether the first repeats it
    seen = Observed(read_part(ref, plan.index, part.first - before, part.end, size, cfg.video))
    repeated = 0

    def frames() -> Iterator[Frame]:
        nonlocal repeated
        for frame in islice(iter(seen), before, None):
            if frame.index < part.stop:
                repeated = seen.repeated
            yield frame
            report("score", frame.index + 1 - part.first, part.stop - part.first)

    anchors = read_windows(model, info, part, frames(), opening)
    return PartReadings(
        np.array([a.frame for a in anchors]),
        np.stack([a.values_V for a in anchors]),
        np.stack([a.map_hw for a in anchors]),
        repeated,
        seen.decode_s,
        time.perf_counter() - started,
    )


def join(report: Report, order: Order, recording: Recording, plan: Plan, *parts: PartReadings) -> ScoredVideo:
    """Put the parts of a recording together, and write what a scored recording leaves."""

    def replay(job: Job, context: Context, maps: bool, take: Take) -> Passage:
        assert isinstance(job.model, FrameModel)
        stream = Stream(
            job.model.scorer(context.info), job.alarm, job.model.cfg.alarm, (context.info.width, context.info.height)
        )
        for scores in joined(job.model, context.info, plan.index.times_N, parts, maps):
            take(stream.follow(scores))
        take(stream.end())
        decode_s, total_s = sum(p.decode_s for p in parts), sum(p.total_s for p in parts)
        return Passage(decode_s, sum(p.repeated for p in parts), plan.index.damage, total_s)

    return _scored(report, order, recording, replay)


def _scored(report: Report, order: Order, recording: Recording, source: Source) -> ScoredVideo:
    def progress(stage: str, done: int, total: int | None, figures: Mapping[str, float]) -> None:
        report(stage.removesuffix(f" {recording.name}"), done, total)

    model = _model(order)
    products = [p for p in PRODUCTS if p.name in order.products]
    with _fetched(recording) as ref, _folder(order, recording) as folder:
        record = Record(folder / RECORD, ref, order.key, recording.origin)
        job = Job(ref, model, alarm(order.trained, model), record, products, order.force, progress)
        return score_video(job, source)


@contextmanager
def _fetched(recording: Recording) -> Iterator[VideoRef]:
    """The recording as a file here; errors name it as the user does."""
    if recording.origin is None:
        yield VideoRef(recording.name, Path(recording.source), recording.kind)
        return
    with scratch() as folder:
        local = folder / recording.source.rsplit("/", 1)[-1]
        remote.fetch(recording.source, local)
        try:
            yield VideoRef(recording.name, local, recording.kind)
        except NormalcyError as e:
            raise type(e)(str(e).replace(str(local), recording.source)) from e


@contextmanager
def _folder(order: Order, recording: Recording) -> Iterator[Path]:
    """The folder to write into; for results at an address, one here whose files go there in the end, the record last."""
    if not remote.is_address(order.out):
        yield Path(order.out) / recording.name
        return
    with scratch() as base:
        folder = base / recording.name
        yield folder
        made = sorted(p.name for p in folder.iterdir() if p.name != RECORD)
        stale = [RECORD, *(p.name for p in PRODUCTS if p.name not in made)]
        remote.put(folder, f"{order.out.rstrip('/')}/{recording.name}", [*made, RECORD], stale)


_loaded: dict[tuple[str, str], Model] = {}
"""The model that this process scored with last: workers serve many calls."""


def _model(order: Order) -> Model:
    """The model of an order, with its settings."""
    key = (order.hash, order.device)
    if key not in _loaded:
        with scratch() as folder:
            for name, content in order.model.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            model = load_model(folder, order.device, order.runtime)
        _loaded.clear()
        _loaded[key] = model
    return _loaded[key].with_config(order.config)


def at_address(video: ScoredVideo, order: Order) -> ScoredVideo:
    """A scored video as the user finds it: where results went to an address, that."""
    if not remote.is_address(order.out):
        return video
    return replace(video, folder=Path(video.name), address=f"{order.out.rstrip('/')}/{video.name}")
