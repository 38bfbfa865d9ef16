"""Delivery of events to where they are wanted: in order, retried until it works, from a folder that outlives the process.

A sink may be slow or down for days. The one who puts an event in never waits for it, and none is lost: it lies as a file in
the sink's folder until the sink has taken it. A kill between the two gives it once more (at least once).
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from normalcy.errors import NormalcyError, OutputError
from normalcy.events.record import EventRecord, record_from
from normalcy.events.state import WatchState
from normalcy.files import write_bytes
from normalcy.video.address import hidden

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 300.0
FACTOR = 2.0


class SinkError(NormalcyError):
    """A sink did not take an event; it is tried again later."""


class Sink(Protocol):
    """Takes changes of events. Each has a thread of its own, so it may block."""

    name: str

    def send(self, record: EventRecord) -> None:
        """Deliver one change. Raises SinkError where that failed; the same change then comes again."""
        ...

    def report(self, state: WatchState) -> None:
        """The state of all cameras, now and then. Nothing is retried: the next one is newer."""
        ...

    def close(self) -> None:
        """Say good-bye. Nothing follows."""
        ...


class Outbox:
    """The events that one sink has still to take. Thread-safe."""

    def __init__(
        self,
        sink: Sink,
        folder: Path,
        tell: Callable[[str], None],
        first_s: float = FIRST_RETRY_S,
        last_s: float = LAST_RETRY_S,
    ) -> None:
        """folder: of this sink alone; what lies in it is delivered first. tell: is told once when the sink fails and once when
        it works again. first_s, last_s: seconds until the first retry, and at most between two."""
        self._sink, self._folder, self._tell = sink, folder, tell
        self._first_s, self._last_s = first_s, last_s
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._memory: dict[int, bytes] = {}
        """Changes that could not be written to the folder."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._waiting = sorted(int(p.stem) for p in folder.glob("*.json") if p.stem.isdecimal())
        except OSError as e:
            raise OutputError(f"{folder}: cannot keep events here: {e.strerror or e}") from e
        self._next = self._waiting[-1] + 1 if self._waiting else 0
        self._state: WatchState | None = None
        self._failing = False
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        return self._sink.name

    @property
    def spooled(self) -> int:
        """Changes that the sink has not taken yet."""
        return len(self._waiting)

    def put(self, record: EventRecord) -> None:
        """Take a change for delivery. Never fails and never waits for the sink: without a disk it is kept in memory."""
        data = json.dumps(record.to_dict(), allow_nan=False).encode()
        with self._lock:
            number, self._next = self._next, self._next + 1
            try:
                write_bytes(self._path(number), data)
            except OutputError:
                self._memory[number] = data
            self._waiting.append(number)
        self._news.set()

    def report(self, state: WatchState) -> None:
        """Hand the sink the newest state of the cameras when it has time."""
        self._state = state
        self._news.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """Deliver for up to timeout_s seconds more; what is left is delivered after the next start."""
        self._stopping.set()
        self._news.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        delay = self._first_s
        while True:
            if not self._waiting:
                if self._stopping.is_set():
                    break
                self._news.wait(1.0)
            self._news.clear()
            self._report()
            self._save_memory()
            while self._waiting:
                if self._deliver(self._waiting[0]):
                    delay = self._first_s
                    continue
                if self._stopping.wait(delay * random.uniform(0.5, 1.0)):
                    break
                delay = min(delay * FACTOR, self._last_s)
            if self._stopping.is_set() and self._failing:
                break
        with suppress(Exception):
            self._sink.close()

    def _deliver(self, number: int) -> bool:
        path = self._path(number)
        try:
            data = self._memory.get(number) or path.read_bytes()
            record = record_from(json.loads(data))
        except (OSError, ValueError, NormalcyError) as e:  # someone removed or changed the file: it cannot be delivered ever
            self._tell(f"{self.name}: {path.name} cannot be read and is left out: {e}")
            self._done(number)
            return True
        try:
            self._sink.send(record)
        except Exception as e:  # whatever a sink's library throws must not end its thread
            if not self._failing:
                self._tell(f"{self.name}: {hidden(str(e))}; events wait until it works again")
            self._failing = True
            return False
        if self._failing:
            self._tell(f"{self.name}: works again, {self.spooled} events to go")
        self._failing = False
        self._done(number)
        return True

    def _done(self, number: int) -> None:
        with self._lock:
            self._waiting.remove(number)
            self._memory.pop(number, None)
            with suppress(OSError):
                self._path(number).unlink(missing_ok=True)

    def _save_memory(self) -> None:
        with self._lock:
            for number in list(self._memory):
                try:
                    write_bytes(self._path(number), self._memory[number])
                except OutputError:
                    return
                del self._memory[number]

    def _report(self) -> None:
        state, self._state = self._state, None
        if state is not None:
            with suppress(Exception):  # the next one follows
                self._sink.report(state)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.json"
