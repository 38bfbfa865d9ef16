"""What every sink keeps: run over all kinds that the file of cameras can name, so a new one is held to it too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from normalcy.api.cameras import Around, SinkSpec, WatchConfig
from normalcy.events.outbox import Outbox, Sink, SinkError
from normalcy.events.sinks.jsonl import JsonLines
from normalcy.events.state import CameraState, WatchState
from peers import free_port, record, wait_for

ADDRESSES: dict[str, dict[str, Any]] = {
    "webhook": {"url": "http://127.0.0.1:{port}/events?token=hidden"},
    "mqtt": {"host": "127.0.0.1", "port": "{port}"},
    "notify": {"urls": ["json://127.0.0.1:{port}/"]},
}
"""A sink of each kind on this machine. A new kind needs a line here."""
KINDS: dict[str, type[BaseModel]] = {
    get_args(spec.model_fields["kind"].annotation)[0]: spec for spec in get_args(get_args(SinkSpec)[0])
}
STATE = WatchState(101.0, (CameraState("gate", "rtsp://gate", "on"),))

kinds = pytest.mark.parametrize("kind", KINDS)


def filled(value: Any, port: int) -> Any:
    if isinstance(value, str):
        return value.format(port=port)
    return [filled(v, port) for v in value] if isinstance(value, list) else value


@contextmanager
def opened(kind: str, folder: Path, name: str = "mine") -> Iterator[Sink]:
    """A sink as the watch opens it, at an address where nobody answers."""
    if kind == "jsonl":
        sink: Sink = JsonLines(folder / "events.jsonl")
    else:
        port = free_port()
        settings = {"kind": kind} | {k: filled(v, port) for k, v in ADDRESSES[kind].items()}
        spec = WatchConfig.model_validate({"sinks": {name: settings}}).sinks[name]
        sink = spec.open(Around(name, ["gate"], folder, lambda camera, on: None))
    try:
        yield sink
    finally:
        sink.close()


@kinds
def test_it_says_what_it_is(kind: str) -> None:
    assert (KINDS[kind].__doc__ or "").strip().endswith(".")
    assert kind in ADDRESSES, f"give an address of a sink of kind {kind} in {__name__}"


@kinds
def test_it_bears_the_name_that_the_file_gives_it(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path, "of-the-porter") as sink:
        assert sink.name == "of-the-porter"


@kinds
def test_what_nobody_takes_is_a_failure_and_not_lost(kind: str, tmp_path: Path) -> None:
    """An outbox then says so once, without a login, keeps the change, and hands it to the next start."""
    with opened(kind, tmp_path) as sink, pytest.raises(SinkError):
        sink.send(record())
    told: list[str] = []
    with opened(kind, tmp_path) as sink:
        box = Outbox(sink, tmp_path / "spool", told.append, 0.01, 0.05)
        box.put(record())
        wait_for(lambda: told)
        box.close()
    assert box.spooled == 1 and len(told) == 1 and "hidden" not in told[0]
    assert len(list((tmp_path / "spool").glob("*.json"))) == 1


@pytest.mark.parametrize("kind", [*KINDS, "jsonl"])
def test_the_state_of_the_cameras_never_fails(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as sink:
        sink.report(STATE)
        sink.report(replace(STATE, time=1e9))


@pytest.mark.parametrize("kind", [*KINDS, "jsonl"])
def test_it_can_be_closed_twice_and_unused(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as sink:
        sink.close()
