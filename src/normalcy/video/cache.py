"""Decoded, resized frames on disk, memory-mapped: training reads any clip in microseconds, a seek would take 0.1 s.

One folder per video and setting, named by a key over the video's content, the size, and the versions that decide the
pixels: ``frames.npy`` (N, H, W, 3) uint8, ``time_s.npy`` (N,) float64, ``info.json`` (also where segments begin and what was
wrong with the file). A folder appears under its key only when
it is complete (one rename), so a kill, a full disk or a second process at work leaves nothing half done behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import platformdirs
from numpy.typing import NDArray

from normalcy.config import VideoConfig
from normalcy.errors import OutputError, VideoError
from normalcy.files import UNFINISHED, replacing, sweep
from normalcy.types import VideoInfo
from normalcy.video.convert import shrink
from normalcy.video.reader import FRAME_FOLDER_FPS, VideoReader
from normalcy.video.source import VideoRef, as_ref, list_pictures

ENV_ROOT = "NORMALCY_CACHE_DIR"
FORMAT = 2
"""Raised whenever the layout or the way of decoding changes; older entries are then not found again."""
_WHOLE = 256 * 2**20
_MIB = 2**20
_SAMPLES = 16
_HEADER = 256
_KEY = re.compile(r"[0-9a-f]{32}")

Progress = Callable[[int, int | None], None]
"""Called with the frames done and the total, None where it is not known."""


@dataclass(frozen=True, slots=True)
class CachedVideo:
    """One video, decoded and memory-mapped read-only."""

    frames: NDArray[np.uint8] = field(repr=False)
    """(N, H, W, 3) uint8 RGB, a numpy.memmap."""
    time_s: NDArray[np.float64] = field(repr=False)
    """(N,) seconds on the container's clock, strictly rising."""
    info: VideoInfo
    """Of the source (its own size); ``frames`` is the exact count, ``fps`` the mean of the stamps, not the container's word."""
    key: str
    starts: tuple[int, ...] = (0,)
    """First frame of each segment; no clip may reach over one (:class:`~normalcy.types.Frame`)."""
    damage: Mapping[str, Any] = field(default_factory=dict)
    """What was wrong with the file (:meth:`normalcy.video.damage.Damage.to_dict`)."""
    warnings: tuple[str, ...] = ()
    """The same in words."""

    def __len__(self) -> int:
        return len(self.time_s)

    def segments(self) -> list[tuple[int, int]]:
        """First frame and frame behind the last of each segment."""
        return list(pairwise([*self.starts, len(self)]))


def cache_root(root: Path | str | None = None) -> Path:
    """Where the cache lies: ``root``, else $NORMALCY_CACHE_DIR, else ``normalcy/frames`` in the user's cache folder."""
    if root is not None:
        return Path(root)
    if os.environ.get(ENV_ROOT):
        return Path(os.environ[ENV_ROOT])
    return Path(platformdirs.user_cache_dir("normalcy")) / "frames"


def open_cache(
    ref: VideoRef | Path | str,
    size: tuple[int, int] | None,
    root: Path | str | None = None,
    progress: Progress | None = None,
    fps: float = FRAME_FOLDER_FPS,
    config: VideoConfig | None = None,
    whole: bool = False,
) -> CachedVideo:
    """The decoded frames of a video, from the cache if they are there, else decoded into it first.

    The pictures are those of VideoReader with the same arguments. Memory does not grow with length.

    With ``whole``, pictures are read at the video's own size and shrunk afterwards, as where something else looks at the whole
    picture. The difference is small and not nothing: the decoder's library converts colours otherwise where it scales (1 to 2
    of 255 in the mean), and what was learned from one is a little off on the other.

    Args:
        ref: The video.
        size: (width, height) of the stored frames, None for the video's own.
        root: Where the cache lies, see :func:`cache_root`.
        progress: Told of frames as they are decoded.
        fps: For folders of frames.
        config: How it is read.
        whole: Read at the video's own size, then shrink to ``size``.

    Raises:
        SourceError, VideoError: As VideoReader. OutputError: The cache cannot be written. Neither leaves anything behind.
    """
    ref = as_ref(ref)
    base = cache_root(root)
    config = VideoConfig() if config is None else config
    key = cache_key(ref, size, fps, config, whole)
    found = _load(base / key, ref, key)
    if found is not None:
        return found
    try:
        base.mkdir(parents=True, exist_ok=True)
        sweep(base)
        with replacing(base / key) as folder:
            folder.mkdir()
            with VideoReader(ref, None if whole else size, fps, config) as reader:
                _fill(folder, reader, size, progress)
    except OSError as e:
        raise _cannot_write(base, e) from e
    found = _load(base / key, ref, key)
    if found is None:
        raise OutputError(f"{base / key}: the frame cache was changed while it was written; run again")
    return found


def cache_key(
    ref: VideoRef,
    size: tuple[int, int] | None,
    fps: float = FRAME_FOLDER_FPS,
    config: VideoConfig | None = None,
    whole: bool = False,
) -> str:
    """32 hex digits over the content and everything that decides the stored pixels and times; not over name or place."""
    settings = {
        "content": fingerprint(ref),
        "size": size,
        "fps": fps if ref.kind == "frames" else None,
        "video": (VideoConfig() if config is None else config).model_dump(mode="json"),
        "format": FORMAT,
        "decoder": av.__version__ if ref.kind == "file" else cv2.__version__,
    }
    if whole:
        settings["whole"] = True  # entries of others keep their keys
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]


def fingerprint(ref: VideoRef) -> str:
    """SHA-256 over a video's content. Raises VideoError where it cannot be read.

    Up to 256 MiB every byte counts. Above, the length and 18 stretches of 1 MiB (first, last, 16 evenly between) stand for a
    file; of a larger folder of frames, each picture's name, length, first and last 4 KiB.
    """
    digest = hashlib.sha256()
    try:
        if ref.kind == "file":
            _hash_file(ref.path, digest, _WHOLE, _MIB, _SAMPLES)
        else:
            pictures = list_pictures(ref.path)
            whole = sum(p.stat().st_size for p in pictures) <= _WHOLE
            for p in pictures:
                digest.update(p.name.encode(errors="surrogateescape") + b"\0")
                _hash_file(p, digest, _WHOLE if whole else 0, 4096, 0)
    except OSError as e:
        raise VideoError(f"{e.filename or ref.path}: cannot be read: {e.strerror}") from e
    return digest.hexdigest()


def _hash_file(path: Path, digest: hashlib._Hash, whole: int, piece: int, samples: int) -> None:
    size = path.stat().st_size
    digest.update(size.to_bytes(8, "big"))
    with path.open("rb") as f:
        if size <= whole:
            while data := f.read(_MIB):
                digest.update(data)
            return
        last = max(size - piece, 0)
        for i in range(samples + 2):
            f.seek(last * i // (samples + 1))
            digest.update(f.read(piece))


def _load(folder: Path, ref: VideoRef, key: str) -> CachedVideo | None:
    """A finished entry, or None. A damaged one (disk trouble, someone's edit) is removed, to be written anew."""
    if not folder.is_dir():
        return None
    try:
        stored = json.loads((folder / "info.json").read_text(encoding="utf-8"))
        frames = np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False)
        time_s = np.load(folder / "time_s.npy", allow_pickle=False)
        starts, damage, warnings = tuple(stored.pop("starts")), stored.pop("damage"), tuple(stored.pop("warnings"))
        info = VideoInfo(path=ref.path, name=ref.name, **stored)
        if frames.ndim != 4 or frames.dtype != np.uint8 or not len(frames) == len(time_s) == info.frames:
            raise ValueError("contents do not fit together")
    except (OSError, ValueError, TypeError, KeyError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return CachedVideo(frames, time_s, info, key, starts, damage, warnings)


def _fill(folder: Path, reader: VideoReader, size: tuple[int, int] | None, progress: Progress | None) -> None:
    times: list[float] = []
    starts: list[int] = []
    segment = -1
    shape: tuple[int, ...] = ()
    with (folder / "frames.npy").open("wb") as f:
        f.write(bytes(_HEADER))  # the count is known at the end only; the header is written over this then
        for frame in reader:
            image = frame.image if size is None else shrink(frame.image, size)
            shape = image.shape
            f.write(np.ascontiguousarray(image).data)
            if frame.segment != segment:
                segment = frame.segment
                starts.append(len(times))
            times.append(frame.time_s)
            if progress is not None:
                progress(len(times), reader.info.frames)
        f.seek(0)
        f.write(_npy_header((len(times), *shape)))
        f.flush()
        os.fsync(f.fileno())  # before the rename, or a power cut could publish a file of zeros
    np.save(folder / "time_s.npy", np.asarray(times, dtype=np.float64))
    spans = [(stop - 1 - start, times[stop - 1] - times[start]) for start, stop in pairwise([*starts, len(times)])]
    steps, seconds = (sum(column) for column in zip(*spans, strict=True))
    fps = steps / seconds if seconds > 0 else reader.info.fps
    info = replace(reader.info, frames=len(times), fps=round(fps, 6))
    stored: dict[str, Any] = {k: getattr(info, k) for k in ("width", "height", "fps", "frames", "rotation")}
    stored |= {"starts": starts, "damage": reader.damage.to_dict(), "warnings": reader.damage.warnings()}
    (folder / "info.json").write_text(json.dumps(stored), encoding="utf-8")


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Header of a version 1.0 .npy file, padded to a fixed length (numpy.lib.format allows any padding by spaces)."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode("latin1")
    start = b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little")
    return start + text.ljust(_HEADER - 11) + b"\n"


def _entries(base: Path) -> list[Path]:
    if not base.is_dir():
        return []
    return [p for p in base.iterdir() if p.is_dir() and (_KEY.fullmatch(p.name) or p.name.startswith(UNFINISHED))]


def cached_videos(root: Path | str | None = None) -> int:
    """How many finished entries there are: one per video content and size."""
    return sum(1 for p in _entries(cache_root(root)) if _KEY.fullmatch(p.name))


def cache_size(root: Path | str | None = None) -> int:
    """Bytes that the cache takes, unfinished entries included."""
    total = 0
    for folder in _entries(cache_root(root)):
        with suppress(OSError):  # an entry may be removed meanwhile
            total += sum(p.stat().st_size for p in folder.iterdir())
    return total


def clear_cache(root: Path | str | None = None) -> int:
    """Remove all entries, unfinished ones too, and nothing else in that folder. Returns the bytes freed.

    Raises OutputError where an entry cannot be removed.
    """
    base = cache_root(root)
    before = cache_size(base)
    for folder in _entries(base):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            continue
        except OSError as e:
            raise OutputError(f"{folder}: cannot be removed from the frame cache: {e.strerror}") from e
    return before - cache_size(base)


def _cannot_write(base: Path, e: OSError) -> OutputError:
    return OutputError(
        f"{base}: cannot write the frame cache: {e.strerror or e}. Free space or set {ENV_ROOT} to another folder"
    )
