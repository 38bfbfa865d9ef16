"""An archive through a runner: each recording a call, a long one several, and one more that puts its parts together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from normalcy.api.archive_calls import Order, Plan, Recording, at_address, join, score_or_plan, score_part, score_whole
from normalcy.api.in_order import InOrder
from normalcy.errors import NormalcyError, SourceError
from normalcy.results.scored import ScoredVideo
from normalcy.runners.base import Handle, LostError, Outcome, Runner
from normalcy.scoring.parts import Span
from normalcy.types import Progress
from normalcy.video.parts import NotSoundError


def score_archive(
    recordings: Sequence[Recording], order: Order, runner: Runner, progress: Progress | None, single: bool
) -> tuple[dict[str, ScoredVideo], dict[str, str]]:
    """(scored videos, failed ones with the reason) by name.

    single: raise what the only recording raises. Raises OutputError where results cannot be written, EngineError where the
    engine is gone, and whatever else concerns all recordings.
    """
    return _Run(recordings, order, runner, progress, single).run()


@dataclass(slots=True)
class _Parted:
    """A long recording while its parts are read."""

    recording: Recording
    plan: Handle
    left: deque[Span]
    """Not handed in yet."""
    running: dict[Handle, Span] = field(default_factory=dict)
    done: dict[Span, Handle] = field(default_factory=dict)


class _Run:
    def __init__(
        self, recordings: Sequence[Recording], order: Order, runner: Runner, progress: Progress | None, single: bool
    ) -> None:
        self._order, self._runner, self._single = order, runner, single
        self._shared = runner.share(order)
        self._waiting = deque(recordings)
        self._recordings = {r.name: r for r in recordings}
        self._parted: dict[str, _Parted] = {}
        self._shown = InOrder([r.name for r in recordings], progress)
        self._scored: dict[str, ScoredVideo] = {}
        self._failed: dict[str, str] = {}
        self._running = 0

    def run(self) -> tuple[dict[str, ScoredVideo], dict[str, str]]:
        while True:
            self._hand_in()
            if not self._running:
                return self._scored, self._failed
            outcome = self._runner.next(self._shown.told)
            self._running -= 1
            self._take(outcome)

    def _hand_in(self) -> None:
        """Keep the workers busy; what was begun is brought to its end before another recording is."""
        while self._runner.room:
            parted = next((p for p in self._parted.values() if p.left), None)
            if parted is not None:
                part = parted.left.popleft()
                handle = self._submit(score_part, parted.recording, parted.plan, part, keep=True)
                parted.running[handle] = part
            elif self._waiting:
                self._submit(score_or_plan, self._waiting.popleft())
            else:
                return

    def _submit(self, call: Callable[..., object], recording: Recording, *more: object, keep: bool = False) -> Handle:
        self._running += 1
        return self._runner.submit(recording.name, call, self._shared, recording, *more, keep=keep)

    def _take(self, outcome: Outcome) -> None:
        name, value = outcome.handle.label, outcome.value
        parted = self._parted.get(name)
        if outcome.error is not None:
            self._parted.pop(name, None)
            if parted is not None:
                parted.running.pop(outcome.handle, None)
                self._runner.drop(parted.running)
                self._running -= len(parted.running)
            if isinstance(outcome.error, NotSoundError):
                self._submit(score_whole, self._recordings[name])
            else:
                self._fail(name, outcome.error)
        elif isinstance(value, ScoredVideo):
            self._parted.pop(name, None)
            self._scored[name] = at_address(value, self._order)
            self._shown.ended(name, value.frames)
        elif isinstance(value, Plan):
            self._parted[name] = _Parted(self._recordings[name], self._runner.share(value), deque(value.spans))
            self._shown.total(name, len(value.index))
        elif parted is not None:
            part = parted.running.pop(outcome.handle)
            parted.done[part] = outcome.handle
            self._shown.told(outcome.handle, "score", part.stop - part.first, None)
            if not parted.left and not parted.running:
                parts = [parted.done[s] for s in sorted(parted.done, key=lambda s: s.first)]
                self._submit(join, parted.recording, parted.plan, *parts)

    def _fail(self, name: str, error: BaseException) -> None:
        if isinstance(error, NormalcyError) and (self._single or not isinstance(error, SourceError)):
            raise error  # as on one machine: what concerns all recordings ends the run
        text = " ".join(str(error).split())
        if not isinstance(error, NormalcyError | LostError):
            text = f"unexpected {type(error).__name__}: {text or 'no message'}"
        source = self._recordings[name].source
        self._failed[name] = text if source in text else f"{source}: {text}"
        self._shown.ended(name, None)
