"""What a runner is: it takes calls with plain arguments, and says what became of each as it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

Report = Callable[[str, int, int | None], None]
"""What a call tells of its progress: (stage, done, total or None)."""
Call = Callable[..., Any]
"""``call(report, *arguments)``: a function at the top of a module, since it travels by its name. Handles among the arguments
are replaced by what they stand for."""


class LostError(Exception):
    """A call that brought its worker down, again and again: the message says how. One recording's trouble, not the run's."""


@dataclass(frozen=True, slots=True, eq=False)
class Handle:
    """Stands for what a call returns, or for a value that was shared."""

    label: str
    reference: Any
    """The runner's own."""


Told = Callable[[Handle, str, int, int | None], None]
"""Hears the progress of a call: (handle, stage, done, total or None)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call."""

    handle: Handle
    value: Any = None
    """None for a call whose value stays with the workers (``keep``)."""
    error: BaseException | None = None
    """What it raised; LostError where its worker did not survive it."""


class Runner(Protocol):
    """Runs calls. A context: leaving it cancels what still runs."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    @property
    def room(self) -> bool:
        """Whether another call is welcome; with none, enough are handed in to keep all workers busy."""
        ...

    def share(self, value: Any) -> Handle:
        """Send a value to the workers once, for the arguments of many calls."""
        ...

    def submit(self, label: str, call: Call, *arguments: Any, keep: bool = False) -> Handle:
        """Hand in a call. Returns at once. keep: its value is for other calls only, and does not come here."""
        ...

    def next(self, told: Told) -> Outcome:
        """Wait for a call to end; ``told`` hears of progress meanwhile. Raises EngineError where the engine itself is gone."""
        ...

    def drop(self, handles: Iterable[Handle]) -> None:
        """Nobody waits for these calls any more. They are cancelled, and no outcome comes of them."""
        ...
