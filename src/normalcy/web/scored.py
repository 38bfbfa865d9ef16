"""Folders that scoring left: of ``normalcy score`` in the output folder, and of the page's own jobs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from normalcy.errors import DataError
from normalcy.events.samples import thinned
from normalcy.events.strength import in_words, strength
from normalcy.results.layout import EVENTS, OVERLAY, RECORD, SCORES
from normalcy.results.scores_csv import read_scores
from normalcy.web.jobs import Job
from normalcy.web.site import Site

MOST = 2000
"""Videos that are listed, and points of a curve."""
PLAYABLE = frozenset((".mp4", ".m4v", ".webm"))


@dataclass(frozen=True, slots=True)
class Scored:
    """A video that has its scores."""

    key: str
    """For addresses."""
    name: str
    folder: Path
    frames: int
    seconds: float
    peak: float
    threshold: float | None
    events: list[dict[str, Any]]
    source: str
    when: float

    @property
    def strength(self) -> float | None:
        """Of its highest score."""
        return None if self.threshold is None else strength(self.peak, self.threshold)

    @property
    def word(self) -> str:
        """The same in words."""
        return "" if self.strength is None else in_words(self.strength)


def folders(site: Site) -> Iterator[Path]:
    """Those with a record."""
    for pattern in (f"*/{RECORD}", f"web/jobs/*/result/*/{RECORD}"):
        for path in sorted(site.out.glob(pattern))[:MOST]:
            yield path.parent


def key_of(site: Site, folder: Path) -> str:
    """A name for an address; file names may hold anything."""
    return hashlib.sha256(str(folder.relative_to(site.out)).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def listed(site: Site) -> list[Scored]:
    """All of them, newest first."""
    found = [s for f in folders(site) if (s := read(site, f)) is not None]
    return sorted(found, key=lambda s: -s.when)


def job_values(site: Site, job: Job) -> dict[str, Any]:
    """A job as pages see it: with the key of its result, where it has one."""
    done = next((site.out / job.out).glob(f"*/{RECORD}"), None) if job.state == "done" and job.kind == "score" else None
    return {**job.to_dict(), "key": None if done is None else key_of(site, done.parent)}


def one(site: Site, key: str) -> Scored | None:
    """The one of that key."""
    return next((read(site, f) for f in folders(site) if key_of(site, f) == key), None)


def read(site: Site, folder: Path) -> Scored | None:
    """None for what is not a finished result of this version."""
    try:
        run = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if run["finished"] is not True:
            return None
        content = json.loads((folder / EVENTS).read_text(encoding="utf-8"))
        threshold = run.get("threshold")
        events = []
        for e in content["events"]:
            strong = None if threshold is None else strength(float(e["peak"]), float(threshold))
            start, end = float(e["start_s"]), float(e["end_s"])
            word = "" if strong is None else in_words(strong)
            reason = str(e["readout"])
            events.append(
                {"start": start, "end": end, "peak": float(e["peak"]), "word": word, "strength": strong, "reason": reason}
            )
        fps = float(run["source"]["fps"]) or 25.0
        return Scored(
            key=key_of(site, folder),
            name=str(run["name"]),
            folder=folder,
            frames=int(run["frames"]),
            seconds=int(run["frames"]) / fps,
            peak=float(run["peak"]),
            threshold=None if threshold is None else float(threshold),
            events=events,
            source=str(run["source"].get("path", "")),
            when=(folder / RECORD).stat().st_mtime,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def video(site: Site, s: Scored) -> Path | None:
    """What a browser can play of it: with the map over it, or the video itself where it may be shown."""
    overlay = s.folder / OVERLAY
    if overlay.is_file():
        return overlay
    with suppress(OSError, ValueError):
        path = Path(s.source).resolve()
        allowed = (site.out.resolve(), *site.folders)
        if path.suffix.lower() in PLAYABLE and path.is_file() and any(path.is_relative_to(a) for a in allowed):
            return path
    return None


def series(s: Scored) -> tuple[list[float], list[float]]:
    """(times in seconds, scores), thinned so that no peak is lost. Raises DataError."""
    found = read_scores(s.folder / SCORES)
    if not len(found.score) or not np.isfinite(found.score).all():
        raise DataError(f"{s.folder / SCORES}: no scores")
    kept = thinned(found.score.tolist(), MOST)
    return [round(float(found.time_s[i]), 3) for i in kept], [round(float(found.score[i]), 4) for i in kept]
