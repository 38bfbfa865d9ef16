"""demo(): from nothing to a report. Simulated video in, then the very functions that real video goes through."""

from __future__ import annotations

import json
import time
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from normalcy.api.demo_page import Material, report_data
from normalcy.api.score import load, score
from normalcy.api.train import train
from normalcy.config import Config
from normalcy.data.files import load_label_folder
from normalcy.errors import OutputError, UsageError
from normalcy.evaluation.baselines import motion_scores
from normalcy.evaluation.evaluate import EvalResult, evaluate
from normalcy.files import write_bytes
from normalcy.metrics.auc import frame_metrics
from normalcy.metrics.table import ResultRow, frame_row
from normalcy.report.page import write_page
from normalcy.results.run_json import short_protocol
from normalcy.types import Progress
from normalcy.versions import version
from normalcy.virtual.generate import DatasetPaths, write_dataset

MARK = "demo.json"
"""Tells a folder that a demo filled from one that holds something else."""
REPORT, RESULTS = "report.html", "results.json"
TRAIN_CLIPS, TRAIN_FRAMES, TEST_CLIPS, TEST_FRAMES = 10, 250, 12, 200
"""How much is simulated: 100 s of normal life to learn from, 96 s to be judged on (fewer leave the result to luck)."""
BUDGET = "alarm.budget_per_hour=30"
"""Clips of seconds: at one false alarm per hour of video the demo would show no alarm at all, at one in two minutes it can."""
SETTINGS: Mapping[str, tuple[str, ...]] = {"cpu": (), "tiny": (), "paper": ("train.steps=20", "decoder.steps=20")}
"""Settings over each preset that keep the demo within minutes."""
OURS = "normalcy"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made."""

    folder: Path
    report: Path
    """The HTML page."""
    rows: Sequence[ResultRow]
    """The model first, then the baselines."""
    seconds: Mapping[str, float]
    """Wall time of each stage."""
    events: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "folder": str(self.folder),
            "report": str(self.report),
            "rows": [asdict(r) for r in self.rows],
            "seconds": dict(self.seconds),
            "events": self.events,
        }


def demo(
    out: str | Path,
    *,
    seed: int = 0,
    open_browser: bool = False,
    preset: str | None = None,
    progress: Progress | None = None,
) -> DemoResult:
    """The whole road on a simulated scene: make video, train, score, evaluate, and one self-contained HTML report.

    out: folder for everything; data, model and scores in it from an earlier demo are replaced. preset: default cpu with
    fewer steps. open_browser: show the report. Raises OutputError where ``out`` cannot be written, UsageError where it
    holds something else.
    """
    out = Path(out)
    _claim(out, seed)
    clock = _Clock()
    data = write_dataset(out / "data", seed, TRAIN_CLIPS, TRAIN_FRAMES, TEST_CLIPS, TEST_FRAMES, progress=_simulating(progress))
    clock.lap("simulate")
    trained = _train(data, out / "model", preset or "cpu", seed, progress)
    clock.lap("train")
    tests = [str(p) for p in data.test_videos]
    done = score(tests, out / "model", out / "scores", maps=True, force=True, progress=progress)
    clock.lap("score")
    found = evaluate(out / "scores", data.labels[0].parent, masks=data.masks[0].parent, name=OURS, seed=seed)
    clock.lap("evaluate")
    model = load(out / "model", "cpu")
    motion = _motion(data, model.cfg, progress)
    labels = load_label_folder(data.labels[0].parent)
    rows = [*found.rows, *_motion_rows(motion, labels, model.cfg)]
    clock.lap("motion baselines")
    material = Material(done, found, rows, motion, labels, data, out / "model", model, clock.laps)
    write_page(out / REPORT, report_data(material))
    clock.lap("report")
    events = sum(len(v.events) for v in done.videos)
    result = DemoResult(out, out / REPORT, rows, dict(clock.laps), events)
    _write_results(out / RESULTS, result, found, trained)
    if open_browser:
        webbrowser.open((out / REPORT).resolve().as_uri())
    return result


def _claim(out: Path, seed: int) -> None:
    """Take a new or empty folder, or one that a demo filled before. Raises UsageError for any other."""
    try:
        if out.is_dir() and not (out / MARK).is_file() and any(out.iterdir()):
            raise UsageError(f"{out}: holds something that is not a demo; name a new or an empty folder")
        out.mkdir(parents=True, exist_ok=True)
        write_bytes(out / MARK, json.dumps({"normalcy": version(), "seed": seed}).encode())
    except OSError as e:
        raise OutputError(f"{out}: cannot write the demo here: {e.strerror or e}") from e


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._since, 2)
        self._since = now


def _simulating(progress: Progress | None) -> Any:
    if progress is None:
        return None
    return lambda done, total: progress("simulate", done, total, {})


def _train(data: DatasetPaths, out: Path, preset: str, seed: int, progress: Progress | None) -> dict[str, float]:
    """Train; returns the last figures."""
    sets = (BUDGET, *SETTINGS.get(preset, ()))
    sources = [str(p) for p in data.train_videos]
    return dict(train(sources, out, preset=preset, sets=sets, seed=seed, force=True, progress=progress).figures)


def _motion(data: DatasetPaths, cfg: Config, progress: Progress | None) -> dict[str, dict[str, Any]]:
    s = cfg.scoring
    tests, normal = [str(p) for p in data.test_videos], [str(p) for p in data.train_videos]
    return motion_scores(normal, tests, s.smoothing, s.sigma_s, progress)


def _motion_rows(motion: Mapping[str, Mapping[str, Any]], labels: Mapping[str, Any], cfg: Config) -> list[ResultRow]:
    words = short_protocol(cfg).replace("per_video", "train")  # these baselines know no per-video normalisation
    return [frame_row(name, words, frame_metrics(scores, labels)) for name, scores in motion.items()]


def _write_results(path: Path, result: DemoResult, found: EvalResult, trained: Mapping[str, float]) -> None:
    content = {**result.to_dict(), "training": dict(trained), "evaluation": found.to_dict()}
    write_bytes(path, (json.dumps(content, indent=2, allow_nan=False, default=_plain) + "\n").encode())


def _plain(o: Any) -> Any:
    if isinstance(o, np.generic):
        return o.item()
    raise TypeError(f"a {type(o).__name__} cannot be stored")
