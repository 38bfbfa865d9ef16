"""Files that lie elsewhere, by fsspec addresses such as ``s3://bucket/folder``. The only place that knows fsspec.

Which protocols there are depends on what is installed beside fsspec. Settings and credentials are those of each protocol's own
environment (of S3: AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and their kin); none is ever taken from an address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from normalcy.errors import NormalcyError, OutputError, SourceError, UsageError

T = TypeVar("T")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters and more: C:// is a drive
_MAGIC = re.compile(r"[*?[]")
_BY_OBSTORE = ("s3", "gs", "az", "abfs")
_MARKS = ("ETag", "e_tag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")


def is_address(text: object) -> bool:
    """Whether it names something by an address (``s3://...``) and not by a path."""
    return isinstance(text, str) and _ADDRESS.match(text) is not None


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that lies elsewhere, as its listing has it."""

    address: str
    size: int
    """Bytes."""
    mark: str
    """Changes with its content: its entity tag, or when it was last changed."""


def find(address: str, suffixes: frozenset[str]) -> list[RemoteFile]:
    """The files that an address stands for: one file, those of a folder (its own level), or those that a pattern fits.

    suffixes: lower-case endings that files of folders and patterns must have. Raises SourceError where there is none,
    UsageError for a protocol that nothing is installed for.
    """
    fs, path = _open(address)
    scheme = address.split("://", 1)[0]

    def look() -> list[RemoteFile]:
        if _MAGIC.search(path):
            entries = list(fs.glob(path, detail=True).values())
        elif fs.isfile(path):
            return [_file(scheme, {**fs.info(path), "name": path})]
        else:
            entries = fs.ls(path, detail=True)
        kept = [_file(scheme, e) for e in entries if e.get("type") == "file"]
        return [f for f in kept if Path(f.address).suffix.lower() in suffixes]

    found = _told(look, address, SourceError)
    if not found:
        raise SourceError(f"{address}: nothing there is video")
    return sorted(found, key=lambda f: f.address)


def fetch(address: str, to: Path) -> None:
    """Copy a file here. Raises SourceError."""
    fs, path = _open(address)
    _told(lambda: fs.get_file(path, str(to)), address, SourceError)


def read(address: str) -> bytes | None:
    """The content of a small file; None where there is none. Raises OutputError."""
    fs, path = _open(address)
    try:
        content: bytes = fs.cat_file(path)
    except FileNotFoundError:
        return None
    except Exception as e:
        raise OutputError(f"{address}: cannot be read: {_reason(e)}") from e
    return content


def names(folder: str) -> frozenset[str]:
    """Names of the files in a folder; none where there is no such folder. Raises OutputError."""
    fs, path = _open(folder)
    try:
        return frozenset(str(e["name"]).rsplit("/", 1)[-1] for e in fs.ls(path, detail=True))
    except FileNotFoundError:
        return frozenset()
    except Exception as e:
        raise OutputError(f"{folder}: cannot be listed: {_reason(e)}") from e


def check_writable(folder: str) -> None:
    """Raise OutputError at once, and not after the first video, where nothing can be written."""
    fs, path = _open(folder)
    probe = f"{path.rstrip('/')}/.normalcy-probe"

    def write() -> None:
        fs.makedirs(path, exist_ok=True)
        fs.pipe_file(probe, b"x")
        fs.rm_file(probe)

    _told(write, folder, OutputError)


def put(local: Path, folder: str, files: Sequence[str], stale: Sequence[str] = ()) -> None:
    """Copy files of a folder here to one elsewhere, in the order given; then remove those that are ``stale``.

    A kill in the middle leaves the first of them: what says that all are there comes last. Raises OutputError.
    """
    fs, path = _open(folder)
    base = path.rstrip("/")

    def copy() -> None:
        fs.makedirs(base, exist_ok=True)
        for name in stale:
            with suppress(FileNotFoundError):
                fs.rm_file(f"{base}/{name}")
        for name in files:
            fs.put_file(str(local / name), f"{base}/{name}")

    _told(copy, folder, OutputError)


def _open(address: str) -> tuple[Any, str]:
    """(file system, path in it). Raises UsageError for a protocol that nothing is installed for."""
    try:
        import fsspec
    except ModuleNotFoundError as e:
        raise UsageError(f"{address}: addresses need fsspec; install it with: pip install 'normalcy[cluster]'") from e
    scheme = address.split("://", 1)[0]
    try:
        fs, path = fsspec.core.url_to_fs(address)
    except ImportError as e:
        if scheme not in _BY_OBSTORE or not _with_obstore(scheme):
            raise UsageError(f"{address}: {_reason(e)} (pip install 'normalcy[s3]' is enough for S3)") from e
        fs, path = fsspec.core.url_to_fs(address)
    except ValueError as e:
        raise UsageError(f"{address}: {_reason(e)}") from e
    fs.invalidate_cache()  # others write there, too
    return fs, str(path)


def _with_obstore(scheme: str) -> bool:
    """Let obstore serve a protocol whose usual driver is missing. It has no dependencies, and takes the same environment."""
    try:
        from obstore.fsspec import register
    except ModuleNotFoundError:
        return False
    register(scheme)
    return True


def _file(scheme: str, entry: dict[str, Any]) -> RemoteFile:
    mark = next((str(entry[k]) for k in _MARKS if entry.get(k)), "")
    return RemoteFile(f"{scheme}://{str(entry['name']).removeprefix(f'{scheme}://')}", int(entry.get("size") or 0), mark)


def _told(call: Callable[[], T], address: str, kind: type[NormalcyError]) -> T:
    """What a call gives; whatever its protocol throws becomes one line that names the address."""
    try:
        return call()
    except NormalcyError:
        raise
    except FileNotFoundError as e:
        raise kind(f"{address}: no such file or folder") from e
    except Exception as e:  # every protocol has errors of its own
        raise kind(f"{address}: cannot be reached: {_reason(e)}") from e


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "..."
