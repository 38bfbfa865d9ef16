"""The demo's page: which curves, frames and numbers of a scored data set are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.evaluation.baselines import BY_ROW, GLOBAL
from normalcy.evaluation.evaluate import EvalResult
from normalcy.metrics.auc import CountCurve, auc
from normalcy.metrics.bysize import auc_by_size
from normalcy.metrics.grid import mask_share
from normalcy.metrics.table import ResultRow as Row
from normalcy.nn.bundle import CONFIG
from normalcy.nn.tasks import TASKS, chance
from normalcy.report.curves import Roc, SizeBin, Trace
from normalcy.report.page import EventPicture, ReportData, ResultRow, StripFrame, VideoReport
from normalcy.report.style import runs
from normalcy.results.layout import MAPS, SCORES
from normalcy.results.run_json import protocol
from normalcy.results.scored import ScoredVideo, ScoreResult
from normalcy.results.scores_csv import read_scores
from normalcy.scoring.model import Model
from normalcy.types import VideoScores
from normalcy.versions import versions
from normalcy.video.reader import VideoReader
from normalcy.virtual.generate import DatasetPaths

Scores = Mapping[str, NDArray[np.float64]]
STRIP = 4
"""Frames shown of each video."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that the page is made of."""

    scored: ScoreResult
    found: EvalResult
    rows: Sequence[Row]
    """The model first, then the baselines."""
    motion: Mapping[str, Scores]
    labels: Mapping[str, NDArray[np.uint8]]
    data: DatasetPaths
    model_folder: Path
    model: Model
    seconds: Mapping[str, float]


def report_data(m: Material) -> ReportData:
    """The demo's results as the page wants them."""
    scores = {v.name: read_scores(v.folder / SCORES) for v in m.scored.videos}
    ours = {n: s.score for n, s in scores.items()}
    threshold = m.model.threshold.value if m.model.threshold is not None and m.model.threshold.value > 0 else None
    kinds = json.loads(m.data.scene.read_text(encoding="utf-8"))["kinds"]
    videos = [
        _video(m, v, scores[v.name], p, threshold, kinds) for v, p in zip(m.scored.videos, m.data.test_videos, strict=True)
    ]
    losses, accuracies = training_traces(m.model_folder, m.model.cfg)
    return ReportData(
        title="Normalcy demo: one simulated camera",
        videos=videos,
        threshold=threshold,
        results=[_row(r, r is m.rows[0]) for r in m.rows],
        rocs=[_roc(m.rows[0].name, ours, m.labels, True), *(_roc(n, s, m.labels, False) for n, s in m.motion.items())],
        sizes=_sizes(m, ours),
        losses=losses,
        accuracies=accuracies,
        details=_details(m, scores),
        notes=[
            "The scene is simulated: exact truth comes with it, and it is easier than real video. "
            "It shows that the road works, not how well the method does on a real camera.",
            "Motion alone is a fair bar here: cars are fast and normal, and several of the anomalies are slow.",
        ],
    )


def _video(
    m: Material, v: ScoredVideo, scores: VideoScores, path: Path, threshold: float | None, kinds: Mapping[str, Sequence[str]]
) -> VideoReport:
    truth = m.labels[v.name]
    shown = strip_frames(scores.score, truth)
    pictures = _pictures(path, {*shown, *(e.peak_frame for e in v.events)})
    maps = np.load(v.folder / MAPS, mmap_mode="r", allow_pickle=False)
    masks = np.load(m.data.masks[0].parent / f"{v.name}.npz", allow_pickle=False)["masks"]
    strip = [
        StripFrame(
            time_s=float(scores.time_s[i]),
            score=float(scores.score[i]),
            image=pictures[i],
            # The page draws maps on the score's scale; a map's own threshold is 1.
            map=np.asarray(maps[i], dtype=np.float32) * np.float32(threshold or 1.0),
            mask=masks[i],
            abnormal=bool(truth[i]),
        )
        for i in shown
    ]
    return VideoReport(
        scores=scores,
        events=[EventPicture(e, m.model.words[e.readout], pictures[e.peak_frame]) for e in v.events],
        truth=truth,
        others={n: s[v.name] for n, s in m.motion.items()},
        strip=strip,
        auc=m.found.metrics.per_video[v.name],
        note="What happens here: " + ", ".join(k.replace("_", " ") for k in kinds.get(v.name, ())) + ".",
    )


def strip_frames(score: NDArray[np.float64], truth: NDArray[np.uint8]) -> list[int]:
    """Frames that show hits and misses alike: the middle of each true stretch, the highest score, the middle of normal time."""
    stretches = sorted(runs(truth), key=lambda r: r[0] - r[1])[: STRIP - 2]
    normal = sorted(runs(1 - truth.astype(np.int64)), key=lambda r: r[0] - r[1])[:1]
    chosen = {(a + b) // 2 for a, b in [*stretches, *normal]} | {int(score.argmax())}
    return sorted(chosen)[:STRIP]


def _pictures(path: Path, wanted: set[int]) -> dict[int, NDArray[np.uint8]]:
    with VideoReader(path) as reader:
        return {f.index: f.image for f in reader if f.index in wanted}


def _row(r: Row, ours: bool) -> ResultRow:
    v = r.values
    return ResultRow(
        r.name,
        r.protocol + (" (saw test videos whole)" if r.peeked else ""),
        v["micro_auc"],
        v["macro_auc_padded"],
        v["macro_auc_defined"],
        v["eer"],
        v["average_precision"],
        ours,
    )


def _joined(scores: Scores, labels: Mapping[str, NDArray[np.uint8]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.concatenate([scores[n] for n in labels]), np.concatenate([labels[n] for n in labels]).astype(np.bool_)


def _roc(name: str, scores: Scores, labels: Mapping[str, NDArray[np.uint8]], ours: bool) -> Roc:
    curve = CountCurve.of(*_joined(scores, labels))
    fpr, tpr = curve.rates()
    return Roc(name, fpr, tpr, curve.auc(), ours)


def _sizes(m: Material, ours: Scores) -> list[SizeBin]:
    """AUC by size of the anomaly for the model and for motion by row."""
    shares = {p.stem: mask_share(np.load(p, allow_pickle=False)["masks"]) for p in m.data.masks}
    both = {m.rows[0].name: ours, BY_ROW: m.motion[BY_ROW], GLOBAL: m.motion[GLOBAL]}
    found = {n: auc_by_size(s, m.labels, shares, resamples=1).bins for n, s in both.items()}
    first = found[m.rows[0].name]
    return [SizeBin(b.name, b.frames, {n: bins[i].auc for n, bins in found.items()}) for i, b in enumerate(first) if b.frames]


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


def _details(m: Material, scores: Mapping[str, VideoScores]) -> list[tuple[str, list[tuple[str, str]]]]:
    cfg = m.model.cfg
    alone: list[tuple[str, str]] = []
    for name in m.model.names:
        s, y = _joined({n: v.readouts[name] for n, v in scores.items()}, m.labels)
        alone.append((name, f"{100 * auc(s, y):.1f}"))
    rate = sum(v.frames for v in m.scored.videos) / max(sum(v.seconds for v in m.scored.videos), 1e-9)
    pixel = m.found.pixel
    more = [] if pixel is None else [("pixel AUC %", f"{100 * pixel.pixel_auc:.1f}")]
    threshold = [] if m.model.threshold is None else [("threshold", m.model.threshold.sentence())]
    settings = {
        "preset": cfg.preset,
        "seed": cfg.seed,
        "steps": cfg.train.steps,
        "clip length": cfg.clip.length,
    }
    return [
        ("Each readout alone, micro AUC %", [*alone, *more]),
        ("Protocol", [("score", protocol(m.model)), *threshold]),
        ("Settings", [(k, str(v)) for k, v in settings.items()]),
        ("Time in seconds", [(k, f"{v:.1f}") for k, v in m.seconds.items()] + [("frames scored per second", f"{rate:.0f}")]),
        ("Versions", list(versions().items())),
    ]
