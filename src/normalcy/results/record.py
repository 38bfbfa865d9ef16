"""Is it finished? A record beside each result says what it rests on; by it a second run knows that nothing is left to do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from normalcy.errors import OutputError, VideoError
from normalcy.files import Staging
from normalcy.video.cache import fingerprint
from normalcy.video.source import VideoRef, list_pictures


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a recording lies that was only fetched to be read, and by what it is known there."""

    address: str
    size: int
    """Bytes."""
    mark: str
    """Changes with its content."""

    def stamp(self) -> dict[str, Any]:
        """For the record, in place of the marks of the copy."""
        here = {"path": self.address, "kind": "file", "files": 1, "bytes": self.size, "modified_ns": 0}
        return {**here, "mark": self.mark}


class Record:
    """The record of one video's result: the JSON file ``path`` in the folder of the result.

    Make it before the video is read, so that a file that changes meanwhile does not pass for the one that was read.
    """

    def __init__(self, path: Path, ref: VideoRef, key: Mapping[str, Any], origin: Origin | None = None) -> None:
        """key: plain JSON values of everything that decides the result besides the video.

        origin: where the video lies, if that is elsewhere; ``ref`` is a copy then, which only publish() needs.

        Raises VideoError where the video cannot be looked at.
        """
        self.path = path
        self._ref = ref
        self._key = dict(key)
        self._origin = origin
        self._stamp = stamp(ref) if origin is None else origin.stamp()

    def finished(self, products: Iterable[str]) -> dict[str, Any] | None:
        """What an earlier run with the same key on the same video recorded, if all ``products`` (file names) are there."""
        try:
            values: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
            if values["finished"] is not True or values["key"] != self._key or not self._same(values["source"]):
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # missing, damaged or of another version
        return values if all((self.path.parent / p).is_file() for p in products) else None

    def publish(self, staging: Staging, values: Mapping[str, Any], products: Iterable[str], *, force: bool) -> None:
        """Put a result in place, all files at once and the record last.

        Args:
            staging: where the files of the result lie.
            values: plain JSON values for the record; ``finished``, ``source`` and ``key`` are added, further marks of the
                source may stand under ``source``.
            products: the names that files of such a result can have. Those that an earlier run left and this one did not make
                stay where they belong to the same result, and are removed where they do not.
            force: remove them in any case.

        Raises:
            OutputError: the files cannot be put in place. VideoError: the video has gone.
        """
        same = not force and self.finished(()) is not None
        unchanged = (
            self._origin is not None or stamp(self._ref) == self._stamp
        )  # else no fingerprint: what is there now was not read
        mark = fingerprint(self._ref) if unchanged else None
        source = {**self._stamp, "fingerprint": mark, **values.get("source", {})}
        content = {"finished": True, **values, "source": source, "key": self._key}
        try:
            with staging.open(self.path.name) as f:
                json.dump(content, f, indent=2, allow_nan=False)
                f.write("\n")
        except OSError as e:
            raise OutputError(f"{self.path}: cannot be written: {e.strerror or e}") from e
        staging.publish(self.path.name, stale=() if same else tuple(products))

    def _same(self, source: Mapping[str, Any]) -> bool:
        now = self._stamp
        if self._origin is not None:
            return all(source[k] == now[k] for k in ("path", "bytes", "mark")) and bool(now["mark"])
        if source["bytes"] != now["bytes"] or source["files"] != now["files"]:
            return False
        if source["path"] == now["path"] and source["modified_ns"] == now["modified_ns"]:
            return True
        return bool(source["fingerprint"] == fingerprint(self._ref))  # touched or moved, or another video


def stamp(ref: VideoRef) -> dict[str, Any]:
    """Cheap marks by which an unchanged source is known. Raises VideoError where it cannot be looked at."""
    try:
        files = [ref.path] if ref.kind == "file" else list_pictures(ref.path)
        stats = [p.stat() for p in files]
    except OSError as e:
        raise VideoError(f"{ref.path}: cannot be read: {e.strerror or e}") from e
    return {
        "path": str(ref.path.resolve()),
        "kind": ref.kind,
        "files": len(stats),
        "bytes": sum(s.st_size for s in stats),
        "modified_ns": max((s.st_mtime_ns for s in stats), default=0),
    }
