"""Calls one after the other in this very process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from normalcy.runners.base import Call, Handle, Outcome, Told


class _Slot:
    """A call, and what it returned once it ran."""

    def __init__(self, call: Call | None, arguments: tuple[Any, ...], keep: bool, value: Any = None) -> None:
        self.call, self.arguments, self.keep, self.value = call, arguments, keep, value


class Here:
    """A runner without workers. A call runs when an outcome is asked for."""

    def __init__(self) -> None:
        self._waiting: deque[Handle] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._waiting.clear()

    @property
    def room(self) -> bool:
        return not self._waiting

    def share(self, value: Any) -> Handle:
        return Handle("", _Slot(None, (), True, value))

    def submit(self, label: str, call: Call, *arguments: Any, keep: bool = False) -> Handle:
        handle = Handle(label, _Slot(call, arguments, keep))
        self._waiting.append(handle)
        return handle

    def next(self, told: Told) -> Outcome:
        handle = self._waiting.popleft()
        slot: _Slot = handle.reference
        arguments = [a.reference.value if isinstance(a, Handle) else a for a in slot.arguments]
        assert slot.call is not None
        try:
            slot.value = slot.call(lambda stage, done, total: told(handle, stage, done, total), *arguments)
        except Exception as e:
            return Outcome(handle, error=e)
        return Outcome(handle, None if slot.keep else slot.value)

    def drop(self, handles: Iterable[Handle]) -> None:
        unwanted = set(handles)
        self._waiting = deque(h for h in self._waiting if h not in unwanted)
