"""What the functions of the API hand back. Plain values; to_dict() is what ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from normalcy.types import Event

if TYPE_CHECKING:
    from normalcy.metrics.auc import FrameMetrics
    from normalcy.metrics.bootstrap import Bootstrap
    from normalcy.metrics.bysize import SizeMetrics
    from normalcy.metrics.compare import Comparison
    from normalcy.metrics.pixel import PixelMetrics
    from normalcy.metrics.table import ResultRow


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


@dataclass(frozen=True, slots=True)
class EvalResult:
    """Results of one method, and of the baselines beside it."""

    metrics: FrameMetrics
    intervals: Bootstrap
    rows: Sequence[ResultRow]
    """The method first, then the baselines, as a table shows them."""
    sizes: SizeMetrics | None = None
    """AUC by size of the anomaly, where masks were given."""
    pixel: PixelMetrics | None = None
    """Pixel-level results, where masks were given and the scores have maps."""
    notes: Sequence[str] = ()
    versus: Comparison | None = None
    """The method against another one on the same videos, where one was given."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "metrics": self.metrics.to_dict(),
            "intervals": self.intervals.to_dict(),
            "rows": [asdict(r) for r in self.rows],
            "sizes": self.sizes.to_dict() if self.sizes is not None else None,
            "pixel": self.pixel.to_dict() if self.pixel is not None else None,
            "notes": list(self.notes),
            "versus": self.versus.to_dict() if self.versus is not None else None,
        }


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made."""

    folder: Path
    report: Path
    """The HTML page."""
    rows: Sequence[ResultRow]
    """The model first, then the baselines."""
    seconds: Mapping[str, float]
    """Wall time of each stage."""
    events: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "folder": str(self.folder),
            "report": str(self.report),
            "rows": [asdict(r) for r in self.rows],
            "seconds": dict(self.seconds),
            "events": self.events,
        }


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
