"""The tables of the event store. A change here needs a migration (normalcy.events.migrations); a test compares the two."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ORDERS = {
    "by_time": ("start_time", "id"),
    "by_camera": ("camera", "start_time", "id"),
    "by_state": ("state", "start_time", "id"),
    "by_reason": ("reason", "start_time", "id"),
}
"""Index -> its columns. Each gives a list of events in its order, from any place on, without sorting."""


class Base(DeclarativeBase):
    """All tables."""


class CameraRow(Base):
    """A camera that was watched."""

    __tablename__ = "cameras"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    source: Mapped[str] = mapped_column(Text, default="")
    """Without its login."""
    first_seen: Mapped[float] = mapped_column(Float)
    last_seen: Mapped[float] = mapped_column(Float)


class EventRow(Base):
    """An event as it stands after its newest change, and what a person said of it."""

    __tablename__ = "events"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    camera: Mapped[str] = mapped_column(ForeignKey("cameras.name"))
    kind: Mapped[str] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(16))
    change: Mapped[int] = mapped_column(Integer)
    start_time: Mapped[float] = mapped_column(Float)
    end_time: Mapped[float | None] = mapped_column(Float)
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
    """All of EventRecord."""
    marked: Mapped[bool] = mapped_column(default=False)
    """Kept for ever."""
    verdict: Mapped[str | None] = mapped_column(String(16))
    """normal, anomaly or unsure, by a person."""
    note: Mapped[str] = mapped_column(Text, default="")
    reviewed_time: Mapped[float | None] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String(16), default="new")
    """new, reviewed, or the verdict."""
    version: Mapped[int] = mapped_column(Integer, default=0)
    """Grows with everything that a person says of it, so that two people do not overwrite each other unawares."""
    reason: Mapped[str] = mapped_column(String(64), default="")
    """Name of the readout that fired; of what is no anomaly, its kind."""
    peak: Mapped[float | None] = mapped_column(Float)
    """Highest frame score."""
    strength: Mapped[float | None] = mapped_column(Float)
    """normalcy.events.strength, 0 to 1."""

    __table_args__ = tuple(Index(f"events_{n}", *columns) for n, columns in ORDERS.items())


class ZoneRow(Base):
    """A zone that an event stands in."""

    __tablename__ = "event_zones"
    zone: Mapped[str] = mapped_column(String(64), primary_key=True)
    start_time: Mapped[float] = mapped_column(Float, primary_key=True)
    event: Mapped[str] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"), primary_key=True)

    __table_args__ = (Index("zones_of_event", "event"),)


class HealthRow(Base):
    """How a camera was, once a minute."""

    __tablename__ = "health"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    camera: Mapped[str] = mapped_column(ForeignKey("cameras.name"))
    time: Mapped[float] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String(32))
    fps: Mapped[float] = mapped_column(Float)
    score: Mapped[float | None] = mapped_column(Float)
    peak: Mapped[float | None] = mapped_column(Float)
    """Highest score since the note before."""
    frames: Mapped[int] = mapped_column(Integer)
    skipped: Mapped[int] = mapped_column(Integer)
    reconnects: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index("health_by_camera", "camera", "time"),)
