"""The demo's page: that of a benchmark, and frames with their masks and maps, pictures of events, and the training's curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normalcy.api.benchmark import BenchmarkResult
from normalcy.config import Config
from normalcy.data.base import Dataset, TestVideo
from normalcy.evaluation.page import page
from normalcy.evaluation.videos import ScoredTestVideo
from normalcy.metrics.events import runs
from normalcy.nn.bundle import CONFIG
from normalcy.nn.tasks import TASKS, chance
from normalcy.report.curves import Trace
from normalcy.report.page import ReportData, StripFrame, VideoReport
from normalcy.scoring.model import Model
from normalcy.versions import versions
from normalcy.video.reader import VideoReader

STRIP = 4
"""Frames shown of each video."""


def demo_report(
    result: BenchmarkResult, model: Model, data: Dataset, scene: Path, model_folder: Path, seconds: Mapping[str, float]
) -> ReportData:
    """Fill the page.

    Args:
        result: of the benchmark on the simulated data set.
        model: that was trained.
        data: the data set.
        scene: its description, which names the kinds of anomaly in each clip.
        model_folder: keeps the history of the training.
        seconds: wall time of each stage.
    """
    cfg, threshold = model.cfg, result.alarm.value
    rate = sum(v.frames for v in result.scored) / max(result.seconds, 1e-9)
    settings = {"preset": cfg.preset, "seed": cfg.seed, "steps": cfg.train.steps, "clip length": cfg.clip.length}
    plain = page(
        "Normalcy demo: one simulated camera",
        result.scored,
        threshold,
        model.words,
        evaluation=result.evaluation,
        labels={v.name: v.labels for v in result.videos},
        baselines=result.baselines,
        details=[
            ("Protocol", [("score", result.protocol), ("threshold", result.alarm.note)]),
            ("Settings", [(k, str(v)) for k, v in settings.items()]),
            ("Time in seconds", [(k, f"{v:.1f}") for k, v in seconds.items()] + [("frames scored per second", f"{rate:.0f}")]),
            ("Versions", list(versions().items())),
        ],
        notes=[
            "The scene is simulated: exact truth comes with it, and it is easier than real video. "
            "It shows that the road works, not how well the method does on a real camera.",
            "Motion alone is a fair bar here: cars are fast and normal, and several of the anomalies are slow.",
        ],
    )
    kinds: Mapping[str, Sequence[str]] = json.loads(scene.read_text(encoding="utf-8"))["kinds"]
    losses, accuracies = training_traces(model_folder, cfg)
    shown = zip(plain.videos, result.videos, data.test, strict=True)
    videos = [_illustrated(v, scored, test, threshold, kinds.get(test.name, ())) for v, scored, test in shown]
    return replace(plain, videos=videos, losses=losses, accuracies=accuracies)


def _illustrated(
    v: VideoReport, scored: ScoredTestVideo, test: TestVideo, threshold: float | None, kinds: Sequence[str]
) -> VideoReport:
    """A video of the page with pictures. Simulated videos have masks, and a benchmark with masks keeps maps."""
    assert scored.maps is not None and scored.masks is not None
    frames = strip_frames(v.scores.score, scored.labels)
    pictures = _pictures(test.ref.path, {*frames, *(e.event.peak_frame for e in v.events)})
    maps, masks = scored.maps(), scored.masks()
    strip = [
        StripFrame(
            time_s=float(v.scores.time_s[i]),
            score=float(v.scores.score[i]),
            image=pictures[i],
            # The page draws maps on the score's scale; a map's own threshold is 1.
            map=maps[i] * np.float32(threshold or 1.0),
            mask=masks[i],
            abnormal=bool(scored.labels[i]),
        )
        for i in frames
    ]
    events = [replace(e, image=pictures[e.event.peak_frame]) for e in v.events]
    words = ", ".join(k.replace("_", " ") for k in kinds)
    return replace(v, strip=strip, events=events, note=" ".join(s for s in (f"What happens here: {words}.", v.note) if s))


def strip_frames(score: NDArray[np.float64], truth: NDArray[np.uint8]) -> list[int]:
    """Frames that show hits and misses alike: the middle of each true stretch, the highest score, the middle of normal time."""
    stretches = sorted(runs(truth), key=lambda r: r[0] - r[1])[: STRIP - 2]
    normal = sorted(runs(truth == 0), key=lambda r: r[0] - r[1])[:1]
    chosen = {int(a + b) // 2 for a, b in [*stretches, *normal]} | {int(score.argmax())}
    return sorted(chosen)[:STRIP]


def _pictures(path: Path, wanted: set[int]) -> dict[int, NDArray[np.uint8]]:
    with VideoReader(path) as reader:
        return {f.index: f.image for f in reader if f.index in wanted}


def training_traces(model_folder: Path, cfg: Config) -> tuple[list[Trace], list[Trace]]:
    """(losses, accuracies) over the steps of stage 1, from what the model folder keeps of its training."""
    extra = json.loads((model_folder / CONFIG).read_text(encoding="utf-8"))["extra"]
    history: list[dict[str, float]] = extra.get("history", {}).get("encoder", [])
    guess = chance(cfg)
    losses: list[Trace] = []
    accuracies: list[Trace] = []
    for name in TASKS:
        for kind, into in (("loss", losses), ("accuracy", accuracies)):
            points = [(h["step"], h[k]) for h in history if (k := f"train/{name}_{kind}") in h]
            if points:
                step, value = np.array(points, dtype=np.float64).T
                into.append(Trace(name.replace("_", " "), step, value, guess.get(name) if kind == "accuracy" else None))
    return losses, accuracies
