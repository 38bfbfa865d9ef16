from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from normalcy.errors import DataError, OutputError
from normalcy.events import outbox as module
from normalcy.events.outbox import Outbox, SinkError
from normalcy.events.record import EventRecord
from normalcy.events.sinks.jsonl import JsonLines, read_events
from normalcy.events.state import WatchState
from peers import record, wait_for


@dataclass
class Fake:
    """A sink that can be broken."""

    name: str = "fake"
    broken: bool = False
    got: list[str] = field(default_factory=list)
    states: list[WatchState] = field(default_factory=list)
    closed: bool = False
    block: threading.Event | None = None

    def send(self, record: EventRecord) -> None:
        if self.block is not None:
            self.block.wait(30)
        if self.broken:
            raise SinkError("http://user:secret@host: refused")
        self.got.append(record.message)

    def report(self, state: WatchState) -> None:
        self.states.append(state)

    def close(self) -> None:
        self.closed = True


def box(sink: Fake, folder: Path, told: list[str] | None = None) -> Outbox:
    return Outbox(sink, folder, (told if told is not None else []).append, first_s=0.01, last_s=0.05)


def messages(n: int) -> list[EventRecord]:
    return [record(change=i) for i in range(n)]


def test_everything_is_delivered_in_order_and_nothing_is_left_behind(tmp_path: Path) -> None:
    sink = Fake()
    b = box(sink, tmp_path / "s")
    for r in messages(20):
        b.put(r)
    b.close()
    assert sink.got == [r.message for r in messages(20)]
    assert (b.spooled, list((tmp_path / "s").iterdir()), sink.closed) == (0, [], True)


def test_a_sink_that_is_down_holds_nobody_up_and_gets_everything_later(tmp_path: Path) -> None:
    sink, told = Fake(broken=True), []
    b = box(sink, tmp_path / "s", told)
    for r in messages(5):
        b.put(r)
    wait_for(lambda: told)
    assert b.spooled == 5 and sink.got == []
    sink.broken = False
    wait_for(lambda: b.spooled == 0)
    b.close()
    assert sink.got == [r.message for r in messages(5)]
    assert told == [
        "fake: http://host: refused; events wait until it works again",
        "fake: works again, 5 events to go",
    ]


def test_what_was_not_delivered_is_delivered_after_the_next_start(tmp_path: Path) -> None:
    first = Fake(broken=True)
    b = box(first, tmp_path / "s")
    for r in messages(3):
        b.put(r)
    b.close()
    assert len(list((tmp_path / "s").iterdir())) == 3
    second = Fake()
    b = box(second, tmp_path / "s")
    b.put(record(change=3))
    wait_for(lambda: b.spooled == 0)
    b.close()
    assert second.got == [r.message for r in messages(4)]


def test_putting_does_not_wait_for_a_sink_that_hangs(tmp_path: Path) -> None:
    sink = Fake(block=threading.Event())
    b = box(sink, tmp_path / "s")
    for r in messages(3):
        b.put(r)
    assert b.spooled == 3  # nothing of this waited for the sink
    assert sink.block is not None
    sink.block.set()
    wait_for(lambda: b.spooled == 0)
    b.close()


def test_without_a_disk_events_wait_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Fake(broken=True)
    b = box(sink, tmp_path / "s")

    def full(path: Path, data: bytes) -> None:
        raise OutputError("no space left on device")

    monkeypatch.setattr(module, "write_bytes", full)
    for r in messages(3):
        b.put(r)
    sink.broken = False
    wait_for(lambda: b.spooled == 0)
    b.close()
    assert sink.got == [r.message for r in messages(3)]


def test_a_file_that_is_no_event_is_named_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "000000000007.json").write_text("{")
    sink, told = Fake(), []
    b = box(sink, tmp_path / "s", told)
    b.put(record())
    wait_for(lambda: sink.got)
    b.close()
    assert len(told) == 1 and "000000000007.json cannot be read" in told[0]


def test_states_are_handed_over_and_none_is_kept_for_later(tmp_path: Path) -> None:
    sink = Fake()
    b = box(sink, tmp_path / "s")
    b.report(WatchState(1.0))
    wait_for(lambda: sink.states)
    b.close()
    assert sink.states == [WatchState(1.0)]


def test_lines_are_there_once_even_if_a_change_comes_twice(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("\n")  # an empty line, as someone's editor leaves it
    sink = JsonLines(path)
    for r in (*messages(2), *messages(2)):
        sink.send(r)
    again = JsonLines(path)  # after a kill between writing the line and forgetting the change
    again.send(messages(2)[1])
    again.send(record(change=2, type="end", end_time=110.0))
    assert [r.change for r in read_events(path)] == [0, 1, 2]


def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"id": "x"}\n')
    with pytest.raises(DataError, match=r"events\.jsonl: line 1: not an event"):
        read_events(path)
