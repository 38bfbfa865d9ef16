"""Writing files so that a failure or a kill leaves what was there before: a file, several, a folder, lines."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from normalcy.errors import DataError, OutputError


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files into folder, or none of them. Other files in the folder stay.

    All are first written and flushed to disk in a hidden folder inside, which meets a full disk and missing permission;
    only then does each take its place, in the order given.
    Raises OutputError, naming the file and the reason.
    """
    target, temporary = folder, None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".saving-", dir=folder))
        for name, data in files.items():
            target = folder / name
            with (temporary / name).open("wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
        for name in files:
            target = folder / name
            (temporary / name).replace(target)
    except OSError as e:
        raise OutputError(f"{target}: cannot be written: {e.strerror or e}") from e
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all: a temporary file in the same folder, then a rename.

    Raises OutputError naming the file and the reason; a file that was there before is then untouched.
    """
    path = Path(path)
    temp = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        with temp.open("xb") as f:
            f.write(content)
        temp.replace(path)
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e
    finally:
        temp.unlink(missing_ok=True)


_PREFIX = ".unfinished-"


class Staging:
    """Files written into ``path`` appear in ``folder`` on publish(), the last named one last; without it they vanish.

    What a killed run left behind is swept up on entering. Raises OutputError naming the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder
        self._fresh = not folder.exists()

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in self.folder.glob(f"{_PREFIX}*"):
                shutil.rmtree(old, ignore_errors=True)
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self.folder))
        except OSError as e:
            raise OutputError(f"{self.folder}: cannot write results here: {e.strerror or e}") from e
        return self

    def publish(self, record: str, stale: Sequence[str]) -> None:
        """Put every file in place, ``record`` last; names in ``stale`` that were not made anew are removed.

        The old record goes first, so that no moment shows a record beside files that are not its own.
        """
        try:
            (self.folder / record).unlink(missing_ok=True)
            made = sorted(p.name for p in self.path.iterdir() if p.name != record)
            for name in stale:
                if name not in made:
                    (self.folder / name).unlink(missing_ok=True)
            for name in [*made, record]:
                (self.path / name).replace(self.folder / name)
        except OSError as e:
            raise OutputError(f"{self.folder}: cannot put the results in place: {e.strerror or e}") from e

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if kind is not None and self._fresh:
            with suppress(OSError):  # not empty after all
                self.folder.rmdir()


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
