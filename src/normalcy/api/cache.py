"""What is kept between runs to save time, and how to be rid of it: decoded frames, and the boxes of detected objects."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from normalcy.detection.cache import FOLDER
from normalcy.errors import OutputError
from normalcy.files import UNFINISHED
from normalcy.video.cache import cache_root, cache_size, cached_videos, clear_cache

_BOXES = re.compile(rf"[0-9a-f]{{32}}\.npz|{re.escape(UNFINISHED)}.+")


@dataclass(frozen=True, slots=True)
class CacheState:
    """What the cache holds, or held before it was cleared."""

    folder: Path
    videos: int
    """Decoded videos, each size counted."""
    frame_bytes: int
    boxes: int
    """Files of boxes, one per video and detector."""
    box_bytes: int
    free_bytes: int | None
    """Left on the disk; None where that cannot be told."""

    @property
    def bytes(self) -> int:
        """Together."""
        return self.frame_bytes + self.box_bytes


def cache_state() -> CacheState:
    """Look at the cache, which $NORMALCY_CACHE_DIR can move. It need not exist."""
    root = cache_root()
    boxes = _box_files(root)
    return CacheState(root, cached_videos(), cache_size(), len(boxes), sum(_size(p) for p in boxes), _free(root))


def clear() -> CacheState:
    """Remove everything that Normalcy put there, and nothing else; returns what there was.

    Raises OutputError where an entry cannot be removed.
    """
    before = cache_state()
    clear_cache()
    for path in _box_files(before.folder):
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            raise OutputError(f"{path}: cannot be removed from the cache: {e.strerror or e}") from e
    return before


def _box_files(root: Path) -> list[Path]:
    folder = root / FOLDER
    return sorted(p for p in folder.iterdir() if _BOXES.fullmatch(p.name)) if folder.is_dir() else []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # removed meanwhile
        return 0


def _free(root: Path) -> int | None:
    there = next(p for p in (root, *root.absolute().parents) if p.exists())
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return None
