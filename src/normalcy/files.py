"""Writing files so that a failure or a kill leaves what was there before: a file, several, a folder, lines.

The only module that gives files their names. Whatever is not finished is called ``.unfinished-...`` and lies where its result
will, so that taking its place is one rename; a kill leaves such a name behind, and :func:`sweep` removes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self, overload

from normalcy.errors import DataError, OutputError

UNFINISHED = ".unfinished-"
"""How the name of everything begins that is still being written."""
ABANDONED_S = 3600.0


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder among the system's temporary ones, for what is needed for a while only; gone at the end, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="normalcy-") as folder:
        yield Path(folder)


def unfinished(path: Path) -> Path:
    """A name beside ``path`` that nothing has, for :func:`put` or :func:`remove` later."""
    return path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")


def put(temporary: Path, path: Path) -> None:
    """Give a finished file or folder its name. A folder that another process finished first stays, ours goes.

    Raises OSError.
    """
    if temporary.is_file():
        _sync(temporary)
    try:
        temporary.replace(path)
    except OSError:
        if not (temporary.is_dir() and path.is_dir()):
            raise


def _sync(path: Path) -> None:
    """See a file on disk: before it gets its name, or a power cut could leave the name on nothing."""
    with path.open("rb") as f:
        os.fsync(f.fileno())


def remove(path: Path) -> None:
    """Remove a file or a folder, as far as that is possible."""
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The name under which to write a file or make a folder; when the block ends well it takes the place of ``path``.

    On an exception it is removed, and what was there before stays. Raises OSError.
    """
    temporary = unfinished(path)
    try:
        yield temporary
        put(temporary, path)
    finally:
        remove(temporary)


def sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder: whatever is unfinished and was not written to for an hour."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            inside = path.iterdir() if path.is_dir() else ()
            if time.time() - max(p.stat().st_mtime for p in (path, *inside)) > ABANDONED_S:
                remove(path)


def check_writable(folder: Path) -> None:
    """Raise OSError at once, and not after hours of work, where nothing can be written into an existing folder."""
    probe = unfinished(folder / "probe")
    probe.touch()
    probe.unlink()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises OutputError naming the file and the reason."""
    path = Path(path)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e


def write_json(path: str | Path, value: Any) -> None:
    """The same for one JSON value, which must hold no NaN. Raises OutputError."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files into folder, or none of them. Other files in the folder stay.

    All are first written in a hidden folder inside, which meets a full disk and missing permission; only then does each take
    its place, in the order given. Raises OutputError, naming the file and the reason.
    """
    target, temporary = folder, unfinished(folder / "all")
    try:
        temporary.mkdir(parents=True)
        for name, data in files.items():
            target = folder / name
            (temporary / name).write_bytes(data)
            _sync(temporary / name)
        for name in files:
            target = folder / name
            (temporary / name).replace(target)
    except OSError as e:
        raise OutputError(f"{target}: cannot be written: {e.strerror or e}") from e
    finally:
        remove(temporary)


class Staging:
    """Files written into ``path`` appear in ``folder`` on :meth:`publish`, a record last; without it they vanish.

    name: what the files are of, where results of several stand in one folder. What a killed run of the same name left behind
    is swept up on entering. Raises OutputError naming the folder.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self.folder = folder
        self.path = folder
        self._prefix = f"{UNFINISHED}{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:12]}-"
        self._fresh = not folder.exists()
        self._files: list[IO[Any]] = []

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in self.folder.glob(f"{self._prefix}*"):
                remove(old)
            self.path = self.folder / f"{self._prefix}{secrets.token_hex(4)}"
            self.path.mkdir()
        except OSError as e:
            raise OutputError(f"{self.folder}: cannot write results here: {e.strerror or e}") from e
        return self

    @overload
    def open(self, name: str, mode: Literal["w"] = "w") -> IO[str]: ...
    @overload
    def open(self, name: str, mode: Literal["wb"]) -> IO[bytes]: ...
    def open(self, name: str, mode: str = "w") -> IO[Any]:
        """A new file in ``path``, UTF-8 without translated line ends, or bytes. It is closed at the latest by publish()."""
        text = {} if "b" in mode else {"newline": "", "encoding": "utf-8"}
        file: IO[Any] = (self.path / name).open(mode, **text)  # type: ignore[call-overload]
        self._files.append(file)
        return file

    def publish(self, record: str, stale: Sequence[str] = ()) -> None:
        """Put every file in place, ``record`` last; names in ``stale`` that were not made anew are removed.

        Until then a record says ``{"finished": false}``: no moment shows a record beside files that are not its own, and a kill
        in the middle leaves files that are known as ours.
        """
        try:
            for file in self._files:
                file.close()
            made = [*sorted(p.name for p in self.path.iterdir() if p.name != record), record]
            for name in made:
                _sync(self.path / name)
            write_json(self.folder / record, {"finished": False})
            for name in stale:
                if name not in made:
                    (self.folder / name).unlink(missing_ok=True)
            for name in made:
                (self.path / name).replace(self.folder / name)
        except OSError as e:
            raise OutputError(f"{self.folder}: cannot put the results in place: {e.strerror or e}") from e

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._files:
            with suppress(OSError):  # of a full disk: it was said when it was written to, and the file goes away
                file.close()
        remove(self.path)
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
    rows: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as e:
            raise line_error(path, number, e) from e
        if not isinstance(value, dict):
            raise line_error(path, number, f"a {type(value).__name__}")
        rows.append((number, value))
    return rows


def line_error(path: Path, number: int, reason: object) -> DataError:
    """The error of a line that was not written by :func:`append_line`."""
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
