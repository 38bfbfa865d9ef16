"""What the user named, as a list of videos."""

from __future__ import annotations

from pathlib import Path

from normalcy.api import Sources
from normalcy.errors import SourceError
from normalcy.video.source import VideoRef, expand, expand_all


def listed(sources: Sources) -> list[str | Path]:
    """One source or several, as a list. Raises SourceError for none."""
    found: list[str | Path] = [sources] if isinstance(sources, str | Path) else list(sources)
    if not found:
        raise SourceError("no source was given; name a video, a folder, a glob or @list.txt")
    return found


def find(sources: Sources) -> tuple[list[VideoRef], dict[str, str]]:
    """(videos with unique names, sources that are none with the reason). Raises SourceError where no source is any."""
    good: list[str | Path] = []
    failed: dict[str, str] = {}
    first: SourceError | None = None
    for source in listed(sources):
        try:
            expand(source)
            good.append(source)
        except SourceError as e:
            failed[str(source)] = str(e)
            first = first or e
    if not good and first is not None:
        raise first
    return expand_all(good), failed
