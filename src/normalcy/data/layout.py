"""Finding things in a benchmark's folders while ignoring what operating systems and annotators leave between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from normalcy.errors import DataError
from normalcy.video.source import PICTURE_SUFFIXES, VIDEO_SUFFIXES, VideoRef, natural_key


def check_root(root: Path) -> Path:
    """``root`` itself. Raises DataError if it is not a folder."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; --root is the folder that holds the unpacked data set")
    return root


def is_junk(path: Path) -> bool:
    """Whether a name is left by an operating system: .DS_Store, ._*, Thumbs.db, desktop.ini."""
    return path.name.startswith(".") or path.name.lower() in {"thumbs.db", "desktop.ini", "__macosx"}


def entries(folder: Path) -> list[Path]:
    """Children of ``folder`` without junk, in natural order; empty if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if not is_junk(p)), key=lambda p: natural_key(p.name))


def files(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """Files of these suffixes directly in ``folder``, natural order."""
    wanted = frozenset(suffixes)
    return [p for p in entries(folder) if p.suffix.lower() in wanted and p.is_file()]


def videos(folder: Path) -> list[VideoRef]:
    """Video files and frame folders directly in ``folder``, natural order. DataError if two share a name."""
    refs = [r for r in map(as_ref, entries(folder)) if r is not None]
    seen: dict[str, Path] = {}
    for ref in refs:
        if ref.name in seen:
            raise DataError(f"{seen[ref.name]} and {ref.path}: two videos of the same name; remove one of them")
        seen[ref.name] = ref.path
    return refs


def as_ref(path: Path) -> VideoRef | None:
    """The video at ``path``: a video file, or a folder with at least one image; None for anything else."""
    if path.is_dir():
        return VideoRef(path.name, path, "frames") if files(path, PICTURE_SUFFIXES) else None
    return VideoRef(path.stem, path, "file") if path.suffix.lower() in VIDEO_SUFFIXES else None


def first_dir(root: Path, *candidates: str) -> Path:
    """The first of the folders ``candidates`` under ``root`` that exists, else the first (so that it can be named)."""
    return next((root / c for c in candidates if (root / c).is_dir()), root / candidates[0])


def find_files(root: Path, names: Iterable[str], depth: int = 3) -> dict[str, Path]:
    """Where files of these names (compared in lower case) are, at most ``depth`` folders down; the shallowest wins."""
    wanted = {n.lower() for n in names}
    found: dict[str, Path] = {}
    level = [root]
    for _ in range(depth + 1):
        below: list[Path] = []
        for folder in level:
            for p in entries(folder):
                if p.is_dir():
                    below.append(p)
                elif p.name.lower() in wanted:
                    found.setdefault(p.name.lower(), p)
        level = below
    return found


def number_in(name: str) -> int | None:
    """The only whole number in a name (``01`` and ``1_label`` both give 1), None if there is none or several."""
    found = re.findall(r"\d+", name)
    return int(found[0]) if len(found) == 1 else None
