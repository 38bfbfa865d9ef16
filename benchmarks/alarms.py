"""What a person on duty would get: events found and false alarms for several budgets, from what benchmarks/quality left behind.

    python benchmarks/alarms.py DATA_ROOT RESULTS.jsonl [RESULTS.jsonl ...] [--budgets 1 10 60]

For every cell whose model and scores lie in RESULTS.work: the threshold for each budget of false alarms per hour, set on normal
training video alone, and the events that the program reports at it, against the labels. Printed as Markdown, one line for
each configuration and data set, trained and with random weights, and of each seed in turn: events found, and false alarms.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normalcy.api.score import load
from normalcy.config import AlarmConfig
from normalcy.data.files import load_label_folder
from normalcy.errors import DataError
from normalcy.events.detector import EventDetector, closed
from normalcy.experiments.store import left_behind
from normalcy.metrics.events import EventMetrics, event_metrics
from normalcy.results.scores_csv import read_scores
from normalcy.tables import markdown
from normalcy.types import FrameScore, VideoScores

ANYWHERE = (1, 1)
"""Picture size: only times are counted."""


def measure(
    videos: Sequence[VideoScores], labels: Mapping[str, NDArray[np.uint8]], threshold: float, cfg: AlarmConfig
) -> EventMetrics:
    """The program's events at a threshold, against the labels of these videos."""
    frames_of: dict[str, NDArray[np.int64]] = {}
    for v in videos:
        detector = EventDetector(threshold, cfg, ANYWHERE)
        frames = [FrameScore(i, float(t), float(s), {}) for i, (t, s) in enumerate(zip(v.time_s, v.score, strict=True))]
        events = list(closed([c for f in frames for c in detector.push(f)] + detector.finish()))
        frames_of[v.name] = np.array([(e.start_frame, e.end_frame) for e in events], np.int64).reshape(-1, 2)
    return event_metrics(frames_of, {v.name: labels[v.name] for v in videos}, {v.name: v.time_s for v in videos})


def table(root: Path, results: Sequence[Path], budgets: Sequence[float]) -> str:
    """The table, as Markdown. Raises DataError where no cell is left to count."""
    rows: dict[tuple[str, str, bool], dict[int, list[EventMetrics]]] = defaultdict(dict)
    for path in results:
        for c, folder, scores in left_behind(path):
            model, labels = load(folder / "model", "cpu"), load_label_folder(root / c.dataset / "testing" / "labels")
            if model.threshold is None:
                continue
            at = [model.threshold.for_budget(b).value for b in budgets]
            videos = [read_scores(p) for p in scores]
            rows[c.name, c.dataset, c.untrained][c.seed] = [measure(videos, labels, t, model.cfg.alarm) for t in at]
    if not rows:
        raise DataError(f"{', '.join(map(str, results))}: no cell has its model and scores beside it")
    grid = [["configuration", "set", "weights", *(f"{b:g} per hour" for b in budgets)]]
    for (name, dataset, untrained), by_seed in sorted(rows.items()):
        some = next(iter(by_seed.values()))[0]
        words = f"{dataset}: {len(some.events)} events, {some.normal_hours * 60:.1f} normal minutes"
        cells = (_cell(by_seed, i) for i in range(len(budgets)))
        grid.append([name, words, "random" if untrained else "trained", *cells])
    return markdown(grid)


def _cell(by_seed: Mapping[int, Sequence[EventMetrics]], budget: int) -> str:
    of = [by_seed[seed][budget] for seed in sorted(by_seed)]
    return f"{', '.join(str(m.detected) for m in of)}; {', '.join(str(m.false_alarms) for m in of)} false"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("root", type=Path, metavar="DATA_ROOT")
    p.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl")
    p.add_argument("--budgets", type=float, nargs="+", default=[1.0, 10.0, 60.0], metavar="N")
    a = p.parse_args()
    print(table(a.root, a.results, a.budgets))


if __name__ == "__main__":
    main()
