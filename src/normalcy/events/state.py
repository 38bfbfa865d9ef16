"""What can be said of every camera at one moment: for metrics, for a home's dashboard, for the health endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CameraState:
    """One camera. Counters only grow while the process lives."""

    name: str
    source: str
    """Without its login."""
    state: str
    """``on``; ``lost``; ``paused`` by hand or by its schedule; ``held`` while its picture says nothing (dark, moved, ...);
    ``ended``; ``connecting`` before its first picture."""
    time: float = 0.0
    """Seconds since 1970."""
    fps: float = 0.0
    """Frames scored per second, lately."""
    score: float | None = None
    threshold: float | None = None
    frames: int = 0
    """Frames that came in."""
    scored: int = 0
    skipped: int = 0
    """Frames dropped because scoring did not keep up."""
    damaged: int = 0
    """Packets that could not be decoded."""
    reconnects: int = 0
    last_frame: float | None = None
    anomaly: bool = False
    """Whether an event of kind anomaly is going on."""
    problems: tuple[str, ...] = ()
    """Kinds of the health events that are going on."""
    enabled: bool = True
    """False while it is paused by hand."""
    events: Mapping[str, int] = field(default_factory=dict)
    """Reason (readout, or kind of a health event) -> events so far."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class WatchState:
    """All cameras, and what the sinks have still to take."""

    time: float
    cameras: tuple[CameraState, ...] = ()
    spooled: Mapping[str, int] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        """Whether every camera delivers pictures."""
        return all(c.state != "lost" for c in self.cameras)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        cameras = [c.to_dict() for c in self.cameras]
        return {"time": self.time, "ok": self.well, "cameras": cameras, "spooled": dict(self.spooled)}
