"""Lists of many events: right, in order, and read along an index."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_events import made_event
from normalcy.events.browse import Place, Wanted, beside, choices, count, days, page_query, window
from normalcy.events.store import Saying, StaleError, Store, StoredEvent
from normalcy.events.strength import in_words, strength


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    s = Store(tmp_path_factory.mktemp("store"))
    for i in range(150):
        s.send(made_event(i, start=1000.0 + i // 3))  # three events at every moment
    ids = [e.record.id for e in s.events()]
    s.tell([Saying(i, "normal") for i in ids[::4]] + [Saying(i, reviewed=True) for i in ids[1::4]])
    yield s
    s.close()


def all_of(store: Store, wanted: Wanted, limit: int) -> list[StoredEvent]:
    out: list[StoredEvent] = []
    after: Place | None = None
    while True:
        found = window(store, wanted, after, limit)
        assert len(found.events) <= limit
        out += found.events
        after = found.next
        if after is None:
            return out


WANTED = [
    Wanted(),
    Wanted(camera="gate"),
    Wanted(state="normal"),
    Wanted(state="new"),
    Wanted(reason="motion"),
    Wanted(zone="door"),
    Wanted(least=0.8),
    Wanted(since=1010.0, until=1020.0),
    Wanted(camera="yard", state="new", least=0.6),
]


@pytest.mark.parametrize("wanted", WANTED)
def test_windows_of_any_size_make_the_same_list_and_the_filter_is_right(store: Store, wanted: Wanted) -> None:
    everything = all_of(store, Wanted(), 150)
    expected = [
        e
        for e in everything
        if (wanted.camera in (None, e.record.camera))
        and (wanted.state in (None, e.state))
        and (wanted.reason in (None, e.reason))
        and (wanted.zone is None or wanted.zone in e.record.zones)
        and (wanted.least is None or (e.strength or 0.0) >= wanted.least)
        and (wanted.since is None or e.record.start_time >= wanted.since)
        and (wanted.until is None or e.record.start_time < wanted.until)
    ]
    key = [(e.record.start_time, e.record.id) for e in everything]
    assert key == sorted(key, reverse=True) and len(key) == 150
    for limit in (1, 7, 200):
        assert [e.record.id for e in all_of(store, wanted, limit)] == [e.record.id for e in expected]
    assert 0 < len(expected) == count(store, wanted) and count(store, wanted, 2) == 2


@pytest.mark.parametrize("wanted", WANTED)
def test_no_list_is_sorted_or_read_whole(store: Store, wanted: Wanted) -> None:
    query = page_query(wanted, Place(1020.0, "x"), 25).compile(store._engine, compile_kwargs={"literal_binds": True})
    with store._engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"explain query plan {query}").all()]
    assert not any("TEMP B-TREE" in step for step in plan), plan
    assert all("USING" in step or "SUBQUERY" in step for step in plan), plan


def test_what_can_be_chosen_is_what_there_is(store: Store) -> None:
    assert choices(store) == {"cameras": ["gate", "yard"], "reasons": ["density", "motion", "velocity"], "zones": ["door"]}


def test_days_and_neighbours(store: Store) -> None:
    assert days(store, [1000.0, 1010.0, 1050.0, 2000.0]) == [30, 120, 0]
    assert days(store, [1000.0, 1010.0], "gate") == [15] and days(store, [1000.0]) == []
    everything = all_of(store, Wanted(), 150)
    i = random.Random(0).randrange(1, 149)
    assert beside(store, everything[i]) == (everything[i - 1].record.id, everything[i + 1].record.id)
    assert beside(store, everything[0])[0] is None and beside(store, everything[-1])[1] is None


def test_of_two_who_saw_the_same_one_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.send(made_event(1))
    (e,) = store.events()
    store.tell([Saying(e.record.id, "normal", seen=0)])
    with pytest.raises(StaleError, match="normal"):
        store.tell([Saying(e.record.id, "anomaly", seen=0)])
    (kept,) = store.tell([Saying(e.record.id, marked=True, seen=1)])
    assert (kept.state, kept.marked, kept.version) == ("normal", True, 2)
    store.close()


def test_strength_is_half_at_the_alarm_and_grows() -> None:
    assert strength(2.0, 2.0) == pytest.approx(0.5) and strength(-1.0, 2.0) == 0.0
    values = [strength(s / 10, 2.0) for s in range(100)]
    assert values == sorted(values) and 0.999 < values[-1] <= 1.0
    assert strength(1e9, 2.0) == 1.0 and strength(0.0, 0.0) == 0.5 and strength(3.0, -1.0) > 0.9
    assert [in_words(v) for v in (0.4, 0.5, 0.6, 0.8, 0.95, 1.0)] == [
        "below the alarm",
        "slight",
        "clear",
        "strong",
        "extreme",
        "extreme",
    ]
