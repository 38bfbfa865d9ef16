"""Lists of stored events, a window at a time: newest first, from any place on, each read along an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

from sqlalchemy import Select, and_, func, literal, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from normalcy.events.store import Store, StoredEvent, stored
from normalcy.events.tables import CameraRow, EventRow, HealthRow, ZoneRow

Q = TypeVar("Q", bound=Select[*tuple[Any, ...]])
MOST = 200
"""Events of one window."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events. None: any."""

    camera: str | None = None
    since: float | None = None
    """Began then or later, seconds since 1970."""
    until: float | None = None
    """Began before that."""
    least: float | None = None
    """At least so strong, 0 to 1; what has no strength (a camera's health) is left out."""
    reason: str | None = None
    zone: str | None = None
    state: str | None = None
    """new, reviewed, normal, anomaly, unsure, or kept."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list: that of an event."""

    start_time: float
    id: str


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the list."""

    events: list[StoredEvent]
    next: Place | None
    """Where the list goes on; None at its end."""


@dataclass(frozen=True, slots=True)
class Minute:
    """What a camera's scores came to in about a minute."""

    time: float
    peak: float


def window(store: Store, wanted: Wanted, after: Place | None = None, limit: int = 30) -> Window:
    """Events newest first, beginning behind ``after``. limit: at most MOST. Raises OutputError."""
    limit = min(max(limit, 1), MOST)
    with store.begin() as session:
        rows = session.scalars(page_query(wanted, after, limit + 1)).all()
        events = [stored(row) for row in rows[:limit]]
    last = events[-1].record if len(rows) > limit else None
    return Window(events, None if last is None else Place(last.start_time, last.id))


def page_query(wanted: Wanted, after: Place | None, limit: int) -> Select[EventRow]:
    """The statement behind window()."""
    query = _which(select(EventRow), wanted)
    if after is not None:
        query = query.where(tuple_(EventRow.start_time, EventRow.id) < tuple_(literal(after.start_time), literal(after.id)))
    return query.order_by(EventRow.start_time.desc(), EventRow.id.desc()).limit(limit)


def count(store: Store, wanted: Wanted, most: int = 1000) -> int:
    """How many there are, counted no further than ``most``. Raises OutputError."""
    inner = _which(select(EventRow.id), wanted).limit(most).subquery()
    with store.begin() as session:
        return session.scalar(select(func.count()).select_from(inner)) or 0


def one(store: Store, id: str) -> StoredEvent | None:
    """An event by its id. Raises OutputError."""
    with store.begin() as session:
        row = session.get(EventRow, id)
        return None if row is None else stored(row)


def beside(store: Store, e: StoredEvent) -> tuple[str | None, str | None]:
    """Ids of the next newer and the next older event. Raises OutputError."""
    here = tuple_(literal(e.record.start_time), literal(e.record.id))
    key = tuple_(EventRow.start_time, EventRow.id)
    newer = select(EventRow.id).where(key > here).order_by(EventRow.start_time, EventRow.id).limit(1)
    older = select(EventRow.id).where(key < here).order_by(EventRow.start_time.desc(), EventRow.id.desc()).limit(1)
    with store.begin() as session:
        return session.scalar(newer), session.scalar(older)


def days(store: Store, bounds: Sequence[float], camera: str | None = None) -> list[int]:
    """Events that began between each two neighbouring ``bounds`` (N+1 times, growing), N numbers. Raises OutputError."""
    parts = []
    for i, (a, b) in enumerate(pairwise(bounds)):
        query = _which(select(literal(i).label("day"), func.count().label("n")), Wanted(camera=camera, since=a, until=b))
        parts.append(query.select_from(EventRow))
    if not parts:
        return []
    with store.begin() as session:
        found = {int(day): int(n) for day, n in session.execute(union_all(*parts))}
    return [found.get(i, 0) for i in range(len(parts))]


def choices(store: Store) -> dict[str, list[str]]:
    """What can be filtered by: cameras, reasons, zones, by name. Raises OutputError."""
    with store.begin() as session:
        return {
            "cameras": list(session.scalars(select(CameraRow.name).order_by(CameraRow.name))),
            "reasons": _different(session, EventRow.reason),
            "zones": _different(session, ZoneRow.zone),
        }


def _different(session: Session, column: InstrumentedAttribute[str]) -> list[str]:
    """The values of a column that leads an index, by one look into it for each: DISTINCT would read all of it."""
    found: list[str] = []
    while True:
        query = select(func.min(column))
        value = session.scalar(query if not found else query.where(column > found[-1]))
        if value is None:
            return found
        found.append(value)


def minutes(store: Store, camera: str, since: float) -> list[Minute]:
    """Highest scores of each minute that was noted, oldest first. Raises OutputError."""
    query = select(HealthRow.time, HealthRow.peak).where(HealthRow.camera == camera, HealthRow.time >= since)
    with store.begin() as session:
        rows = session.execute(query.order_by(HealthRow.time)).all()
    return [Minute(time, peak) for time, peak in rows if peak is not None]


def _which(query: Q, w: Wanted) -> Q:
    equal = ((EventRow.camera, w.camera), (EventRow.reason, w.reason))
    conditions = [column == value for column, value in equal if value is not None]
    if w.state == "kept":
        conditions.append(EventRow.marked.is_(True))
    elif w.state is not None:
        conditions.append(EventRow.state == w.state)
    if w.since is not None:
        conditions.append(EventRow.start_time >= w.since)
    if w.until is not None:
        conditions.append(EventRow.start_time < w.until)
    if w.least is not None:
        conditions.append(EventRow.strength >= w.least)
    if w.zone is not None:
        inside = select(ZoneRow.event).where(
            and_(ZoneRow.zone == w.zone, ZoneRow.start_time == EventRow.start_time, ZoneRow.event == EventRow.id)
        )
        conditions.append(inside.exists())
    return query.where(*conditions)
