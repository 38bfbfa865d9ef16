"""A scored video and a run of them, as score() returns them; and one event as events.json has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "folder": str(self.folder),
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


def event_to_dict(e: Event) -> dict[str, Any]:
    """One entry of events.json."""
    return {
        "start_s": e.start_s,
        "end_s": e.end_s,
        "start_frame": e.start_frame,
        "end_frame": e.end_frame,
        "peak": e.peak,
        "peak_s": e.peak_s,
        "peak_frame": e.peak_frame,
        "region": None if e.region is None else list(e.region),
        "readout": e.readout,
    }


def event_from_dict(d: Mapping[str, Any]) -> Event:
    """The reverse of :func:`event_to_dict`. Raises KeyError, TypeError or ValueError for anything else."""
    region = d["region"]
    x1, y1, x2, y2 = (float(v) for v in region) if region is not None else (0.0, 0.0, 0.0, 0.0)
    return Event(
        start_frame=int(d["start_frame"]),
        end_frame=int(d["end_frame"]),
        peak_frame=int(d["peak_frame"]),
        start_s=float(d["start_s"]),
        end_s=float(d["end_s"]),
        peak_s=float(d["peak_s"]),
        peak=float(d["peak"]),
        region=(x1, y1, x2, y2) if region is not None else None,
        readout=str(d["readout"]),
    )
