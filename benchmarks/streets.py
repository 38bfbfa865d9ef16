"""Simulated streets for benchmarks/quality: data of any amount, with every kind of anomaly by name.

    python benchmarks/streets.py write DATA_ROOT --seeds 201 202
    python benchmarks/quality run DATA_ROOT --sets street201 street202 --seeds 0 1 2 --out RESULTS.jsonl
    python benchmarks/streets.py kinds DATA_ROOT RESULTS.jsonl

`write` makes one data set for each seed, DATA_ROOT/streetSEED: 100 s of normal life to learn from, and test clips of 8 s
with one kind of anomaly in each, all kinds in turn. A folder that holds a finished one is kept.
`kinds` tells what is found: AUC within a clip, mean over the clips of a kind, seeds and streets, as Markdown, of
the fused score, the same pipeline with random weights, and each readout.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normalcy.data.files import load_label_folder
from normalcy.errors import DataError
from normalcy.evaluation.evaluate import FUSED
from normalcy.experiments.store import left_behind
from normalcy.metrics.auc import auc
from normalcy.results.scores_csv import read_scores
from normalcy.tables import markdown
from normalcy.types import VideoScores
from normalcy.virtual.generate import write_dataset

TRAIN_CLIPS, TRAIN_FRAMES, TEST_FRAMES = 10, 250, 200


def write(root: Path, seed: int, test_clips: int) -> Path:
    """DATA_ROOT/streetSEED, made unless it is there."""
    out = root / f"street{seed}"
    if not (out / "scene.json").is_file():  # written last

        def show(done: int, total: int) -> None:
            if done % 100 == 0 or done == total:
                print(f"\r{out.name}: {done}/{total} frames", end="" if done < total else "\n", file=sys.stderr, flush=True)

        write_dataset(out, seed, TRAIN_CLIPS, TRAIN_FRAMES, test_clips, TEST_FRAMES, progress=show)
    return out


def within(v: VideoScores, labels: NDArray[np.uint8]) -> dict[str, float]:
    """AUC of the fused score and of each readout among the frames of one clip; empty where all frames are alike."""
    if labels.min() == labels.max():
        return {}
    return {k: auc(s, labels == 1) for k, s in {FUSED: v.score, **v.readouts}.items()}


ByKind = dict[str, dict[str, list[float]]]
"""Kind of anomaly -> name of a score -> its AUCs."""


def kinds_text(root: Path, results: Sequence[Path]) -> str:
    """A table for each configuration. Raises DataError where no cell is left to read."""
    aucs: dict[str, dict[bool, ByKind]] = defaultdict(
        lambda: {u: defaultdict(lambda: defaultdict(list)) for u in (False, True)}
    )
    for path in results:
        for c, _, scores in left_behind(path):
            scene = root / c.dataset / "scene.json"
            if not scene.is_file():
                continue
            kinds: Mapping[str, list[str]] = json.loads(scene.read_text())["kinds"]
            labels = load_label_folder(root / c.dataset / "testing" / "labels")
            for v in map(read_scores, scores):
                for name, value in within(v, labels[v.name]).items():
                    aucs[c.name][c.untrained][" + ".join(kinds[v.name])][name].append(value)
    tables = [f"{name}:\n\n{table(by[False], by[True])}" for name, by in sorted(aucs.items()) if by[False]]
    if not tables:
        raise DataError(f"{', '.join(map(str, results))}: no cell of a simulated street has its scores beside it")
    return "\n\n".join(tables)


def table(trained: ByKind, random: ByKind) -> str:
    """Markdown, the kind that is found best first."""
    readouts = [r for r in next(iter(trained.values())) if r != FUSED]
    grid = [["kind", "clips x seeds", FUSED, "random weights", *readouts]]
    for kind, by in sorted(trained.items(), key=lambda kv: -float(np.mean(kv[1][FUSED]))):
        control = random.get(kind, {}).get(FUSED, [])
        cells = [_mean(values) for values in (by[FUSED], control, *(by[r] for r in readouts))]
        grid.append([kind.replace("_", " "), str(len(by[FUSED])), *cells])
    return markdown(grid)


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f}" if values else "-"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="command", required=True)
    w = sub.add_parser("write", help="make the data sets")
    w.add_argument("root", type=Path, metavar="DATA_ROOT")
    w.add_argument("--seeds", type=int, nargs="+", required=True, metavar="N")
    w.add_argument("--test-clips", type=int, default=24, metavar="N")
    k = sub.add_parser("kinds", help="AUC by kind of anomaly")
    k.add_argument("root", type=Path, metavar="DATA_ROOT")
    k.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl")
    a = p.parse_args()
    if a.command == "write":
        for seed in a.seeds:
            print(write(a.root, seed, a.test_clips))
    else:
        print(kinds_text(a.root, a.results))


if __name__ == "__main__":
    main()
