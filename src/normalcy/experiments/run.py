"""Runs cells: train (or take the network of a cell that differs in scoring alone), calibrate, score, evaluate by parts.

The one runner of the paper's tables and of the benchmark of quality. Each cell is in the results file before the next begins.
"""

from __future__ import annotations

import datetime
import json
import shutil
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from normalcy.api.benchmark import BenchmarkResult, run_benchmark
from normalcy.api.levels import train_level
from normalcy.api.score import load
from normalcy.config import Config
from normalcy.errors import ConfigError, MetricError, NormalcyError, OutputError
from normalcy.evaluation.evaluate import evaluate_videos
from normalcy.experiments import code
from normalcy.experiments.cells import Cell, digest, what_decides
from normalcy.experiments.halves import clips_by_part
from normalcy.experiments.store import Failure, Outcome, Part, Results, cell_folder
from normalcy.files import write_files
from normalcy.metrics.events import EventMetrics
from normalcy.nn.bundle import CONFIG
from normalcy.objects.readouts import readout_names
from normalcy.results.run_json import short_protocol
from normalcy.types import Progress
from normalcy.versions import machine

MODEL, FACTS = "model", "network.json"
"""In a cell's folder: the model, and what its network cost and learned."""
RESAMPLES = 1000
"""Draws of the bootstrap intervals over videos."""
RESUMED = "Training was stopped and resumed: its seconds are those of the last stretch."


def run_cells(
    cells: Sequence[Cell],
    results: Results,
    path: Path,
    work: Path,
    device: str = "auto",
    *,
    any_code: bool = False,
    keep_networks: bool = True,
    resamples: int = RESAMPLES,
    fatal: type[Exception] = OutputError,
    progress: Progress | None = None,
) -> Iterator[tuple[Cell, Outcome | Failure, bool]]:
    """Run every cell that is not finished, in order.

    A cell that fails is written down, does not stop the others, and is tried again next time.

    Args:
        cells: what to run.
        results: rows of the results file so far; grows.
        path: the results file.
        work: models, scores, baselines and trained networks. One process at a time; may be deleted at any time.
        device: auto, cpu or cuda.
        any_code: whether a cell that another state of the code finished counts as finished.
        keep_networks: keep trained networks for cells that differ in scoring alone.
        resamples: of the bootstrap intervals over videos.
        fatal: an error that ends the run, beside OutputError.
        progress: hears what is done.

    Yields:
        Each cell with its outcome or failure, and whether it was finished before.
    """
    for cell in cells:
        done = results.find(cell.key, None if any_code else cell.code)
        if done is not None:
            if not cell.untrained and not any((o.key, o.name) == (cell.key, cell.name) for o in results.outcomes):
                results.add(replace(done, name=cell.name), path)
            yield cell, done, True
            continue
        try:
            row: Outcome | Failure = run_cell(cell, work, device, keep_networks, resamples, progress)
        except (OutputError, fatal):
            raise
        except Exception as e:  # code under trial fails in any way, and a night's sweep is not to end with it
            if not isinstance(e, NormalcyError):
                traceback.print_exc()
            reason = str(e) if isinstance(e, NormalcyError) else f"{type(e).__name__}: {e}"
            row = Failure(cell.name, cell.dataset, cell.cfg.seed, cell.untrained, reason, code.commit(), _now())
        results.add(row, path)
        yield cell, row, False


def run_cell(
    cell: Cell,
    work: Path,
    device: str,
    keep_networks: bool = True,
    resamples: int = RESAMPLES,
    progress: Progress | None = None,
) -> Outcome:
    """Run one cell. What an earlier run of it left in ``work`` is gone on with. Raises NormalcyError as train and eval do."""
    torch.set_num_threads(cell.cfg.train.threads or torch.get_num_threads())  # fit() does, and need not run
    folder = cell_folder(work, cell.key, cell.code)
    network = _train(cell, folder, work if keep_networks else None, device, progress)
    model = load(folder / MODEL, device)
    baselines = work / "baselines"
    result = run_benchmark(cell.data, model, folder / "scores", resamples=resamples, baselines=baselines, progress=progress)
    return _outcome(cell, result, _parts(cell.dataset, result, resamples), network, folder, str(model.device))


def _train(cell: Cell, folder: Path, keep: Path | None, device: str, progress: Progress | None) -> dict[str, Any]:
    """Leave a calibrated model in the cell's folder. Returns facts of its network: figures, precision, seconds, and whether it
    was trained for another cell.

    fit() goes on from checkpoints at any stage. Those of the finished networks are kept by what decides them, and given to the
    next cell that shares them: its fit() then has nothing left to train, and calibrates. So a calibration that fails, or is
    changed, does not cost the training.
    """
    model, facts = folder / MODEL, folder / FACTS
    if (model / CONFIG).exists() and facts.exists():
        return _read(facts)
    refs = [replace(v.ref, name=v.name) for v in cell.data.train]
    one = cell.cfg.level != "both"  # which has two trainings, and checkpoints in two folders
    kept = keep / "networks" / cell.network_key(device) if keep is not None and one else None
    if kept is not None and (kept / FACTS).exists():
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(kept, model / "checkpoints", ignore=shutil.ignore_patterns(FACTS))
        write_files(model / "checkpoints", {CONFIG: _as_fit_writes(cell.cfg)})
        try:
            train_level(refs, model, cell.cfg, device, resume=True, progress=progress)
            return _write(facts, {**_read(kept / FACTS), "reused": True})
        except ConfigError:  # fit() writes its settings in another way by now: train again, which is always right
            shutil.rmtree(model)
    begun = (model / "checkpoints").is_dir()

    def trained(training: Mapping[str, Any]) -> None:
        if kept is not None:
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(model / "checkpoints", kept, ignore=shutil.ignore_patterns(CONFIG, ".*"))
            _write(kept / FACTS, _facts(training, begun))

    train_level(refs, model, cell.cfg, device, resume=begun, force=not begun, progress=progress, after_network=trained)
    return _write(facts, _facts(_read(model / CONFIG)["extra"], begun))


def _facts(training: Mapping[str, Any], resumed: bool) -> dict[str, Any]:
    """What a cell says of its network."""
    seconds = {k: s for k, s in training["seconds"].items() if k in ("train", "decoder")}
    of_network = {"figures": training["figures"], "precision": training["precision"], "seconds": seconds}
    return {**of_network, "resumed": resumed, "reused": False}


def _as_fit_writes(cfg: Config) -> bytes:
    """The settings beside fit()'s checkpoints, by which it knows them for its own."""
    return (json.dumps(cfg.model_dump(mode="json"), indent=2, sort_keys=True) + "\n").encode()


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _write(path: Path, value: dict[str, Any]) -> dict[str, Any]:
    write_files(path.parent, {path.name: (json.dumps(value, indent=2) + "\n").encode()})
    return value


def _parts(dataset: str, result: BenchmarkResult, resamples: int) -> dict[str, Part]:
    """Part -> what was measured over its clips; one of one class only is left out."""
    parts: dict[str, Part] = {}
    whole = Part.of(result.videos, result.evaluation)
    for part, clips in clips_by_part(dataset, [v.name for v in result.videos]).items():
        videos = [v for v in result.videos if v.name in clips]
        baselines = {method: {n: scores[n] for n in clips} for method, scores in result.baselines.items()}
        try:
            parts[part] = (
                whole
                if len(videos) == len(result.videos)
                else Part.of(videos, evaluate_videos(videos, result.post_processing, baselines, resamples=resamples))
            )
        except MetricError:
            continue
    return parts


def _outcome(
    cell: Cell, result: BenchmarkResult, parts: Mapping[str, Part], network: Mapping[str, Any], folder: Path, device: str
) -> Outcome:
    cfg, extra = cell.cfg, _read(folder / MODEL / CONFIG)["extra"]
    notes = [*result.notes, *result.evaluation.notes]
    notes += [RESUMED] if network["resumed"] else []
    notes += ["The code changed on disk while this ran."] if code.changed() else []
    return Outcome(
        key=cell.key,
        name=cell.name,
        dataset=cell.dataset,
        where=cell.data.root.resolve().name,
        seed=cfg.seed,
        preset=cfg.preset,
        sets=list(cell.sets),
        untrained=cell.untrained,
        control=cell.control,
        config=digest({k: v for k, v in what_decides(cfg).items() if k != "seed"})[:10],
        code=cell.code,
        commit=code.commit(),
        length=cfg.clip.length,
        protocol=short_protocol(cfg),
        readouts=list(readout_names(cfg)) if cfg.level == "object" else list(cfg.scoring.readouts),
        label_source=result.label_source,
        parts=parts,
        alarms=_alarms(result.evaluation.alarms),
        figures=network["figures"],
        seconds={**extra["seconds"], **network["seconds"], "score": result.seconds},
        frames_per_s=round(result.split["test_frames"] / max(result.seconds, 1e-9), 2),
        precision=network["precision"],
        network_reused=network["reused"],
        split={**result.split, "train_frames": sum(int(v["frames"]) for v in extra["trained_on"])},
        threads=cfg.train.threads or 0,
        machine=machine(device),
        notes=notes,
        finished=_now(),
    )


def _alarms(m: EventMetrics | None) -> dict[str, float | None]:
    if m is None:
        return {}
    return {
        "events": len(m.events),
        "detected": m.detected,
        "false_alarms": m.false_alarms,
        "normal_hours": m.normal_hours,
        "alarm_share_normal": m.alarm_share_normal,
    }


def _now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
