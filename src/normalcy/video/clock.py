"""One rule of time for every source: the stamps that a file or a camera carries -> seconds that strictly rise.

Stamps lie: recorders restart them, cameras correct their clock, a damaged packet carries a wild one. The rule:

- A stamp that lies where it is expected, or up to ``jump_s`` (5 s) later, is the truth: rates vary, cameras drop pictures.
- A stamp further off, forward or back, is not believed; its picture stands at its expected place, one mean period after
  the one before. So does one that steps back by less while those after it go on as before, and one that is missing.
- Where three stamps in a row agree with each other and not with the time so far, they are a new time line (recordings that
  were joined, a clock that was set). It is joined on: its first picture stands one period after the one before.
- Where pictures are known to have been lost in between, a step forward is a gap and stays one.

To know what follows, an odd stamp waits for the next two; all others pass at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

JUMP_S = 5.0
"""A stamp further than this from its expected place is not believed by itself."""
JUMP_PERIODS = 5.0
"""The same for sources with less than a picture a second, in mean periods."""
LONGEST_HOLE_S = 3600.0
"""How long a gap may be where an unknown number of pictures was lost. Beyond, another clock is likelier than a hole."""
AGREE = 3
"""So many stamps in a row make a new time line."""


class Timed(NamedTuple, Generic[T]):
    """An item with its place in time."""

    item: T
    time_s: float
    step_s: float = 0.0
    """Where a new time line begins with it: by how much its stamp is ahead of (below 0: behind) that place."""


@dataclass(frozen=True, slots=True)
class Join:
    """A new time line that was joined on."""

    time_s: float
    """Where it begins, in seconds of the result."""
    step_s: float
    """By how much its stamps are ahead of (or, below 0, behind) the place they were given."""


class _Held(NamedTuple, Generic[T]):
    item: T
    stamp: float | None
    lost: int
    hole: bool


class Clock(Generic[T]):
    """push() items with their stamps, get them back with their times, in order; finish() gives back what still waits.

    period_s: mean time between two items, in seconds. start_s: the stamp that is 0 s (the container's start); None: the first
    stamp that is believed. jump_s: see the rule above.
    """

    def __init__(self, period_s: float, start_s: float | None = None, jump_s: float = JUMP_S) -> None:
        self._period = period_s
        self._tolerance = max(jump_s, JUMP_PERIODS * period_s)
        self._offset = None if start_s is None else -start_s
        self._last: float | None = None
        self._held: deque[_Held[T]] = deque()
        self.joins: list[Join] = []
        self.ignored = 0
        """Stamps that were there and not believed."""

    def push(self, item: T, stamp_s: float | None, lost: int = 0, hole: bool = False) -> list[Timed[T]]:
        """Take the next item; returns those whose time is settled now, oldest first.

        Args:
            item: Whatever is to be timed.
            stamp_s: Its own stamp in seconds, None where it has none.
            lost: Items that are known to be missing between the one before and this one.
            hole: Whether an unknown number is missing there.
        """
        self._held.append(_Held(item, stamp_s, lost, hole))
        return list(self._settled(ended=False))

    def finish(self) -> list[Timed[T]]:
        """The items that still wait, at the end of the source."""
        return list(self._settled(ended=True))

    def place(self, stamp_s: float) -> float:
        """Where a stamp lies on the present time line, in seconds."""
        return max(0.0, round(stamp_s + (self._offset or 0.0), 9))

    def _settled(self, ended: bool) -> Iterator[Timed[T]]:
        while self._held:
            if self._offset is None and self._held[0].stamp is not None:
                self._offset = self._next(self._held[0]) - self._held[0].stamp
            timed = self._settle(self._held[0], ended)
            if timed is None:
                return
            self._held.popleft()
            self._last = timed.time_s
            yield timed

    def _settle(self, head: _Held[T], ended: bool) -> Timed[T] | None:
        """The oldest item with its time; None where that depends on what follows."""
        place = self._place(head)
        if place is not None and self._rises(place) and place <= self._next(head) + self._period:
            return Timed(head.item, place)
        if len(self._held) < AGREE and not ended:
            return None
        fits = place is not None and self._fits(place, self._reach(head))
        back = self._back_on_line(head, place if fits else None)
        if place is not None and fits and back is None:
            return Timed(head.item, place)
        if head.stamp is not None and back != 1 and self._agree():
            return self._join(head)
        self.ignored += head.stamp is not None
        return Timed(head.item, self._between(head, back))

    def _place(self, held: _Held[T]) -> float | None:
        if held.stamp is None or self._offset is None:
            return None
        return round(held.stamp + self._offset, 9)  # 1.56, not 1.5599999999999998

    def _next(self, held: _Held[T]) -> float:
        """Where the item is expected."""
        return round((-self._period if self._last is None else self._last) + (1 + held.lost) * self._period, 9)

    def _rises(self, place: float) -> bool:
        return place >= 0 if self._last is None else place > self._last

    def _fits(self, place: float, reach: float) -> bool:
        return self._rises(place) and place <= reach

    def _reach(self, upto: _Held[T]) -> float:
        """The latest place at which an item is believed without others that agree."""
        steps = 0
        for held in self._held:
            steps += 1 + held.lost
            if held is upto:
                break
        last = -self._period if self._last is None else self._last
        return last + steps * self._period + self._tolerance

    def _back_on_line(self, head: _Held[T], before: float | None) -> int | None:
        """How many items after the head one follows that fits the time so far (and lies before ``before``); None: none does."""
        for i, held in enumerate(self._held):
            place = self._place(held)
            if held is head or place is None or not self._fits(place, self._reach(held)):
                continue
            if before is None or place < before:
                return i
        return None

    def _agree(self) -> bool:
        """Whether the items that wait agree with each other."""
        stamps = [h.stamp for h in self._held]
        if len(stamps) < AGREE:
            return False
        for a, b, held in zip(stamps, stamps[1:], list(self._held)[1:], strict=False):
            if a is None or b is None or not 0 < b - a <= (1 + held.lost) * self._period + self._tolerance:
                return False
        return True

    def _join(self, head: _Held[T]) -> Timed[T]:
        """Begin a new time line with the head, or a gap where pictures are known to be lost."""
        place, expected = self._place(head), self._next(head)
        assert place is not None and head.stamp is not None
        begins = self._last is None and place >= 0  # the container's word on when its picture starts
        if begins or (head.hole and expected < place <= expected + LONGEST_HOLE_S):
            return Timed(head.item, place)
        step = round(place - expected, 6)
        self.joins.append(Join(expected, step))
        self._offset = expected - head.stamp
        return Timed(head.item, expected, step)

    def _between(self, head: _Held[T], back: int | None) -> float:
        """The expected place, or less where the next item that fits leaves less room."""
        expected = self._next(head)
        place = None if back is None else self._place(self._held[back])
        if place is None or back is None:
            return expected
        last = -self._period if self._last is None else self._last
        return max(0.0, round(min(expected, last + (place - last) / (back + 1)), 9))


def times(
    stamps_s: Iterable[float | None], period_s: float, start_s: float | None = None, jump_s: float = JUMP_S
) -> list[float]:
    """The times in seconds of items with these stamps, by the rule of this module. As many as there are stamps."""
    clock: Clock[None] = Clock(period_s, start_s, jump_s)
    done = [t for stamp in stamps_s for t in clock.push(None, stamp)]
    return [t.time_s for t in done + clock.finish()]
