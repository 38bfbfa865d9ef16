"""events.json: the events of a video, the threshold they were found with, and at object level the tracks of each event."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from normalcy.detection.classes import class_name
from normalcy.results.layout import EVENTS, OBJECTS
from normalcy.results.objects_csv import read_objects
from normalcy.results.product import Product
from normalcy.types import Event, ObjectScore, VideoScores

UNITS = "asinh of standard deviations of normal training video, cross-validated; 0 is typical of it"
UNITS_PER_VIDEO = "0 the lowest and 1 the highest value in this video"


class EventsJson(Product):
    """When, where, how strong, and in words what the threshold rests on."""

    name = EVENTS

    def close(self, scores: VideoScores, events: Sequence[Event]) -> None:
        cfg, alarm = self.context.model.cfg, self.context.alarm
        entries = [event_to_dict(e) for e in events]
        if cfg.level != "frame":
            _add_tracks(entries, self.context.files.path / OBJECTS)
        content = {
            "video": self.context.ref.name,
            "threshold": alarm.value,
            "note": alarm.note,
            "units": UNITS if cfg.scoring.normalise == "train" else UNITS_PER_VIDEO,
            "events": entries,
        }
        with self.context.files.open(EVENTS) as f:
            f.write(json.dumps(content, indent=2, allow_nan=False) + "\n")


def event_to_dict(e: Event) -> dict[str, Any]:
    """One entry of events.json."""
    return {
        "start_s": e.start_s,
        "end_s": e.end_s,
        "start_frame": e.start_frame,
        "end_frame": e.end_frame,
        "peak": e.peak,
        "peak_s": e.peak_s,
        "peak_frame": e.peak_frame,
        "region": None if e.region is None else list(e.region),
        "readout": e.readout,
    }


def event_from_dict(d: Mapping[str, Any]) -> Event:
    """The reverse of :func:`event_to_dict`. Raises KeyError, TypeError or ValueError for anything else."""
    region = d["region"]
    x1, y1, x2, y2 = (float(v) for v in region) if region is not None else (0.0, 0.0, 0.0, 0.0)
    return Event(
        start_frame=int(d["start_frame"]),
        end_frame=int(d["end_frame"]),
        peak_frame=int(d["peak_frame"]),
        start_s=float(d["start_s"]),
        end_s=float(d["end_s"]),
        peak_s=float(d["peak_s"]),
        peak=float(d["peak"]),
        region=(x1, y1, x2, y2) if region is not None else None,
        readout=str(d["readout"]),
    )


def read_events(path: Path) -> list[Event]:
    """The events of an events.json. Raises OSError, KeyError, TypeError or ValueError for anything else."""
    return [event_from_dict(e) for e in json.loads(path.read_text(encoding="utf-8"))["events"]]


def _add_tracks(entries: list[dict[str, Any]], path: Path) -> None:
    """Give each event its tracks: the objects that were above 1 in it or the highest of a frame, with their box in every frame
    of the event."""
    for e in entries:
        e["tracks"] = {}
    for frame, o in read_objects(path):
        for e in entries:
            if e["start_frame"] <= frame <= e["end_frame"]:
                e["tracks"].setdefault(o.track, []).append((frame, o))
    for e in entries:
        tops: dict[int, tuple[float, int]] = {}
        for track, objects in e["tracks"].items():
            for frame, o in objects:
                tops[frame] = max(tops.get(frame, (-1e9, 0)), (o.score, track))
        leading = {track for _, track in tops.values()}
        kept = {k: v for k, v in e["tracks"].items() if k in leading or max(o.score for _, o in v) > 1.0}
        e["tracks"] = [_track(k, v) for k, v in sorted(kept.items())]


def _track(track: int, objects: list[tuple[int, ObjectScore]]) -> dict[str, Any]:
    """objects: the object in each frame that it was found in."""
    top_frame, top = max(objects, key=lambda f: f[1].score)
    return {
        "track": track,
        "label": top.label,
        "kind": class_name(top.label),
        "readout": top.readout,
        "why": top.why,
        "like": None if top.like is None else asdict(top.like),
        "peak": top.score,
        "peak_frame": top_frame,
        "boxes": [[frame, *(round(v, 2) for v in o.box), round(o.score, 4)] for frame, o in objects],
    }
