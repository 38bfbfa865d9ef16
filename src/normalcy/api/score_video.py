"""One video from its frames to its result folder. Memory holds the plain numbers per frame and nothing else that grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normalcy.api.stream import Stream, Update
from normalcy.errors import OutputError
from normalcy.events.detector import closed
from normalcy.files import Staging
from normalcy.results.product import Context, Product
from normalcy.results.products import PRODUCTS
from normalcy.results.record import Record
from normalcy.results.run_json import Timings, run_values, scored_video
from normalcy.results.scored import ScoredVideo
from normalcy.results.series import Series
from normalcy.results.warnings import warnings_of
from normalcy.scoring.model import Model
from normalcy.scoring.pipeline import Ahead, in_threads, room_for
from normalcy.scoring.settings import Alarm
from normalcy.types import Frame, Progress
from normalcy.video.damage import Damage
from normalcy.video.reader import VideoReader, probe
from normalcy.video.source import VideoRef

REPORT_EVERY = 8
"""Frames between two calls of the progress function."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to do with one video."""

    ref: VideoRef
    model: Model
    """With the settings that it scores with."""
    alarm: Alarm
    record: Record
    """In the folder of the result."""
    products: Sequence[type[Product]]
    force: bool
    progress: Progress | None

    def report(self, stage: str, done: int, total: int | None) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(f"{stage} {self.ref.name}", done, total, {})


@dataclass(frozen=True, slots=True)
class Passage:
    """What is known of the frames when all are scored."""

    decode_s: float
    repeated: int
    """How many frames repeat the one before."""
    damage: Damage
    before_s: float = 0.0
    """Wall time that went into these frames before, on other machines."""


Take = Callable[[Update], None]
Source = Callable[[Job, Context, bool, Take], Passage]
"""Scores all frames of a video: hands every update on, in order, and says what the frames were like. The flag: whether maps
are needed."""


class Observed:
    """The frames of a reader; counts how long they were waited for and which frames repeat the one before."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self.decode_s = 0.0
        self.repeated = 0

    def __iter__(self) -> Iterator[Frame]:
        before: NDArray[np.uint8] | None = None
        while True:
            started = time.perf_counter()
            frame = next(self._frames, None)
            self.decode_s += time.perf_counter() - started
            if frame is None:
                return
            self.repeated += before is not None and np.array_equal(before, frame.image)
            before = frame.image
            yield frame


def read_video(job: Job, context: Context, maps: bool, take: Take) -> Passage:
    """From the file, first frame to last."""
    cfg, info = job.model.cfg, context.info
    if cfg.level != "frame":
        job.report("detect", 0, info.frames)
    with (
        in_threads(job.model.scorer(info, maps, job.ref)) as scorer,
        VideoReader(job.ref, scorer.size, config=cfg.video) as reader,
        Ahead(reader, room_for(scorer.size)) as ahead,
    ):
        stream = Stream(scorer, job.alarm, cfg.alarm, (info.width, info.height))
        frames = Observed(ahead)
        for frame in frames:
            take(stream.push(frame))
            if (frame.index + 1) % REPORT_EVERY == 0:
                job.report("score", frame.index + 1, info.frames)
        take(stream.finish())
        return Passage(frames.decode_s, frames.repeated, reader.damage)


def score_video(job: Job, source: Source = read_video) -> ScoredVideo:
    """Score one video and put its folder in place, run.json last.

    Raises VideoError (the video), OutputError (the folder); then the folder is as it was before.
    """
    folder = job.record.path.parent
    with Staging(folder) as files:
        context = Context(job.ref, probe(job.ref, config=job.model.cfg.video), job.model, job.alarm, files, job.report)
        made = list(dict.fromkeys(q for p in job.products for q in (*p.needs, p)))
        with _writing(job):
            products = [p(context) for p in made]
        started = time.perf_counter()
        series, passage = _score(job, context, products, source)
        timings = Timings(passage.decode_s, time.perf_counter() - started + passage.before_s)
        scores = series.scores(job.ref.name)
        with _writing(job):
            for product in products:
                started = time.perf_counter()
                product.close(scores, series.events)
                timings.products_s[product.name] = time.perf_counter() - started
            for unasked in set(made) - set(job.products):
                (files.path / unasked.name).unlink()
        warnings = warnings_of(context, len(scores.score), passage.repeated, passage.damage)
        values = run_values(context, scores, series.events, warnings, timings, passage.damage.to_dict())
        job.record.publish(files, values, [p.name for p in PRODUCTS], force=job.force)
    return scored_video(folder, values, series.events, skipped=False)


def _score(job: Job, context: Context, products: Sequence[Product], source: Source) -> tuple[Series, Passage]:
    """All frames, from their source into the products."""
    series = Series(job.model.names)

    def take(update: Update) -> None:
        with _writing(job):
            for s in update.scores:
                series.add(s)
                for product in products:
                    product.write(s)
        series.events.extend(closed(update.changes))

    maps = any(p.reads_maps for p in products) or job.alarm.value is not None
    passage = source(job, context, maps, take)
    job.report("score", len(series.score), len(series.score))
    return series, passage


@contextmanager
def _writing(job: Job) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise OutputError(f"{job.record.path.parent}: cannot write results: {e.strerror or e}") from e
