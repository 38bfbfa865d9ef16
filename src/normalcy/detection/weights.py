"""Detector weights by name: fetched once from where their authors publish them, checked, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from normalcy.errors import OutputError, WeightsError
from normalcy.files import replacing, sweep

ENV_ROOT = "NORMALCY_WEIGHTS_DIR"
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
    licence: str


_MEGVII = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/"
# The digest is the one that two public projects state, independently, for the file at this address. The address itself
# could not be reached where this was written: whether it still serves that file shows at the first download.
PUBLISHED: dict[str, Published] = {
    "yolox_nano": Published(
        f"{_MEGVII}yolox_nano.onnx", "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d", "Apache-2.0"
    ),
}


def weights_root() -> Path:
    """Where downloads lie: $NORMALCY_WEIGHTS_DIR, else ``normalcy/weights`` in the user's cache folder."""
    if os.environ.get(ENV_ROOT):
        return Path(os.environ[ENV_ROOT])
    return Path(platformdirs.user_cache_dir("normalcy")) / "weights"


def find_weights(name_or_path: str, progress: Progress | None = None) -> Path:
    """The file that is meant: a name of PUBLISHED (downloaded if it is not there yet), or a path.

    Raises WeightsError where there is none, or a download fails; OutputError where it cannot be kept.
    """
    if name_or_path in PUBLISHED:
        return download(name_or_path, progress=progress)
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        known = ", ".join(PUBLISHED)
        raise WeightsError(f"{path}: no such file; give the path of a YOLOX-layout .onnx file, or one of the names {known}")
    return path


def download(name: str, root: Path | None = None, progress: Progress | None = None) -> Path:
    """The published file, from ``root`` where it is there whole, else fetched into it; it appears only if its digest is right.

    Raises WeightsError where it cannot be fetched or is another file, OutputError where ``root`` cannot be written.
    """
    what = PUBLISHED[name]
    folder = weights_root() if root is None else root
    path = folder / what.url.rsplit("/", 1)[-1]
    if path.is_file() and _digest(path) == what.sha256:
        return path
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
            f"{folder}: cannot keep downloaded weights: {e.strerror or e}; {ENV_ROOT} names another folder"
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


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    except OSError:
        return None
