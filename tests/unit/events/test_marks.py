"""What marks say of alarms, against numbers worked out by hand."""

from __future__ import annotations

from normalcy.events.marks import at_budgets, weeks
from normalcy.events.record import EventRecord
from normalcy.events.store import StoredEvent

MONDAY = 1_764_547_200.0  # 2025-12-01, the first day of week 49
DAY = 86400.0


def event(day: float, peak: float | None, verdict: str | None, camera: str = "gate", kind: str = "anomaly") -> StoredEvent:
    at = MONDAY + day * DAY
    record = EventRecord(f"{camera}{day}{peak}", camera, 0, "end", kind, "alert", at, at, at + 5, peak, threshold=1.0)  # type: ignore[arg-type]
    return StoredEvent(record, False, verdict, "")


def test_alarms_are_counted_by_camera_and_week() -> None:
    found = [
        event(0, 2, "anomaly"),
        event(6.9, 3, "normal"),
        event(7, 3, "normal"),
        event(8, 3, None),
        event(8, 3, "unsure", camera="attic"),
        event(8, None, "normal", kind="lost"),
    ]
    rows = [(w.camera, w.week, w.true, w.false, w.unsure, w.unmarked) for w in weeks(found)]
    assert rows == [("attic", "2025-W50", 0, 0, 1, 0), ("gate", "2025-W50", 0, 1, 0, 1), ("gate", "2025-W49", 1, 1, 0, 0)]


def test_stricter_budgets_keep_the_strongest() -> None:
    found = [
        event(i, peak, v)
        for i, (peak, v) in enumerate([(5, "anomaly"), (4, "normal"), (3, "anomaly"), (2, "normal"), (1.5, None)])
    ]
    rows = {b.per_day: b for b in at_budgets(found, (0.25, 0.5, 1.0, 100.0))}
    assert rows[0.25].raised == 1 and rows[0.25].true == 1 and rows[0.25].of == 2 and rows[0.25].false == 0
    assert rows[0.5].raised == 2 and rows[0.5].threshold == 3 and rows[0.5].false == 1
    assert rows[1.0].raised == 4 and rows[1.0].true == 2
    assert set(rows) == {0.25, 0.5, 1.0, 1.25}  # what a looser budget would have added was never stored
    assert rows[1.25].raised == 5 and rows[1.25].threshold == 1.0


def test_too_few_events_tell_nothing() -> None:
    assert at_budgets([]) == [] and at_budgets([event(0, 2, "anomaly")]) == []
    assert weeks([]) == []
