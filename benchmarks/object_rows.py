"""The rows of the object level on folder data sets: train, score and judge each, keep a line per cell, print them as Markdown.

    python benchmarks/object_rows.py run ROOT --row three --row both --seed 0 --out FILE.jsonl
    python benchmarks/object_rows.py section FILE.jsonl [FILE.jsonl ...]

Cells that are in FILE already are not run again. ROOT is a folder data set (docs/datasets.md); its name is that of the folder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from normalcy.api.benchmark import run_benchmark, test_ref
from normalcy.api.levels import load_model, train_level
from normalcy.data import catalogue
from normalcy.detection.base import build_detector
from normalcy.detection.cache import boxes_of
from normalcy.experiments.cells import control_flags
from normalcy.presets import load_config

NAMES = ("continuity", "localisation", "estimation", "arrow", "irregularity", "middle", "distillation")
ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "continuity": ("continuity judgment alone", ("continuity",)),
    "localisation": ("discontinuity localisation alone", ("localisation",)),
    "estimation-alone": ("missing frame estimation alone", ("estimation",)),
    "backbone": ("multi-task backbone [11]", ("arrow", "irregularity", "middle", "distillation")),
    "estimation": ("\\* estimation", ("arrow", "irregularity", "estimation", "distillation")),
    "three": ("\\* three tasks", ("continuity", "localisation", "estimation", "distillation")),
    "control": ("\\* three tasks with random weights", ("continuity", "localisation", "estimation", "distillation")),
    "both": ("\\* three tasks and object motion, fused with the frame level", ("continuity", "localisation", "estimation")),
}
"""Row -> words, tasks. Read by the tasks' scores and the density; ``both`` by the defaults of both levels. ``control``: nothing
but the statistics of batch normalisation is learned."""
BESIDE = ("motion (global)", "motion (by row)", "interpolation (by row)")


def settings(row: str, sets: list[str]) -> list[str]:
    """--set settings of a row. Without class scores there is no distillation."""
    scores = not any(s.replace(" ", "") == "objects.detector=motion" for s in sets) and any(
        "objects.detector" in s for s in sets
    )
    tasks = [t for t in ROWS[row][1] if t != "distillation" or scores]
    out = [f"tasks.{n}={1 if n in tasks else 0}" for n in NAMES]
    if row == "both":
        return ["level=both", *out, *sets]
    return ["level=object", *out, f"objects.readouts=[{', '.join([*tasks, 'density'])}]", *sets]


def measure(root: Path, row: str, seed: int, preset: str, sets: list[str]) -> dict[str, Any]:
    """Train, score and judge one cell."""
    data = catalogue.load("folder", root, require=("train", "test"))
    chosen, flags = settings(row, sets), {"seed": seed}
    cfg = load_config(preset, sets=chosen, flags=flags, environ={})
    if row == "control":
        cfg = load_config(preset, sets=chosen, flags={**flags, **control_flags(cfg)}, environ={})
    with tempfile.TemporaryDirectory() as folder:
        found_s = time.perf_counter()
        detector = build_detector(cfg.objects)
        refs = [v.ref for v in data.train] + [v.ref for v in data.test]
        frames = sum(len(boxes_of(ref, detector)) for ref in refs)
        found_s = time.perf_counter() - found_s
        started = time.perf_counter()
        train_level([v.ref for v in data.train], Path(folder) / "model", cfg, "cpu")
        trained_s = time.perf_counter() - started
        result = run_benchmark(data, load_model(Path(folder) / "model"), Path(folder) / "scores", resamples=200)
        runs = [json.loads((Path(folder) / "scores" / test_ref(v).name / "run.json").read_text()) for v in data.test]
    figures = json_figures(result.judged.to_dict())
    scored = sum(r["frames"] for r in runs)
    seconds = sum(r["timings"]["score_s"] + r["timings"]["decode_s"] for r in runs)
    return {
        "data": root.name,
        "row": row,
        "seed": seed,
        "preset": preset,
        "sets": sets,
        "figures": figures,
        "detect_frames_s": round(frames / max(found_s, 1e-9), 1),
        "train_s": round(trained_s, 1),
        "frames_s": round(scored / seconds, 1),
        "threads": cfg.train.threads,
        "load": os.getloadavg()[0],
    }


def json_figures(judged: dict[str, Any]) -> dict[str, Any]:
    """Row of the judgement -> its values and AUC by size."""
    out: dict[str, Any] = {}
    for r in judged["rows"]:
        sizes = {b["name"]: b["auc"] for b in judged["sizes"].get(r["name"], {}).get("bins", [])}
        out[r["name"]] = {**{k: v for k, v in r["values"].items() if v is not None}, "sizes": sizes}
    return out


def section(cells: list[dict[str, Any]]) -> str:
    """Markdown: one table per data set, detector and settings; seeds as mean (and range). frames/s is without detection."""
    lines = []
    for data, chosen in dict.fromkeys((c["data"], tuple(c["sets"])) for c in cells):
        own = [c for c in cells if (c["data"], tuple(c["sets"])) == (data, chosen)]
        named = [s for s in chosen if not s.startswith(("objects.detector", "objects.weights", "objects.threads"))]
        detector = next((s.partition("=")[2] for s in chosen if s.startswith("objects.detector")), "motion")
        bins = list(
            dict.fromkeys(b for c in own for f in c["figures"].values() for b, v in f["sizes"].items() if v is not None)
        )
        lines += [
            f"### {data}, detector `{detector}`",
            "",
            f"Preset `{own[0]['preset']}`; {', '.join(named) or 'no other setting'}.",
            "",
        ]
        heads = ["row", "seeds", "micro", "macro", *bins, "RBDC", "TBDC", "frames/s"]
        lines += ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
        for row, (words, _) in ROWS.items():
            these = [c for c in own if c["row"] == row]
            for name in dict.fromkeys(n for c in these for n in c["figures"] if n == "fused" or n.startswith("readout ")):
                label = f"**{words}**" if name == "fused" else f"&nbsp;&nbsp;{name.removeprefix('readout ')}"
                lines.append(_line(label, name, these, bins, name == "fused"))
        for name in BESIDE:
            lines.append(_line(name, name, own[:1], bins, False))
        lines.append("")
    return "\n".join(lines)


def _line(label: str, name: str, cells: list[dict[str, Any]], bins: list[str], whole: bool) -> str:
    figures = [c["figures"][name] for c in cells if name in c["figures"]]

    def mean(values: list[float | None]) -> str:
        known = [v for v in values if v is not None]
        if not known:
            return ""
        spread = f" ({min(known):.3f}-{max(known):.3f})" if len(known) > 1 else ""
        return f"{statistics.mean(known):.3f}{spread}"

    row = [
        label,
        str(len(figures)),
        mean([f.get("micro_auc") for f in figures]),
        mean([f.get("macro_auc_defined") for f in figures]),
    ]
    row += [mean([f["sizes"].get(b) for f in figures]) for b in bins]
    row += [mean([f.get(k) for f in figures]) if whole else "" for k in ("rbdc", "tbdc")]
    row.append(f"{statistics.mean(c['frames_s'] for c in cells):.0f}" if whole and cells else "")
    return "| " + " | ".join(row) + " |"


def read(paths: list[Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for p in paths if p.exists() for line in p.read_text(encoding="utf-8").splitlines() if line]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("root", type=Path)
    run.add_argument("--row", action="append", choices=ROWS, help="one or several; default: all")
    run.add_argument("--seed", action="append", type=int, help="one or several; default: 0")
    run.add_argument("--preset", default="cpu")
    run.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    run.add_argument("--out", type=Path, required=True, help="JSON lines; rows are added")
    show = commands.add_parser("section")
    show.add_argument("files", nargs="+", type=Path)
    args = parser.parse_args()
    if args.command == "section":
        print(section(read(args.files)))
        return
    for seed in args.seed or [0]:
        for row in args.row or list(ROWS):
            mark = (args.root.name, row, seed, args.preset, args.sets)
            if mark in [(c["data"], c["row"], c["seed"], c["preset"], c["sets"]) for c in read([args.out])]:
                continue
            cell = measure(args.root, row, seed, args.preset, args.sets)
            args.out.parent.mkdir(parents=True, exist_ok=True)
            with args.out.open("a", encoding="utf-8") as f:
                f.write(json.dumps(cell) + "\n")
            ours = cell["figures"]["fused"]
            print(f"{mark}: micro {ours['micro_auc']:.3f}, train {cell['train_s']} s, {cell['frames_s']} frames/s", flush=True)


if __name__ == "__main__":
    main()
