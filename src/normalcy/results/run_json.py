"""run.json: what the result of a scored video rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from normalcy.config import Config, values
from normalcy.results.events_json import read_events
from normalcy.results.layout import EVENTS, OVERLAY
from normalcy.results.product import Context
from normalcy.results.record import Record
from normalcy.results.scored import ScoredVideo
from normalcy.scoring.model import Model
from normalcy.scoring.smooth import describe
from normalcy.types import Event, VideoScores
from normalcy.versions import version, versions


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of wall time."""

    decode_s: float
    total_s: float
    """Decoding and scoring."""
    products_s: dict[str, float] = field(default_factory=dict)
    """Finishing each product, by its name."""


def key(model: Model) -> dict[str, Any]:
    """What decides the numbers besides the video itself: the model, and the settings that may change when it scores."""
    runtime = {} if model.runtime == "torch" else {"runtime": model.runtime}  # which change the last digits
    return {"normalcy": version(), "model": model.hash, **runtime, "settings": values(model.cfg, "score", "place")}


def run_values(
    context: Context,
    scores: VideoScores,
    events: Sequence[Event],
    warnings: Sequence[str],
    timings: Timings,
    damage: Mapping[str, Any],
) -> dict[str, Any]:
    """What run.json says, besides the marks of its :class:`Record`."""
    info, model = context.info, context.model
    return {
        "name": context.ref.name,
        "frames": len(scores.score),
        "peak": float(scores.score.max()),
        "events": len(events),
        "protocol": protocol(model),
        "threshold": context.alarm.value,
        "warnings": list(warnings),
        "damage": dict(damage),
        "source": {"width": info.width, "height": info.height, "fps": info.fps, "rotation": info.rotation},
        "model": model.hash,
        "device": str(model.device),
        "runtime": model.runtime,
        "precision": model.precision,
        "seed": model.cfg.seed,
        "versions": versions(),
        "timings": {
            "decode_s": round(timings.decode_s, 3),
            "score_s": round(timings.total_s - timings.decode_s, 3),
            "overlay_s": round(timings.products_s.get(OVERLAY, 0.0), 3),
            "frames_per_s": round(len(scores.score) / max(timings.total_s, 1e-9), 2),
        },
        "config": model.cfg.model_dump(mode="json"),
    }


def scored_video(folder: Path, values: Mapping[str, Any], events: Sequence[Event], *, skipped: bool) -> ScoredVideo:
    """The result in a folder. values: its run.json. Raises KeyError, TypeError or ValueError for one of another version."""
    timings = values["timings"]
    return ScoredVideo(
        name=folder.name,
        folder=folder,
        frames=int(values["frames"]),
        seconds=round(float(timings["score_s"]) + float(timings["decode_s"]), 3),
        fps=float(timings["frames_per_s"]),
        skipped=skipped,
        events=events,
        peak=float(values["peak"]),
        warnings=list(values["warnings"]),
    )


def finished_video(record: Record, products: Sequence[str]) -> ScoredVideo | None:
    """The result that an earlier run left, if it is the same and all products (file names) are there."""
    values = record.finished((*products, EVENTS))
    folder = record.path.parent
    try:
        return None if values is None else scored_video(folder, values, read_events(folder / EVENTS), skipped=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # damaged: score again


def protocol(model: Model) -> str:
    """How a frame's score comes about, in words."""
    s = model.cfg.scoring
    return f"{model.describe()}; {describe(s.smoothing, s.sigma_s)}."


def short_protocol(cfg: Config) -> str:
    """The same in a few words, for a line of a table."""
    s = cfg.scoring
    plain = s.smoothing == "none" or s.sigma_s == 0
    return f"{s.normalise}, {'unsmoothed' if plain else f'{s.smoothing} {s.sigma_s:g} s'}"
