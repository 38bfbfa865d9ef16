"""Events as lines of JSON in a file."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from normalcy.errors import DataError, OutputError
from normalcy.events.record import EventRecord, record_from
from normalcy.events.state import WatchState
from normalcy.files import append_line, read_lines

LOOK_BACK = 1000
"""Lines at the end of the file that a change that comes again is looked for in."""
LINE = 1024
"""Bytes of a line, about."""


class JsonLines:
    """Appends one object per change, each seen on disk before the next. A change that came twice stands there once."""

    name = "jsonl"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = dict.fromkeys(_last_messages(path))

    def send(self, record: EventRecord) -> None:
        if record.message in self._seen:
            return
        append_line(self._path, record.to_dict())
        self._seen[record.message] = None
        if len(self._seen) > 2 * LOOK_BACK:
            self._seen = dict.fromkeys(list(self._seen)[-LOOK_BACK:])

    def report(self, state: WatchState) -> None:
        return

    def close(self) -> None:
        return


def _last_messages(path: Path) -> list[str]:
    """Of the changes at the end of the file; what is no line of ours is passed over."""
    try:
        with path.open("rb") as f:
            f.seek(max(0, path.stat().st_size - LOOK_BACK * LINE))
            lines = f.read().splitlines()[-LOOK_BACK:]
    except FileNotFoundError:
        return []
    except OSError as e:
        raise OutputError(f"{path}: cannot be read: {e.strerror or e}") from e
    out = []
    for line in lines:
        with suppress(ValueError, DataError, TypeError):
            out.append(record_from(json.loads(line)).message)
    return out


def read_events(path: Path) -> list[EventRecord]:
    """The changes in such a file, oldest first; none where there is no file. Raises DataError naming the line."""
    out = []
    for number, line in read_lines(path):
        try:
            out.append(record_from(line))
        except DataError as e:
            raise DataError(f"{path}: line {number}: {e}") from e
    return out
