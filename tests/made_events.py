"""A made-up event store with clips, pictures and scores: what a watch of two cameras leaves, without watching any."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fakes import moving_square_video, write_video
from normalcy.api.regions import jpeg
from normalcy.events.record import EventRecord
from normalcy.events.samples import Samples, samples_beside, write_samples
from normalcy.events.store import Store

NOON = 1_795_694_400.0
"""Thursday, 26 November 2026, 12:00 UTC."""
TEXTS = {
    "velocity": "something moves as nothing usually does there",
    "density": "something looks as nothing usually does there",
    "motion": "something moves where nothing usually moves",
}
CLIP_S, FPS, W, H = 8.0, 12.5, 320, 180


def made_event(i: int, start: float | None = None, **given: Any) -> EventRecord:
    """The i-th event, each an hour older than the one before; a pattern over cameras, reasons and strengths."""
    start = NOON - 3600.0 * i if start is None else start
    reason = list(TEXTS)[i % len(TEXTS)]
    camera = ("gate", "yard")[i % 2]
    peak = (2.4, 3.2, 4.6)[(i // 2) % 3]
    id = f"{start:.6f}-{i:06x}"
    values: dict[str, Any] = {
        "id": id,
        "camera": camera,
        "change": 1,
        "type": "end",
        "kind": "anomaly",
        "severity": "alert" if i % 5 else "detection",
        "time": start + 5.0,
        "start_time": start,
        "end_time": start + 3.0,
        "peak": peak,
        "peak_time": start + 1.0,
        "threshold": 2.0,
        "region": (0.4, 0.3, 0.6, 0.7),
        "zones": ("door",) if i % 4 == 0 else (),
        "readout": reason,
        "rarity": "higher than 99.97 % of normal minutes",
        "text": f"{camera}: {TEXTS[reason]} (higher than 99.97 % of normal minutes)",
    }
    return EventRecord(**{**values, **given})


class Media:
    """Makes a clip and a picture once, and copies them for every event."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        frames = moving_square_video(round(CLIP_S * FPS), H, W, seed=2, speed=4.0)
        self.clip = write_video(folder / "clip.mp4", frames, FPS, options={"movflags": "+faststart"})
        self.picture = folder / "picture.jpg"
        self.picture.write_bytes(jpeg(frames[50], (0.4, 0.3, 0.6, 0.7)))

    def give(self, out: Path, r: EventRecord) -> EventRecord:
        """The record with its files in the output folder."""
        base = out / "media" / r.camera
        base.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.clip, base / f"{r.id}.mp4")
        shutil.copy(self.picture, base / f"{r.id}.jpg")
        times = r.start_time - 2.5 + np.arange(0.0, CLIP_S, 0.08)
        bump = np.exp(-(((times - r.start_time - 1.0) / 1.2) ** 2))
        scores = 0.6 + 0.2 * np.sin(times) + ((r.peak or 1.0) - 0.6) * bump
        write_samples(
            out / samples_beside(r.camera, r.id), Samples(tuple(times), tuple(scores), r.threshold, r.start_time - 2.5)
        )
        here = f"media/{r.camera}/{r.id}"
        return EventRecord(**{**{f: getattr(r, f) for f in r.__slots__}, "clip": f"{here}.mp4", "snapshot": f"{here}.jpg"})


def fill(out: Path, n: int, *, media: Media | None = None, **given: Any) -> list[EventRecord]:
    """n events, newest first."""
    store = Store(out)
    records = [made_event(i, **given) for i in range(n)]
    records = [r if media is None else media.give(out, r) for r in records]
    for r in records:
        store.send(r)
    store.close()
    return records


@contextmanager
def filled(out: Path, n: int, **given: Any) -> Iterator[Store]:
    """The same, as an open store."""
    fill(out, n, **given)
    store = Store(out)
    try:
        yield store
    finally:
        store.close()


def pictures(path: Path) -> np.ndarray:
    """The pixels of an image file."""
    return np.asarray(cv2.imread(str(path)))
