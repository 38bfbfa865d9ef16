"""Fetching a published file: in pieces, checked, and kept only whole."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from normalcy.errors import OutputError, WeightsError
from normalcy.files import replacing, sweep

TIMEOUT_S = 30.0
_CHUNK = 1 << 16
_LARGEST = 2 << 30

Progress = Callable[[int, int | None], None]
"""Called with the bytes done and the total, None where the server does not say."""


@dataclass(frozen=True, slots=True)
class Published:
    """A file that its authors publish."""

    url: str
    sha256: str
    """Of the whole file, hexadecimal."""


def download(what: Published, folder: Path, progress: Progress | None = None) -> Path:
    """Fetch the file into the folder, over one of its name that is there; it appears only if its digest is right.

    Raises WeightsError where it cannot be fetched or is another file, OutputError where the folder cannot be written.
    """
    path = folder / what.url.rsplit("/", 1)[-1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        with replacing(path) as part:
            with part.open("xb") as f:
                got = _fetch(what, f.write, progress)
            if got != what.sha256:
                raise WeightsError(
                    f"{what.url}: what it sent has sha256 {got}, expected {what.sha256}; nothing was kept. {_by_hand()}"
                )
    except OSError as e:
        raise OutputError(
            f"{folder}: cannot keep downloaded weights: {e.strerror or e}; NORMALCY_WEIGHTS_DIR names another folder"
        ) from e
    return path


def _fetch(what: Published, write: Callable[[bytes], object], progress: Progress | None) -> str:
    """Pass the file on in pieces. Returns its sha256."""
    digest, done = hashlib.sha256(), 0
    try:
        reply = urllib.request.urlopen(what.url, timeout=TIMEOUT_S)
    except (OSError, ValueError) as e:
        raise _unreachable(what, e) from e
    with reply:
        length = reply.headers.get("Content-Length")
        total = int(length) if length and length.isdecimal() else None
        while True:
            try:
                data = reply.read(_CHUNK)
            except OSError as e:
                raise _unreachable(what, e) from e
            if not data:
                break
            done += len(data)
            if done > _LARGEST:
                raise WeightsError(f"{what.url}: sent more than {_LARGEST >> 30} GiB; stopped")
            digest.update(data)
            write(data)
            if progress is not None:
                progress(done, total)
    if total is not None and done < total:
        raise WeightsError(f"{what.url}: the connection ended after {done} of {total} bytes; run again")
    return digest.hexdigest()


def _unreachable(what: Published, e: Exception) -> WeightsError:
    reason = e.reason if isinstance(e, urllib.error.URLError) else e
    return WeightsError(f"{what.url}: cannot be downloaded: {reason}. {_by_hand()}")


def _by_hand() -> str:
    return "You can fetch it by hand and give its path as objects.weights"
