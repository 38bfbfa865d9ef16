"""A scored video and a run of them, as score() returns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from normalcy.results.events_json import event_to_dict
from normalcy.types import Event


@dataclass(frozen=True, slots=True)
class ScoredVideo:
    """One video that has its scores."""

    name: str
    folder: Path
    """Where scores.csv, events.json, timeline.png and run.json are."""
    frames: int
    seconds: float
    """Wall time of decoding and scoring; that of the earlier run for a skipped video."""
    fps: float
    """Frames scored per second of wall time."""
    skipped: bool
    """Whether an earlier run had finished it under the same settings."""
    events: Sequence[Event]
    peak: float
    """Highest frame score."""
    warnings: Sequence[str] = ()
    address: str = ""
    """Where those files are instead, for results at an fsspec address."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "folder": self.address or str(self.folder),
            "frames": self.frames,
            "seconds": self.seconds,
            "fps": self.fps,
            "skipped": self.skipped,
            "peak": self.peak,
            "events": [event_to_dict(e) for e in self.events],
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """All videos of one run, in the order of the sources."""

    videos: Sequence[ScoredVideo]
    failed: Mapping[str, str] = field(default_factory=dict)
    """Name of each video (or source) that could not be scored, with the reason."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"videos": [v.to_dict() for v in self.videos], "failed": dict(self.failed)}
