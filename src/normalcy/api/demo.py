"""demo(): from nothing to a report. Simulated video in, then the very functions that real video goes through."""

from __future__ import annotations

import json
import time
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from normalcy.api.benchmark import run_benchmark
from normalcy.api.demo_page import demo_report
from normalcy.api.explain import Explainer
from normalcy.api.learned import learned
from normalcy.api.report import illustrated
from normalcy.api.score import load
from normalcy.api.train import train
from normalcy.data import catalogue
from normalcy.errors import OutputError, UsageError
from normalcy.events.record import EventRecord
from normalcy.files import remove, write_bytes
from normalcy.metrics.table import ResultRow
from normalcy.report.page import write_page
from normalcy.types import Progress
from normalcy.versions import version
from normalcy.virtual.generate import write_dataset

MARK = "demo.json"
"""Tells a folder that a demo filled from one that holds something else."""
REPORT, RESULTS = "report.html", "results.json"
TRAIN_CLIPS, TRAIN_FRAMES, TEST_CLIPS, TEST_FRAMES = 10, 250, 12, 200
"""How much is simulated: 100 s of normal life to learn from, 96 s to be judged on (fewer leave the result to luck)."""
BUDGET = "alarm.budget_per_hour=30"
"""Clips of seconds: at one false alarm per hour of video the demo would show no alarm at all, at one in two minutes it can."""
SETTINGS: Mapping[str, tuple[str, ...]] = {"cpu": (), "tiny": (), "paper": ("train.steps=20", "decoder.steps=20")}
"""Settings over each preset that keep the demo within minutes."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made."""

    folder: Path
    report: Path
    """The HTML page."""
    rows: Sequence[ResultRow]
    """The model first, then its readouts and the baselines."""
    seconds: Mapping[str, float]
    """Wall time of each stage."""
    events: int
    watched: Path | None = None
    """The folder of a watch of the test clips, for ``normalcy serve``; None without the extra "watch"."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "folder": str(self.folder),
            "report": str(self.report),
            "rows": [asdict(r) for r in self.rows],
            "seconds": dict(self.seconds),
            "events": self.events,
            "watched": None if self.watched is None else str(self.watched),
        }


def demo(
    out: str | Path,
    *,
    seed: int = 0,
    open_browser: bool = False,
    preset: str | None = None,
    progress: Progress | None = None,
) -> DemoResult:
    """Simulate a scene, then train, score and evaluate on it, and write one self-contained HTML report.

    Args:
        out: folder for everything; data, model and scores in it from an earlier demo are replaced.
        seed: of the simulated scene and the training.
        open_browser: show the report.
        preset: default cpu.
        progress: hears what is done.

    Raises:
        OutputError: ``out`` cannot be written. UsageError: it holds something else.
    """
    out = Path(out)
    _claim(out, seed)
    clock = _Clock()
    paths = write_dataset(
        out / "data", seed, TRAIN_CLIPS, TRAIN_FRAMES, TEST_CLIPS, TEST_FRAMES, progress=_simulating(progress)
    )
    clock.lap("simulate")
    sets = (BUDGET, *SETTINGS.get(preset or "cpu", ()))
    sources = [str(p) for p in paths.train_videos]
    trained = train(sources, out / "model", preset=preset or "cpu", sets=sets, seed=seed, force=True, progress=progress)
    clock.lap("train")
    data, model = catalogue.load("folder", out / "data", require=("train", "test", "masks")), load(out / "model")
    result = run_benchmark(data, model, out / "scores", force=True, seed=seed, progress=progress)
    clock.lap("score and evaluate")
    page = demo_report(result, model, data, paths.scene, out / "model", clock.laps)
    page = illustrated(page, [v.folder for v in result.scored], Explainer(out / "model"), progress)
    write_page(out / REPORT, replace(page, learned=learned(out / "model")))
    clock.lap("report")
    watched = _watch([str(p) for p in paths.test_videos], out, progress)
    clock.lap("watch")
    rows = result.evaluation.rows
    made = DemoResult(out, out / REPORT, rows, dict(clock.laps), sum(len(v.events) for v in result.scored), watched)
    content = {**made.to_dict(), "training": dict(trained.figures), "evaluation": result.evaluation.to_dict()}
    write_bytes(out / RESULTS, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())
    if open_browser:
        webbrowser.open((out / REPORT).resolve().as_uri())
    return made


def _watch(sources: Sequence[str], out: Path, progress: Progress | None) -> Path | None:
    """Watch the test clips as cameras, so that there are events with clips to look through and to mark."""
    try:
        from normalcy.api.watch import watch
    except ModuleNotFoundError:  # the extra "watch" is not installed
        return None
    folder = out / "watch"
    remove(folder)
    seen = 0

    def show(record: EventRecord) -> None:
        nonlocal seen
        seen += record.type == "new"
        if progress is not None:
            progress("watch the clips as cameras", seen, None, {})

    watch(sources, folder, model=out / "model", fast=True, show=show)
    return folder


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
