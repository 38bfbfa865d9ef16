"""Progress of many recordings at once, told as if they came one after the other, as on one machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from normalcy.runners.base import Handle
from normalcy.types import Progress


@dataclass(slots=True)
class _State:
    done: dict[Handle, int] = field(default_factory=dict)
    """Frames by call: a long recording has several."""
    total: int | None = None
    ended: bool = False
    frames: int | None = None
    """At its end; None where it failed."""


class InOrder:
    """Tells of the first recording that is not finished; those behind it are told of when it is."""

    def __init__(self, names: Sequence[str], progress: Progress | None) -> None:
        self._states = {name: _State() for name in names}
        self._order, self._at = list(names), 0
        self._progress = progress

    def total(self, name: str, frames: int) -> None:
        """A recording has so many frames."""
        self._states[name].total = frames

    def told(self, handle: Handle, stage: str, done: int, total: int | None) -> None:
        """What a call says of its recording."""
        state = self._states[handle.label]
        if state.ended:
            return
        state.done[handle] = done
        if self._progress is not None and self._order[self._at] == handle.label:
            whole, so_far = state.total if state.total is not None else total, sum(state.done.values())
            if so_far != whole:  # the last word on it is ended()'s
                self._progress(f"{stage} {handle.label}", so_far, whole, {})

    def ended(self, name: str, frames: int | None) -> None:
        """A recording is finished, with so many frames, or failed (None)."""
        state = self._states[name]
        state.ended, state.frames = True, frames
        while self._at < len(self._order) and self._states[self._order[self._at]].ended:
            name = self._order[self._at]
            frames = self._states.pop(name).frames
            self._at += 1
            if self._progress is not None and frames is not None:
                self._progress(f"score {name}", frames, frames, {})
