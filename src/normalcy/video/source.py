"""From what the user names to the list of videos it stands for. Looks at names only, opens nothing."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from normalcy.errors import SourceError

_FILES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".flv", ".wmv", ".asf", ".3gp", ".ogv", ".mxf", ".gif", ".y4m")
_STREAMS = (".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".vob", ".h264", ".264", ".hevc", ".h265", ".mjpeg", ".mjpg", ".dav")
VIDEO_SUFFIXES = frozenset((*_FILES, *_STREAMS))
PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"))


@dataclass(frozen=True, slots=True)
class VideoRef:
    """One video, found but not opened."""

    name: str
    """Unique within one expansion; becomes the name of the output folder."""
    path: Path
    kind: Literal["file", "frames"]
    """file: a video file. frames: a folder of pictures that are one video's frames."""


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which frame2 comes before frame10; case is ignored."""
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in re.split(r"(\d+)", name.casefold()) if p]


def _natural(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda p: (natural_key(p.name), p.name))


def _list(folder: Path) -> list[Path]:
    """Entries of a folder in natural order, without dotfiles. Raises SourceError where it cannot be listed."""
    try:
        return _natural(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as e:
        raise SourceError(f"{folder}: cannot be listed: {e.strerror}") from e


def list_pictures(folder: Path) -> list[Path]:
    """The pictures directly in a folder, in natural order: the frames of one video."""
    return [p for p in _list(folder) if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file()]


def _list_videos(folder: Path) -> list[Path]:
    return [p for p in _list(folder) if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]


def as_ref(source: VideoRef | Path | str) -> VideoRef:
    """The reference to exactly one video. A folder is taken as a folder of frames.

    Raises SourceError where nothing is there.
    """
    if isinstance(source, VideoRef):
        return source
    path = Path(source).expanduser()
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    return VideoRef(_stem(path), path, "frames" if path.is_dir() else "file")


def _stem(path: Path) -> str:
    name = path.resolve().name if path.name in ("", "..") else path.name
    return (name if path.is_dir() else Path(name).stem) or "video"


def expand(source: str | Path | VideoRef) -> list[VideoRef]:
    """The videos that one SOURCE stands for, in natural order, with unique names.

    SOURCE is a video file; a folder of videos (its own level only); a folder of pictures (one video, the pictures are its
    frames); a folder of such folders (one video each; ``*_gt`` folders are left out); a folder that holds none of these but
    a folder ``videos``; a glob; or ``@list.txt`` with one source per line, relative to the list ('#' begins a comment).
    Raises SourceError naming the path and the reason: missing, empty, or nothing in it is video.
    """
    return expand_all([source])


def expand_all(sources: Sequence[str | Path | VideoRef]) -> list[VideoRef]:
    """Expand several sources as one run: order kept, a file given twice taken once, names unique.

    A name is the file's stem (the folder's name for frames). Where two clash, both take as many parent folders in front as
    tell them apart (``a_01``, ``b_01``), and numbers behind where even that does not help. The result depends on the
    paths and their order only. Raises SourceError as :func:`expand`.
    """
    refs: dict[Path | VideoRef, VideoRef] = {}
    for source in sources:
        if isinstance(source, VideoRef):
            refs[source] = source
            continue
        for ref in _expand(source):
            refs.setdefault(ref.path.resolve(), ref)
    return _unique(list(refs.values()))


def _expand(source: str | Path) -> list[VideoRef]:
    text = str(source)
    if not text:
        raise SourceError("an empty source was given; name a video, a folder, a glob or @list.txt")
    if text.startswith("@") and not Path(text).exists():
        return _expand_list(Path(text[1:]).expanduser())
    path = Path(text).expanduser()
    if path.is_dir():
        return _expand_folder(path)
    if path.exists():
        return [_file(path)]
    if glob.has_magic(text):
        return _expand_glob(str(path))
    raise SourceError(f"{path}: no such file or folder")


def _file(path: Path) -> VideoRef:
    if not path.is_file():
        raise SourceError(f"{path}: not a regular file")
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise SourceError(f"{path}: a single picture is not a video; give the folder that holds the frames")
    if path.suffix.lower() in (".txt", ".lst", ".list"):
        raise SourceError(f"{path}: a text file is not a video; write @{path} if it lists videos")
    return VideoRef(_stem(path), path, "file")


def _expand_folder(folder: Path) -> list[VideoRef]:
    found = _folder_videos(folder)
    inner = folder / "videos"
    if not found and inner.is_dir():
        found = _folder_videos(inner)
    if found:
        return found
    if not _list(folder):
        raise SourceError(f"{folder}: the folder is empty")
    raise SourceError(f"{folder}: nothing in this folder is video (no video file, no pictures, no folders of pictures)")


def _folder_videos(folder: Path) -> list[VideoRef]:
    if videos := _list_videos(folder):
        return [_file(p) for p in videos]
    if list_pictures(folder):
        return [VideoRef(_stem(folder), folder, "frames")]
    subfolders = [p for p in _list(folder) if p.is_dir() and not p.name.lower().endswith("_gt")]
    return [VideoRef(p.name, p, "frames") for p in subfolders if list_pictures(p)]


def _expand_glob(pattern: str) -> list[VideoRef]:
    matches = _natural_paths(glob.glob(pattern, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    if not matches:
        raise SourceError(f"{pattern}: nothing matches")
    refs: list[VideoRef] = []
    for path in matches:
        if path.is_dir():
            refs += [] if path.name.lower().endswith("_gt") else _folder_videos(path)
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            refs.append(_file(path))
    if refs:
        return refs
    hint = ""
    if any(p.suffix.lower() in PICTURE_SUFFIXES for p in matches):
        hint = "; for a folder of frames give the folder itself"
    raise SourceError(f"{pattern}: none of the {len(matches)} matches is video{hint}")


def _natural_paths(names: Iterable[str]) -> list[Path]:
    return sorted((Path(n) for n in names), key=lambda p: ([natural_key(part) for part in p.parts], str(p)))


def _expand_list(listing: Path) -> list[VideoRef]:
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise SourceError(f"{listing}: this list cannot be read: {getattr(e, 'strerror', None) or e}") from e
    refs: list[VideoRef] = []
    for number, line in enumerate(lines, 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        if entry.startswith("@"):
            raise SourceError(f"{listing}, line {number}: a list inside a list is not supported: {entry}")
        try:
            refs += _expand(listing.parent / Path(entry).expanduser())
        except SourceError as e:
            raise SourceError(f"{listing}, line {number}: {e}") from e
    if not refs:
        raise SourceError(f"{listing}: the list names no video")
    return refs


def _unique(refs: list[VideoRef]) -> list[VideoRef]:
    same: dict[str, list[VideoRef]] = {}
    for ref in refs:
        same.setdefault(ref.name.casefold(), []).append(ref)
    names = [_prefixed(ref, same[ref.name.casefold()]) for ref in refs]
    reserved = {n.casefold() for n in names}  # case ignored: the output may lie on a file system that ignores it
    taken: set[str] = set()
    for i, name in enumerate(names):
        number = 2
        while names[i].casefold() in taken:
            if f"{name}_{number}".casefold() not in reserved:
                names[i] = f"{name}_{number}"
            number += 1
        taken.add(names[i].casefold())
    return [replace(r, name=n) for r, n in zip(refs, names, strict=True)]


def _prefixed(ref: VideoRef, same: list[VideoRef]) -> str:
    """ref's name with as many parent folders in front as tell apart all folders in which a video has this name."""
    folders = {r.path.resolve().parent.parts for r in same}
    if len(folders) == 1:
        return ref.name
    depth = next(d for d in range(1, 1 + max(map(len, folders))) if len({f[-d:] for f in folders}) == len(folders))
    return "_".join([*(part.strip("/\\") for part in ref.path.resolve().parent.parts[-depth:]), ref.name]).lstrip("_")


Sources = str | Path | VideoRef | Sequence[str | Path | VideoRef]
"""One SOURCE or several: a video file, a folder of videos or of frames, a glob, ``@list.txt``, or a video under a name."""


def as_list(sources: Sources) -> list[str | Path | VideoRef]:
    """One source or several, as a list. Raises SourceError for none."""
    several = [sources] if isinstance(sources, str | Path | VideoRef) else list(sources)
    if not several:
        raise SourceError("no source was given; name a video, a folder, a glob or @list.txt")
    return several


def find_videos(sources: Sources) -> tuple[list[VideoRef], dict[str, str]]:
    """(videos with unique names, sources that are none with the reason). Raises SourceError where no source is any."""
    good: list[str | Path | VideoRef] = []
    failed: dict[str, str] = {}
    first: SourceError | None = None
    for source in as_list(sources):
        try:
            expand(source)
            good.append(source)
        except SourceError as e:
            failed[str(source)] = str(e)
            first = first or e
    if not good and first is not None:
        raise first
    return expand_all(good), failed
