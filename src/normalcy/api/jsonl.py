"""Result files of one JSON object per line. A line is written whole or not at all, and a kill leaves a file that can be read.

Several processes may append to one file; files of several machines can be joined with ``cat``.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from normalcy.errors import DataError, OutputError


def read_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of every line; none where there is no file.

    A last line that a kill cut short is passed over; it has no line end. Raises DataError for a line that is no JSON object.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(f"{path}: cannot be read: {e}") from e
    found: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as e:
            raise strange(path, number, e) from e
        if not isinstance(value, dict):
            raise strange(path, number, f"a {type(value).__name__}")
        found.append((number, value))
    return found


def strange(path: Path, number: int, reason: object) -> DataError:
    """The error of a line that is none of ours."""
    return DataError(f"{path}: line {number} is not a result of this version ({reason}); remove it, or use another folder")


def append_line(path: Path, value: Mapping[str, Any]) -> None:
    """Add one line and see it on disk; what a kill left behind the last line end is cut off. Raises OutputError."""
    line = json.dumps(value, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as f:
            fcntl.flock(f, fcntl.LOCK_EX)  # or two processes would cut off each other's line
            _drop_torn_line(f.fileno())
            f.write(line.encode())
            f.flush()
            os.fsync(f.fileno())
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e


def _drop_torn_line(fd: int) -> None:
    """Cut off what follows the last line end."""
    size = os.fstat(fd).st_size
    position = size
    while position > 0:
        step = min(4096, position)
        at = os.pread(fd, step, position - step).rfind(b"\n")
        if at >= 0:
            position = position - step + at + 1
            break
        position -= step
    if position < size:
        os.ftruncate(fd, position)
