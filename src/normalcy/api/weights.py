"""Pretrained weights that have a name: where each was found, or how to get it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from normalcy.detection.weights import KNOWN, find_weights, locate
from normalcy.errors import UsageError
from normalcy.types import Progress


@dataclass(frozen=True, slots=True)
class WeightsState:
    """One name."""

    name: str
    what: str
    path: Path | None
    """None where no file of it was found."""
    get: str
    """The command by which it is got."""


def weights_state() -> list[WeightsState]:
    """All names, looked for as training and scoring look for them. Fetches nothing."""
    return [WeightsState(name, w.what, locate(name), w.get) for name, w in KNOWN.items()]


def get_weights(names: Sequence[str], progress: Progress | None = None) -> list[Path]:
    """The files of these names, fetched where they are not there yet.

    Raises UsageError for an unknown name, WeightsError where a file cannot be fetched, with what to do instead.
    """
    unknown = [n for n in names if n not in KNOWN]
    if unknown:
        raise UsageError(f"no weights are known by the name {unknown[0]!r}; there are {', '.join(KNOWN)}")

    def told(name: str) -> Callable[[int, int | None], None] | None:
        return None if progress is None else lambda n, of: progress(f"fetch {name}", n, of, {})

    return [find_weights(name, told(name)) for name in names]
