"""Decoding, flow and network side by side, each in a thread of its own: what is slow in them lets go of Python's lock.

Queues between them are bounded, order is kept, and what is computed of a frame does not depend on when: scores are the same to
the bit as one thread gives, only later. An error in a thread is raised where the next frame is asked for or pushed.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

from normalcy.scoring.scorer import Scorer
from normalcy.types import Frame, FrameScore

T = TypeVar("T")
ROOM_BYTES = 64 * 2**20
"""Pictures that may wait in one queue, in bytes, about."""
MOST, LEAST = 64, 4
"""Pictures that may wait in one queue, whatever their size."""
LOOK_S = 0.1
"""Seconds between two looks at whether a thread that waits is still wanted."""


def room_for(size: tuple[int, int]) -> int:
    """How many pictures of this size (width, height) may wait in a queue."""
    return max(LEAST, min(MOST, ROOM_BYTES // (3 * size[0] * size[1])))


class _End:
    """The last thing in a queue: what ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Ahead(Iterator[T], Generic[T]):
    """The items of an iterator, which a thread goes through ahead of whoever asks for them. Close it before the iterator."""

    def __init__(self, items: Iterator[T], room: int) -> None:
        self._items = items
        self._queue: queue.Queue[T | _End] = queue.Queue(room)
        self._stop = threading.Event()
        self._ended: _End | None = None
        self._thread = threading.Thread(target=self._run, name="normalcy-ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
            self._put(_End())
        except BaseException as e:  # whoever asks next is told
            self._put(_End(e))

    def _put(self, item: T | _End) -> bool:
        return _offer(self._queue, item, self._stop.is_set)

    def __next__(self) -> T:
        if self._ended is None:
            item = self._queue.get()
            if not isinstance(item, _End):
                return item
            self._ended = item
        if self._ended.error is not None:
            raise self._ended.error
        raise StopIteration

    def close(self) -> None:
        """End the thread. Safe to call twice."""
        self._stop.set()
        self._thread.join()
        self._ended = self._ended or _End()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@runtime_checkable
class Threadable(Protocol):
    """A scorer that knows how it is best taken apart."""

    def in_threads(self) -> Any: ...


class ThreadScorer:
    """A scorer whose work a thread does (normalcy.scoring.scorer.Scorer). Close it, or use it in a ``with``."""

    def __init__(self, scorer: Scorer, after: Callable[[], None] = lambda: None) -> None:
        """after: called when the thread has ended."""
        self._scorer, self._after = scorer, after
        self.size = scorer.size
        self._queue: queue.Queue[Frame | _End] = queue.Queue(room_for(scorer.size))
        self._done: queue.SimpleQueue[list[FrameScore]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="normalcy-scorer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    item = self._queue.get(timeout=LOOK_S)
                except queue.Empty:
                    continue
                if isinstance(item, _End):
                    self._done.put(self._scorer.finish())
                    return
                if scores := self._scorer.push(item):
                    self._done.put(scores)
        except BaseException as e:  # whoever pushes next is told
            self._error = e

    def push(self, frame: Frame) -> list[FrameScore]:
        """See Scorer; the scores of earlier frames that are there by now."""
        self._give(frame)
        return self._taken()

    def finish(self) -> list[FrameScore]:
        """See Scorer."""
        self._give(_End())
        self._thread.join()
        self._raise()
        return self._taken()

    def _give(self, item: Frame | _End) -> None:
        gone = lambda: self._stop.is_set() or not self._thread.is_alive()  # noqa: E731
        if not _offer(self._queue, item, gone):
            self._raise()
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _taken(self) -> list[FrameScore]:
        out: list[FrameScore] = []
        while not self._done.empty():
            out += self._done.get()
        return out

    def close(self) -> None:
        """End the thread, whatever it is at. Safe to call twice."""
        self._stop.set()
        self._thread.join()
        self._after()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def in_threads(scorer: Scorer) -> Any:
    """A scorer whose parts work side by side; to be used in a ``with``."""
    return scorer.in_threads() if isinstance(scorer, Threadable) else ThreadScorer(scorer)


def _offer(to: queue.Queue[Any], item: object, gone: Callable[[], bool]) -> bool:
    """Put an item into a queue as soon as there is room; False where nobody wants it any more."""
    while not gone():
        try:
            to.put(item, timeout=LOOK_S)
            return True
        except queue.Full:
            continue
    return False
