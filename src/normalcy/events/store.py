"""Events, cameras, health and what people said of events, in a database; clips and snapshots lie beside it as files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.config import Config as Migrations
from alembic.util.exc import CommandError
from sqlalchemy import create_engine, event, select, update
from sqlalchemy import delete as remove
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from normalcy.errors import ConfigError, DataError, OutputError
from normalcy.events.outbox import SinkError
from normalcy.events.record import EventRecord, Verdict, record_from
from normalcy.events.samples import samples_beside
from normalcy.events.state import WatchState
from normalcy.events.strength import strength
from normalcy.events.tables import CameraRow, EventRow, HealthRow, ZoneRow

FILE = "events.db"
HEALTH_S = 60.0


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event and what a person said of it."""

    record: EventRecord
    marked: bool
    verdict: str | None
    note: str
    state: str = "new"
    """new, reviewed, or the verdict."""
    version: int = 0
    """Grows with everything that is said of it."""
    reason: str = ""
    """The readout that fired, or the kind of what is no anomaly."""
    strength: float | None = None
    """0 to 1, .5 at the alarm (normalcy.events.strength)."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        more = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "record"}
        return {**self.record.to_dict(), **more}


@dataclass(frozen=True, slots=True)
class Saying:
    """What a person says of one event; None leaves a thing as it is."""

    id: str
    verdict: Verdict | Literal["none"] | None = None
    """none takes a verdict back."""
    reviewed: bool | None = None
    """False: it is to be looked at again. A verdict says that it was."""
    marked: bool | None = None
    note: str | None = None
    seen: int | None = None
    """The version of the event that the person saw; None: whatever it is now."""


class StaleError(DataError):
    """Someone else has said something of this event meanwhile."""


class Store:
    """The event store of one output folder. Thread-safe; a Sink of its own."""

    name = "store"

    def __init__(self, media: Path, url: str | None = None) -> None:
        """media: the output folder, which clips and snapshots are relative to. url: of the database as SQLAlchemy has it, such
        as ``postgresql+psycopg://user:password@host/name``; None: SQLite, ``events.db`` in the folder.

        An older store is brought to this version first. Raises ConfigError for an address that is none, OutputError where
        the database cannot be used.
        """
        self._media = media
        try:
            where = make_url(url or f"sqlite:///{media / FILE}")
            self.shown = where.render_as_string(hide_password=True)
            self._engine = create_engine(where, pool_pre_ping=True)
        except (ArgumentError, ImportError) as e:
            raise ConfigError(f"store: not the address of a database that can be used here ({type(e).__name__})") from e
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _tune_sqlite)
        self._session = sessionmaker(self._engine, expire_on_commit=False)
        self._sampled: dict[str, float] = {}
        self._peaks: dict[str, float] = {}
        self._migrate()

    def _migrate(self) -> None:
        settings = Migrations()
        settings.set_main_option("script_location", "normalcy.events:migrations")
        settings.set_main_option("path_separator", "os")
        try:
            if self._engine.dialect.name == "sqlite":
                self._media.mkdir(parents=True, exist_ok=True)
            with self._engine.begin() as connection:
                settings.attributes["connection"] = connection
                command.upgrade(settings, "head")
        except CommandError as e:
            raise OutputError(f"{self.shown}: written by a newer version of normalcy ({e})") from e
        except (SQLAlchemyError, OSError) as e:
            raise OutputError(f"{self.shown}: the event store cannot be opened: {_reason(e)}") from e

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction. Raises OutputError where the database fails."""
        try:
            with self._session.begin() as session:
                yield session
        except SQLAlchemyError as e:
            raise OutputError(f"{self.shown}: the event store cannot be used: {_reason(e)}") from e

    def send(self, record: EventRecord) -> None:
        """Take a change; one that is there already, or older than what is there, changes nothing. Raises SinkError."""
        try:
            with self.begin() as session:
                _see(session, record.camera, record.time)
                row = session.get(EventRow, record.id)
                if row is not None and row.change >= record.change:
                    return
                if row is None:
                    row = EventRow(id=record.id, camera=record.camera, kind=record.kind, note="", marked=False)
                    session.add(row)
                row.severity, row.change, row.record = record.severity, record.change, record.to_dict()
                row.start_time, row.end_time = record.start_time, record.end_time
                row.reason, row.peak = record.readout or record.kind, record.peak
                if record.peak is not None and record.threshold is not None:
                    row.strength = strength(record.peak, record.threshold)
                _stand(session, row, record.zones)
        except OutputError as e:
            raise SinkError(str(e)) from e

    def report(self, state: WatchState) -> None:
        """Note every camera's health, once a minute. Raises OutputError."""
        for c in state.cameras:
            if c.score is not None:
                self._peaks[c.name] = max(c.score, self._peaks.get(c.name, c.score))
        due = [c for c in state.cameras if state.time - self._sampled.get(c.name, 0.0) >= HEALTH_S]
        if not due:
            return
        with self.begin() as session:
            for c in due:
                _see(session, c.name, state.time, c.source)
                session.add(
                    HealthRow(
                        camera=c.name,
                        time=state.time,
                        state=c.state,
                        fps=c.fps,
                        score=c.score,
                        peak=self._peaks.pop(c.name, None),
                        frames=c.frames,
                        skipped=c.skipped,
                        reconnects=c.reconnects,
                    )
                )
                self._sampled[c.name] = state.time

    def close(self) -> None:
        self._engine.dispose()

    def events(self, camera: str | None = None, since: float | None = None, limit: int | None = None) -> list[StoredEvent]:
        """Events that began at ``since`` or later, newest first. Raises OutputError."""
        query = select(EventRow).order_by(EventRow.start_time.desc())
        if camera is not None:
            query = query.where(EventRow.camera == camera)
        if since is not None:
            query = query.where(EventRow.start_time >= since)
        with self.begin() as session:
            return [stored(row) for row in session.scalars(query.limit(limit))]

    def unfinished(self) -> list[EventRecord]:
        """Events without an end, oldest first. Raises OutputError."""
        query = select(EventRow).where(EventRow.end_time.is_(None)).order_by(EventRow.start_time)
        with self.begin() as session:
            return [record_from(row.record) for row in session.scalars(query)]

    def say(
        self,
        ids: Sequence[str],
        marked: bool | None = None,
        verdict: Verdict | None = None,
        note: str | None = None,
        clear: bool = False,
    ) -> list[StoredEvent]:
        """Write down what a person says of events; None leaves a thing as it is. Returns the events.

        clear: no verdict any more.

        Raises DataError naming an id that is not there (then nothing is changed), OutputError.
        """
        with self.begin() as session:
            rows = [(id, session.get(EventRow, id)) for id in ids]
            for id, row in rows:
                if row is None:
                    raise DataError(f"{self.shown}: no event {id}")
                row.marked = row.marked if marked is None else marked
                row.verdict = None if clear else row.verdict if verdict is None else verdict
                row.note = row.note if note is None else note
                row.reviewed_time, row.version = time.time(), row.version + 1
                row.state = row.verdict or "reviewed"
            return [stored(row) for _, row in rows if row is not None]

    def tell(self, sayings: Sequence[Saying]) -> list[StoredEvent]:
        """Write down what people say, all of it or nothing. Returns the events, in the order given.

        Raises DataError naming an id that is not there, StaleError naming an event that is not as it was seen, OutputError.
        """
        with self.begin() as session:
            for s in sayings:
                # One statement that takes the row's lock: of two people at once the second finds another version.
                at = update(EventRow).where(EventRow.id == s.id).values(version=EventRow.version + 1)
                taken = session.execute(at if s.seen is None else at.where(EventRow.version == s.seen))
                row = session.get(EventRow, s.id, populate_existing=True)
                if row is None:
                    raise DataError(f"{self.shown}: no event {s.id}")
                if not taken.rowcount:  # type: ignore[attr-defined]
                    raise StaleError(f"event {s.id}: someone else has said something of it meanwhile: {row.state}")
                if s.verdict is not None:
                    row.verdict = None if s.verdict == "none" else s.verdict
                row.marked = row.marked if s.marked is None else s.marked
                row.note = row.note if s.note is None else s.note
                if s.reviewed is not None or row.verdict is not None:
                    row.reviewed_time = time.time() if s.reviewed or row.verdict is not None else None
                row.state = row.verdict or ("reviewed" if row.reviewed_time is not None else "new")
                session.flush()
            return [stored(row) for s in sayings if (row := session.get(EventRow, s.id)) is not None]

    def prune(self, now: float, keep_days: float | None, keep_bytes: int | None) -> int:
        """Delete what retention asks for; returns how many events lost their files or went.

        Events that ended more than keep_days ago go, files and all, and so do health notes of that age. Then the oldest lose
        their files until those of all events together have at most keep_bytes. Events that are marked, judged, or going on are
        never touched. Raises OutputError.
        """
        free = (EventRow.marked.is_(False), EventRow.verdict.is_(None), EventRow.end_time.is_not(None))
        done = 0
        with self.begin() as session:
            if keep_days is not None:
                oldest = now - keep_days * 86400.0
                for row in session.scalars(select(EventRow).where(*free, EventRow.end_time < oldest)).all():
                    self._delete_media(row)
                    session.delete(row)
                    done += 1
                session.execute(remove(HealthRow).where(HealthRow.time < oldest))
            if keep_bytes is not None:
                rows = session.scalars(select(EventRow).order_by(EventRow.start_time)).all()
                sizes = {row.id: self._media_bytes(row) for row in rows}
                total = sum(sizes.values())
                for row in session.scalars(select(EventRow).where(*free).order_by(EventRow.start_time)).all():
                    if total <= keep_bytes:
                        break
                    if not sizes[row.id]:
                        continue
                    total -= sizes[row.id]
                    self._delete_media(row)
                    row.record = {**row.record, "clip": None, "snapshot": None}
                    done += 1
        return done

    def _media_bytes(self, row: EventRow) -> int:
        return sum(_size(self._media / name) for name in _files(row))

    def _delete_media(self, row: EventRow) -> None:
        for name in _files(row):
            with suppress(OSError):
                (self._media / name).unlink(missing_ok=True)


def _see(session: Session, camera: str, now: float, source: str = "") -> None:
    row = session.get(CameraRow, camera)
    if row is None:
        session.add(CameraRow(name=camera, source=source, first_seen=now, last_seen=now))
        session.flush()
    else:
        row.last_seen, row.source = max(row.last_seen, now), source or row.source


def _stand(session: Session, row: EventRow, zones: Sequence[str]) -> None:
    """Note the zones that an event stands in; its peak may have moved to another."""
    session.flush()
    there = {z.zone: z for z in session.scalars(select(ZoneRow).where(ZoneRow.event == row.id))}
    for zone in set(zones) - set(there):
        session.add(ZoneRow(zone=zone, start_time=row.start_time, event=row.id))
    for zone in set(there) - set(zones):
        session.delete(there[zone])


def stored(row: EventRow) -> StoredEvent:
    """What the row holds."""
    said = row.state, row.version, row.reason, row.strength
    return StoredEvent(record_from(row.record), row.marked, row.verdict, row.note, *said)


def _files(row: EventRow) -> list[str]:
    named = [row.record.get("clip"), row.record.get("snapshot")]
    return [*(n for n in named if n), samples_beside(row.camera, row.id)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _reason(e: Exception) -> str:
    """The driver's own words, first line; SQLAlchemy would add the statement and its values."""
    text = str(getattr(e, "orig", None) or e).strip()
    return text.splitlines()[0] if text else type(e).__name__


def _tune_sqlite(connection: Any, record: Any) -> None:
    for setting in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")
