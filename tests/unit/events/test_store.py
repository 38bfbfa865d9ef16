from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from normalcy.errors import ConfigError, DataError, OutputError
from normalcy.events.outbox import SinkError
from normalcy.events.state import CameraState, WatchState
from normalcy.events.store import Store
from normalcy.events.tables import Base
from peers import postgres, record


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        s = Store(tmp_path)
    else:
        s = Store(tmp_path, request.getfixturevalue("server"))
        with s._engine.begin() as connection:  # tests share the server
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
    yield s
    s.close()


def test_the_migrations_make_the_very_tables(store: Store) -> None:
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_an_event_stands_as_its_newest_change_left_it(store: Store) -> None:
    store.send(record())
    assert [r.id for r in store.unfinished()] == [record().id]
    end = record(type="end", change=2, end_time=110.0, peak=5.0)
    store.send(end)
    store.send(record(type="update", change=1, peak=4.0))  # comes late, or again
    store.send(end)
    (stored,) = store.events()
    assert stored.record == end and store.unfinished() == []


def test_events_are_found_by_camera_and_time_newest_first(store: Store) -> None:
    for i, camera in enumerate(["gate", "door", "gate"]):
        store.send(record(id=f"e{i}", camera=camera, start_time=100.0 + i))
    assert [e.record.id for e in store.events()] == ["e2", "e1", "e0"]
    assert [e.record.id for e in store.events("gate")] == ["e2", "e0"]
    assert [e.record.id for e in store.events(since=101.0, limit=1)] == ["e2"]


def test_what_a_person_says_stays_when_the_event_goes_on(store: Store) -> None:
    store.send(record())
    store.say([record().id], marked=True, verdict="normal", note="the gardener")
    store.send(record(type="end", change=1, end_time=105.0))
    (e,) = store.events()
    assert (e.marked, e.verdict, e.note, e.record.end_time) == (True, "normal", "the gardener", 105.0)
    with pytest.raises(DataError, match="no event nobody"):
        store.say([record().id, "nobody"], marked=False)
    assert store.events()[0].marked


def event_with_media(store: Store, folder: Path, name: str, end: float, size: int = 100) -> Path:
    clip = folder / f"{name}.mp4"
    clip.write_bytes(bytes(size))
    store.send(record(id=name, start_time=end - 5, end_time=end, type="end", clip=clip.name))
    return clip


DAY = 86400.0


def test_old_events_go_and_marked_and_judged_ones_never_do(store: Store, tmp_path: Path) -> None:
    clips = [event_with_media(store, tmp_path, n, t * DAY) for n, t in (("old", 1), ("kept", 1), ("said", 1), ("new", 19))]
    store.send(record(id="open", start_time=1.0))
    store.say(["kept"], marked=True)
    store.say(["said"], verdict="anomaly")
    assert store.prune(20 * DAY, keep_days=10, keep_bytes=0) == 2
    assert {e.record.id: e.record.clip for e in store.events()} == {
        "kept": "kept.mp4",
        "said": "said.mp4",
        "new": None,
        "open": None,
    }
    assert [c.exists() for c in clips] == [False, True, True, False]


def test_the_oldest_files_go_first_until_the_rest_fits(store: Store, tmp_path: Path) -> None:
    clips = [event_with_media(store, tmp_path, f"e{i}", i * DAY) for i in range(1, 5)]
    assert store.prune(5 * DAY, keep_days=None, keep_bytes=250) == 2
    assert [c.exists() for c in clips] == [False, False, True, True]
    assert len(store.events()) == 4


def test_health_is_noted_once_a_minute(store: Store) -> None:
    for t in (0.0, 100.0, 130.0, 161.0):
        store.report(WatchState(t, (CameraState("gate", "rtsp://host", "on", fps=25.0),)))
    with store._engine.connect() as connection:
        rows = connection.exec_driver_sql("select time, state, fps from health order by time").all()
    assert [tuple(r) for r in rows] == [(100.0, "on", 25.0), (161.0, "on", 25.0)]


def test_a_second_start_finds_what_the_first_wrote(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.send(record())
    first.close()
    again = Store(tmp_path)
    assert [e.record for e in again.events()] == [record()]
    again.close()
    with sqlite3.connect(tmp_path / "events.db") as c:
        assert c.execute("pragma journal_mode").fetchone() == ("wal",)
    c.close()


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "events.db") as c:
        c.execute("update alembic_version set version_num = '9999'")
    c.close()
    with pytest.raises(OutputError, match="newer version"):
        Store(tmp_path)


def test_a_database_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"normalcy:\*\*\*@127.0.0.1:1/") as e:
        Store(tmp_path, "postgresql+psycopg://normalcy:hunter2@127.0.0.1:1/events")
    assert "hunter2" not in str(e.value)
    with pytest.raises(ConfigError, match="not the address of a database"):
        Store(tmp_path, "nonsense hunter2")


def test_a_store_that_fails_later_is_a_failed_sink(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store._engine.begin() as connection:
        connection.exec_driver_sql("drop table events")
    with pytest.raises(SinkError, match=r"events\.db"):
        store.send(record())
    store.close()
