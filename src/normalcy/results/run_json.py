"""run.json: what a finished result rests on, and by which a second run knows that there is nothing left to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from normalcy.config import Config, values
from normalcy.errors import VideoError
from normalcy.results.scored import ScoredVideo, event_from_dict
from normalcy.scoring.model import Model
from normalcy.scoring.smooth import describe
from normalcy.versions import version
from normalcy.video.cache import fingerprint
from normalcy.video.source import VideoRef, list_pictures

SCORES, EVENTS, TIMELINE, OBJECTS, MAPS, OVERLAY, RECORD = (
    "scores.csv",
    "events.json",
    "timeline.png",
    "objects.csv",
    "maps.npy",
    "overlay.mp4",
    "run.json",
)
PRODUCTS = (SCORES, EVENTS, TIMELINE, OBJECTS, MAPS, OVERLAY)
"""Everything beside run.json that scoring leaves in a video's folder: objects.csv at object level, the last if asked for."""


def key(model: Model) -> dict[str, Any]:
    """What decides the numbers besides the video itself: the model, and the settings that may change when it scores."""
    return {"normalcy": version(), "model": model.hash, "settings": values(model.cfg, "score", "place")}


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


def finished(folder: Path, ref: VideoRef, wanted: Mapping[str, Any], products: list[str]) -> ScoredVideo | None:
    """The result of an earlier run with the same key on the same video that has all products, or None."""
    if not wanted["model"]:  # a model that was never in a folder cannot be recognised again
        return None
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if record["finished"] is not True or record["key"] != wanted or not _same(record["source"], ref):
            return None
        if not all((folder / p).is_file() for p in products):
            return None
        found = json.loads((folder / EVENTS).read_text(encoding="utf-8"))
        return ScoredVideo(
            name=ref.name,
            folder=folder,
            frames=int(record["frames"]),
            seconds=float(record["timings"]["score_s"]) + float(record["timings"]["decode_s"]),
            fps=float(record["timings"]["frames_per_s"]),
            skipped=True,
            events=[event_from_dict(e) for e in found["events"]],
            peak=float(record["peak"]),
            warnings=list(record["warnings"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # missing, damaged or of another version: score again


def _same(source: Mapping[str, Any], ref: VideoRef) -> bool:
    now = stamp(ref)
    if source["bytes"] != now["bytes"] or source["files"] != now["files"]:
        return False
    if source["path"] == now["path"] and source["modified_ns"] == now["modified_ns"]:
        return True
    return bool(source["fingerprint"] == fingerprint(ref))  # touched or moved, or another video


def protocol(model: Model) -> str:
    """How a frame's score comes about, in words."""
    s = model.cfg.scoring
    return f"{model.describe()}; {describe(s.smoothing, s.sigma_s)}."


def short_protocol(cfg: Config) -> str:
    """The same in a few words, for a line of a table."""
    s = cfg.scoring
    plain = s.smoothing == "none" or s.sigma_s == 0
    return f"{s.normalise}, {'unsmoothed' if plain else f'{s.smoothing} {s.sigma_s:g} s'}"
