"""A camera that keeps coming back: connect, read, drop what nobody takes in time, connect again.

Reads in a thread of its own into a bounded queue. Times on the camera's axis are seconds since the feed began: spaced as the
stream stamps its pictures, and after a pause moved on by what the clock on the wall says. Wall times are when a picture came.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from normalcy.errors import VideoError
from normalcy.types import Frame, VideoInfo
from normalcy.video.clock import Clock
from normalcy.video.connection import Connection, Picture, Target, connect
from normalcy.video.ring import Ring
from normalcy.video.still import Still

MEASURE_S = 1.0
"""Stretch of a stream from which its frame rate is measured."""
MEASURE_MOST = 60
AGREE = 0.1
"""A stated frame rate that is off the measured one by more than this share is not believed."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The camera delivers, from here on in this size and rate."""

    info: VideoInfo
    wall: float


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture."""

    frame: Frame
    """``index`` counts what came in since the feed began, so a gap in it is what was dropped; ``image`` is resized."""
    wall: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection failed or could not be made; it is tried again."""

    reason: str
    wall: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A file is over. Nothing follows."""

    wall: float
    reason: str | None = None
    """Why it could not be read to its end."""


Item = Opened | Shown | Lost | Ended


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what."""

    open_s: float = 10.0
    read_s: float = 10.0
    """A stream that sends nothing, or nothing that can be decoded, for so long is lost."""
    retry_s: float = 1.0
    """Before the first retry; then twice as long each time."""
    retry_most_s: float = 10.0
    queue_s: float = 4.0
    """Pictures that wait for the scorer; beyond it the older half is dropped."""


@dataclass
class Counters:
    """What a feed counts. They only grow."""

    frames: int = 0
    dropped: int = 0
    damaged: int = 0
    connections: int = 0
    last_wall: float | None = field(default=None)


class Feed:
    """The pictures of one camera for one reader. take() never blocks."""

    def __init__(
        self,
        target: Target,
        name: str,
        size_of: Callable[[int, int], tuple[int, int]],
        ring: Ring | None = None,
        patience: Patience = Patience(),
        fast: bool = False,
        news: threading.Event | None = None,
        still: Still | None = None,
    ) -> None:
        """What is read and how.

        Args:
            target: the source.
            name: of the camera, for ``Opened.info``.
            size_of: (width, height) of the source to (width, height) of the pictures that are handed over.
            ring: is given every packet.
            patience: time limits.
            fast: a file is read as fast as its pictures are taken, and none is dropped; else at the speed it was filmed.
            news: is set whenever there is something to take.
            still: is offered every picture.
        """
        self._target, self._name, self._size_of, self._ring = target, name, size_of, ring
        self._patience = patience
        self._fast = fast and target.kind == "file"
        # HLS comes in bursts of whole segments, and its server does not mind who is late.
        self._waits = self._fast or (target.kind == "http" and ".m3u8" in target.shown)
        self._still = still
        self._news = news or threading.Event()
        self._lock = threading.Condition()
        self._queue: deque[Item] = deque()
        self._pictures = 0  # of the items in the queue
        self._most = 1
        self._stop = threading.Event()
        self._zero = time.monotonic()
        self._last_s: float | None = None
        self.counters = Counters()
        self._thread = threading.Thread(target=self._run, name=f"camera-{name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Read no more. A read that hangs is left to its time limit."""
        self._stop.set()
        with self._lock:
            self._lock.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def take(self, most: int = 64) -> list[Item]:
        """What came since the last call, oldest first, at most so many."""
        with self._lock:
            out = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
            self._pictures -= sum(isinstance(i, Shown) for i in out)
            self._lock.notify_all()
        return out

    def _put(self, item: Item) -> None:
        with self._lock:
            if isinstance(item, Shown):
                while self._waits and self._pictures >= self._most and not self._stop.is_set():
                    self._lock.wait(1.0)
                if self._pictures >= self._most:
                    self._drop()
                self._pictures += 1
            self._queue.append(item)
        self._news.set()

    def _drop(self) -> None:
        """The older half of the pictures goes at once: one long gap leaves whole clips around it, many short ones none."""
        drop, kept = (self._pictures + 1) // 2, deque[Item]()
        for item in self._queue:
            if drop and isinstance(item, Shown):
                drop, self._pictures = drop - 1, self._pictures - 1
                self.counters.dropped += 1
            else:
                kept.append(item)
        self._queue = kept

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            before = self.counters.frames
            why = self._connection()
            if self._stop.is_set():
                return
            if self._target.kind == "file":
                self._put(Ended(time.time(), why))
                return
            if self._ring is not None:
                self._ring.begin(None)
            failures = 1 if self.counters.frames > before else failures + 1
            self._put(Lost(why or "the stream ended", time.time()))
            wait = min(self._patience.retry_s * 2.0 ** (failures - 1), self._patience.retry_most_s)
            self._stop.wait(wait * random.uniform(0.75, 1.25))

    def _connection(self) -> str | None:
        """One connection from beginning to end; returns why it failed, None where it just ended."""
        connection: Connection | None = None
        try:
            connection = connect(self._target, self._patience.open_s, self._patience.read_s, lambda: not self._stop.is_set())
            self.counters.connections += 1
            self._begin_ring(connection)
            self._serve(connection)
        except Exception as e:  # anything at all: a camera that is not read again is worse than any reason
            return str(e) if isinstance(e, VideoError) else f"{self._target.shown}: {type(e).__name__}"
        finally:
            if connection is not None:
                connection.close()
        return None

    def _begin_ring(self, connection: Connection) -> None:
        if self._ring is not None:
            self._ring.begin(connection.segment())

    def now_s(self) -> float:
        """The camera's time axis at this moment; of a file the time of its newest picture."""
        return self._last_s or 0.0 if self._target.kind == "file" else time.monotonic() - self._zero

    def _serve(self, connection: Connection) -> None:
        damaged, seen = self.counters.damaged, time.monotonic()
        segment: _Segment | None = None
        try:
            for entry, pictures in connection.read():
                if self._stop.is_set():
                    return
                self.counters.damaged = damaged + connection.damaged
                for p in pictures:
                    if segment is None or (p.width, p.height) != (segment.width, segment.height):
                        if segment is not None:
                            segment.end()
                            self._begin_ring(connection)
                        segment = _Segment(self, connection, p)
                    segment.push(p)
                    seen = time.monotonic()
                if entry is not None and self._ring is not None:
                    shown_s = self._last_s if segment is not None and segment.begun else None
                    self._ring.add(replace(entry, time_s=self.now_s() if shown_s is None else shown_s))
                if self._target.kind not in ("file", "pictures") and time.monotonic() - seen > self._patience.read_s:
                    raise VideoError(f"{self._target.shown}: no picture could be decoded for {self._patience.read_s:g} s")
        finally:
            if segment is not None:
                segment.end()


class _Segment:
    """Pictures of one size in one connection, from its first on."""

    def __init__(self, feed: Feed, connection: Connection, first: Picture) -> None:
        self._feed, self._connection = feed, connection
        self.width, self.height = first.width, first.height
        self._size = feed._size_of(first.width, first.height)
        self._held: list[tuple[Picture, NDArray[np.uint8], float]] | None = []  # until the rate is known
        self._clock: Clock[tuple[Picture, NDArray[np.uint8], float]] | None = None
        self._base_s = feed.now_s()

    @property
    def begun(self) -> bool:
        return self._held is None

    def push(self, p: Picture) -> None:
        image, wall = p.convert(self._size), time.time()
        if self._feed._still is not None:
            self._feed._still.offer(p)
        if self._held is None:
            self._emit(p, image, wall)
            return
        self._held.append((p, image, wall))
        stated = self._connection.rate is not None and self._feed._target.kind == "file"
        stamps = [q.stamp_s for q, _, _ in self._held if q.stamp_s is not None]
        if stated or len(self._held) >= MEASURE_MOST or (len(stamps) > 4 and stamps[-1] - stamps[0] >= MEASURE_S):
            self.begin()

    def begin(self) -> None:
        """The rate is known, or will not be known better: announce the segment and what was held."""
        if not self._held:
            return
        feed, held = self._feed, self._held
        self._held = None
        fps = _rate([p.stamp_s for p, _, _ in held], self._connection.rate, feed._target.kind == "file")
        if feed._last_s is not None:
            self._base_s = max(self._base_s, feed._last_s + 1.0 / fps)
        self._clock = Clock(1.0 / fps)
        feed._most = max(2, round(feed._patience.queue_s * fps))
        path = Path(feed._target.shown)
        feed._put(Opened(VideoInfo(feed._name, path, self.width, self.height, fps, None), held[0][2]))
        for p, image, wall in held:
            self._emit(p, image, wall)

    def end(self) -> None:
        """No picture follows: hand over what still waits."""
        self.begin()
        if self._clock is not None:
            for timed in self._clock.finish():
                self._show(*timed.item, timed.time_s)

    def _emit(self, p: Picture, image: NDArray[np.uint8], wall: float) -> None:
        assert self._clock is not None  # set with the first picture
        for timed in self._clock.push((p, image, wall), p.stamp_s):
            self._show(*timed.item, timed.time_s)

    def _show(self, p: Picture, image: NDArray[np.uint8], wall: float, clock_s: float) -> None:
        feed = self._feed
        time_s = round(self._base_s + clock_s, 9)
        if feed._target.kind == "file":
            ahead = feed._zero + time_s - time.monotonic()
            if feed._fast:
                wall += ahead
            elif ahead > 0:
                feed._stop.wait(ahead)
                wall = time.time()
        feed._last_s = time_s
        c = feed.counters
        c.frames, c.last_wall = c.frames + 1, wall
        if feed._ring is not None:
            feed._ring.shown(time_s, p.pts)
        feed._put(Shown(Frame(c.frames - 1, time_s, image), wall))


def _rate(stamps: list[float | None], stated: float | None, believe: bool) -> float:
    """Frames per second: what the source states, unless its stamps say otherwise."""
    known = [s for s in stamps if s is not None]
    steps = [b - a for a, b in pairwise(known) if b > a]
    if believe and stated is not None:
        return stated
    if len(steps) < 3:
        return stated or 25.0
    # The mean resists stamps that come in pairs, the median a hole; where they disagree there is a hole.
    typical, mean = 1.0 / median(steps), len(steps) / sum(steps)
    measured = typical if mean < 0.8 * typical else mean
    if stated is not None and abs(stated / measured - 1.0) <= AGREE:
        return stated
    return min(max(round(measured, 2), 0.1), 240.0)
