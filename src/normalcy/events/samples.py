"""The scores around an event, beside its clip: what the strip under the clip draws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from normalcy.errors import OutputError
from normalcy.files import write_bytes

MOST = 600
"""Samples that are kept; of more, the highest of each stretch."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Frame scores of a stretch of time."""

    times: tuple[float, ...]
    """(N,) seconds since 1970, growing."""
    scores: tuple[float, ...]
    """(N,)"""
    threshold: float | None
    begin: float
    """What the clip's first picture shows, seconds since 1970."""


def samples_beside(camera: str, id: str) -> str:
    """The file of an event's scores, relative to the output folder."""
    return f"media/{camera}/{id}.scores.json"


def write_samples(path: Path, samples: Samples) -> None:
    """Raises OutputError."""
    kept = thinned(samples.scores, MOST)
    content = {
        "times": [round(samples.times[i], 3) for i in kept],
        "scores": [round(samples.scores[i], 4) for i in kept],
        "threshold": samples.threshold,
        "begin": round(samples.begin, 3),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e
    write_bytes(path, json.dumps(content, allow_nan=False, separators=(",", ":")).encode())


def read_samples(path: Path) -> Samples | None:
    """None where there is no such file, or not one of ours."""
    try:
        d = json.loads(path.read_text(encoding="utf-8"))
        times, scores = tuple(map(float, d["times"])), tuple(map(float, d["scores"]))
        if len(times) != len(scores) or not times:
            return None
        threshold = None if d["threshold"] is None else float(d["threshold"])
        return Samples(times, scores, threshold, float(d["begin"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def thinned(values: Sequence[float], most: int) -> list[int]:
    """Indices to keep so that at most so many stay: the highest of each equal stretch, so that no peak is lost."""
    n = len(values)
    if n <= most:
        return list(range(n))
    run = -(-n // most)
    return [max(range(a, min(a + run, n)), key=values.__getitem__) for a in range(0, n, run)]
