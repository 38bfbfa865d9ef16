"""Train, score and judge whole data sets over several seeds, and write what came out as a Markdown section.

    python benchmarks/results.py DATA_ROOT --sets ped1_dev umn avenue --seeds 0 1 2 --out runs/results > section.md

Each set is a folder of DATA_ROOT in the layout `folder` (docs/datasets.md). Finished work in --out is used again.
Every figure in the section comes from the files in --out; nothing is typed in.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from normalcy import train
from normalcy.api.benchmark import benchmark
from normalcy.api.machine import machine

COLUMNS = {"micro_auc": "micro AUC", "macro_auc_defined": "macro AUC (defined)", "macro_auc_padded": "macro AUC (padded)"}


def run(root: Path, name: str, seed: int, out: Path, preset: str, sets: Sequence[str]) -> dict[str, Any]:
    """One set with one seed: its results.json, with the training's figures beside it."""
    folder = out / f"{name}-{seed}"
    facts = folder / "train.json"
    if not facts.exists():
        done = train(root / name / "training", folder / "model", preset=preset, sets=sets, seed=seed, force=True)
        kept = {
            "seconds": dict(done.seconds),
            "precision": done.precision,
            "figures": dict(done.figures),
            "frames": done.frames,
        }
        facts.write_text(json.dumps(kept, indent=2), encoding="utf-8")
    benchmark("folder", root / name, folder / "model", folder / "bench")
    found = json.loads((folder / "bench" / "results.json").read_text(encoding="utf-8"))
    return {**found, "training": json.loads(facts.read_text(encoding="utf-8"))}


def over_seeds(results: Sequence[Mapping[str, Any]], row: str, column: str) -> str:
    """Mean over the seeds and, where they differ, the lowest and highest."""
    values = [next(r for r in result["rows"] if r["name"] == row)["values"].get(column) for result in results]
    if any(v is None for v in values):
        return "-"
    v = np.array(values)
    return f"{v.mean():.3f}" if v.max() - v.min() < 5e-4 else f"{v.mean():.3f} ({v.min():.3f}-{v.max():.3f})"


def section(name: str, results: Sequence[Mapping[str, Any]], seeds: Sequence[int], command: str) -> str:
    """The Markdown section of one data set."""
    first, trainings = results[0], [r["training"] for r in results]
    split = first["split"]
    seconds = [sum(t["seconds"].values()) for t in trainings]
    lines = [
        f"### {name}",
        "",
        f"- Split: {split['train_videos']} training videos without labels, {split['test_videos']} test videos, "
        f"{split['test_frames']} frames, {split['abnormal_frames']} of them abnormal; labels: {first['label_source']}",
        f"- Protocol: {first['protocol']}",
        f"- Seeds {', '.join(map(str, seeds))}; mean (lowest-highest seed). Command: `{command}`",
        f"- Training, decoding and calibration: {min(seconds):.0f} to {max(seconds):.0f} s; "
        f"arithmetic {', '.join(sorted({t['precision'] for t in trainings}))}",
        "",
        f"| | {' | '.join(COLUMNS.values())} | false alarms/h at the calibrated threshold |",
        f"|---|{'---|' * (len(COLUMNS) + 1)}",
    ]
    for row in first["rows"]:
        cells = [over_seeds(results, row["name"], c) for c in (*COLUMNS, "false_alarms_per_hour")]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    lines += ["", *_sizes(results), *(f"- {_alarms(r, s)}" for r, s in zip(results, seeds, strict=True) if r["alarms"])]
    return "\n".join([*lines, *(f"- {n}" for n in first["notes"]), ""])


def _sizes(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """AUC by anomaly size of the fused score and the motion baselines, where there are masks."""
    rows = results[0]["sizes"]
    if not rows:
        return []
    bins = next(iter(rows.values()))["bins"]
    lines = [
        "| AUC by size | " + " | ".join(f"{b['name']} ({b['frames']} frames)" for b in bins) + " |",
        f"|---|{'---|' * len(bins)}",
    ]
    for name in rows:
        cells = []
        for i in range(len(bins)):
            values = [r["sizes"][name]["bins"][i]["auc"] for r in results]
            cells.append("-" if None in values else f"{np.mean(values):.3f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _alarms(result: Mapping[str, Any], seed: int) -> str:
    a = result["alarms"]
    return (
        f"Alarms, seed {seed}: {a['detected']} of {len(a['events'])} events found, {a['false_alarms']} false alarms in "
        f"{a['normal_hours'] * 60:.1f} minutes of normal video; an alarm was on in {100 * a['alarm_share_normal']:.0f} % of it"
    )


def main() -> None:
    """Parse the command line, run, print the section."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("root", type=Path)
    p.add_argument("--sets", nargs="+", required=True)
    p.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--preset", default="cpu")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    a = p.parse_args()
    seeds = " ".join(map(str, a.seeds))
    settings = "".join(f" --set {shlex.quote(x)}" for x in a.set)
    command = (
        f"python benchmarks/results.py DATA_ROOT --sets {' '.join(a.sets)} --seeds {seeds} "
        f"--preset {a.preset}{settings} --out OUT"
    )
    facts = machine("cpu")
    print(f"Hardware: {facts['processor']}, {facts['cores']} cores; PyTorch {facts['torch']}, Normalcy {facts['normalcy']}.\n")
    for name in a.sets:
        results = []
        for seed in a.seeds:
            print(f"{name}, seed {seed}", file=sys.stderr)
            results.append(run(a.root, name, seed, a.out, a.preset, a.set))
        print(section(name, results, a.seeds, command))


if __name__ == "__main__":
    main()
