"""One cell: train (or take the network of a cell that differs in scoring alone), calibrate, score, judge by parts."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from normalcy.api.benchmark import split_counts, test_ref
from normalcy.api.levels import train_level
from normalcy.api.score import load, score
from normalcy.config import Config, values
from normalcy.data.base import Dataset, abbreviate
from normalcy.errors import ConfigError, DataError, MetricError
from normalcy.evaluation.baseline_cache import raw_motion
from normalcy.evaluation.baselines import Protocol, Scores, post_processed
from normalcy.evaluation.evaluate import protocol_of
from normalcy.evaluation.judge import FUSED, REGION, Case, Judgement, cases, judge
from normalcy.experiments.cells import control_flags
from normalcy.experiments.store import Measured, fingerprint, what_decides
from normalcy.files import write_files
from normalcy.metrics.events import EventMetrics
from normalcy.nn.bundle import CONFIG
from normalcy.nn.device import pick_device
from normalcy.presets import load_config
from normalcy.results.record import stamp
from normalcy.results.run_json import short_protocol
from normalcy.results.scored import ScoreResult
from normalcy.scoring.settings import alarm
from normalcy.types import Progress
from normalcy.versions import machine, version
from quality import source
from quality.parts import ALL, clips_by_part
from quality.rows import Beside, Cell, Part, cell_folder

MODEL, FACTS = "model", "network.json"
"""In a cell's folder: the model, and what its network cost and learned."""
STAGES = ("encoder", "decoder")
"""Stages of fit() that train networks."""
READOUT = "readout "
RESAMPLES = 1000
"""Draws of the bootstrap intervals over videos."""


@dataclass(frozen=True, slots=True)
class Job:
    """A cell to run."""

    name: str
    data: Dataset
    dataset: str
    cfg: Config
    sets: tuple[str, ...]
    untrained: bool
    key: str
    control: str | None
    """Key of its control; None for a control."""

    @property
    def code(self) -> str:
        """Digest of the code that its numbers rest on."""
        return source.score_code(objects=self.cfg.level != "frame")


def job(
    name: str, data: Dataset, dataset: str, preset: str, sets: Sequence[str], seed: int, threads: int, untrained: bool = False
) -> Job:
    """The cell of a configuration, a data set and a seed; untrained: its control. Raises ConfigError.

    Settings from the environment are left out: a row has to say all that it rests on.
    """
    flags: dict[str, object] = {"seed": seed, "train.threads": threads}
    cfg = load_config(preset, sets=sets, flags=flags, environ={})
    control = load_config(preset, sets=sets, flags={**flags, **control_flags(cfg)}, environ={})
    key, control_key = fingerprint(cfg, data), fingerprint(control, data)
    if untrained:
        return Job(name, data, dataset, control, tuple(sets), True, control_key, None)
    return Job(name, data, dataset, cfg, tuple(sets), False, key, control_key)


def run(
    job: Job, work: Path, device: str, known: Mapping[str, Beside], progress: Progress | None = None
) -> tuple[Cell, Beside | None]:
    """Run a cell; the second is its data set's baselines, where they are not among those known.

    What an earlier run of this cell left in ``work`` is gone on with; one process at a time per ``work``.
    Raises NormalcyError as train and eval do.
    """
    torch.set_num_threads(job.cfg.train.threads or torch.get_num_threads())  # fit() does, and need not run
    folder = cell_folder(work, job.key, job.code)
    network = _train(job, folder, work, device, progress)
    model = load(folder / MODEL, device)
    rest = alarm(model.cfg, model)
    refs = [test_ref(v) for v in job.data.test]
    places = any(v.masks or v.tracks for v in job.data.test)
    scored = score(refs, model, folder / "scores", maps=places, progress=progress)
    if scored.failed:
        raise DataError(
            f"{abbreviate(scored.failed)}: not scored, so nothing is comparable. {'; '.join(scored.failed.values())}"
        )
    found = cases(job.data.test, {v.name: v for v in scored.videos})
    protocol = protocol_of({v.name: v.folder for v in scored.videos})
    beside_key = _beside_key(job, protocol)
    motion: dict[str, Scores] = {}
    if beside_key not in known:
        raw = raw_motion([v.ref for v in job.data.train], refs, work / "baselines", progress)
        motion = {method: post_processed(scores, protocol) for method, scores in raw.items()}
    judged = _judge(job.dataset, found, protocol, motion, rest.value is not None)
    cell = _cell(job, beside_key, scored, judged, network, folder, str(model.device))
    if beside_key in known:
        return cell, None
    return cell, Beside(beside_key, job.dataset, protocol.words, {name: j.part(ours=False) for name, j in judged.items()})


def _train(job: Job, folder: Path, work: Path, device: str, progress: Progress | None) -> dict[str, Any]:
    """Leave a calibrated model in the cell's folder. Returns facts of its network: figures, precision, seconds, and whether it
    was trained for another cell.

    fit() goes on from checkpoints at any stage. Those of the last step are kept by what decides the network, and given to the
    next cell that shares it: its fit() then has nothing left to train, and calibrates.
    """
    model, facts = folder / MODEL, folder / FACTS
    if (model / CONFIG).exists() and facts.exists():
        return _read(facts)
    refs = [replace(v.ref, name=v.name) for v in job.data.train]
    kept = work / "networks" / _network_key(job, device)
    keep = job.cfg.level != "both"  # which has two trainings, and checkpoints in two folders
    if keep and (kept / FACTS).exists():
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(kept, model / "checkpoints", ignore=shutil.ignore_patterns(FACTS))
        write_files(model / "checkpoints", {CONFIG: _as_fit_writes(job.cfg)})
        try:
            train_level(refs, model, job.cfg, device, resume=True, progress=progress)
            return _write(facts, {**_read(kept / FACTS), "reused": True})
        except ConfigError:  # fit() writes its settings in another way by now: train again, which is always right
            shutil.rmtree(model)
    begun = (model / "checkpoints").is_dir()
    keeper = _Keeper(model / "checkpoints", kept, job.cfg.train.precision, progress) if keep else progress
    train_level(refs, model, job.cfg, device, resume=begun, force=not begun, progress=keeper)
    extra = _read(model / CONFIG)["extra"]
    found = {
        "figures": extra["figures"],
        "precision": extra["precision"],
        "seconds": {k: s for k, s in extra["seconds"].items() if k in ("train", "decoder")},
        "resumed": begun,
        "reused": False,
    }
    if kept.is_dir() and not begun:
        _write(kept / FACTS, found)
    return _write(facts, found)


class _Keeper:
    """Hears the progress of a training and copies its checkpoints away once the networks are done and calibration begins.

    So a calibration that fails, or is changed, does not cost the training. The facts beside them are what progress tells; those
    that fit() gives in the end take their place.
    """

    def __init__(self, checkpoints: Path, kept: Path, precision: str, progress: Progress | None) -> None:
        self._checkpoints, self._kept, self._progress = checkpoints, kept, progress
        self._facts: dict[str, Any] = {"figures": {}, "precision": precision, "seconds": {}, "resumed": False, "reused": False}
        self._started: float | None = None

    def __call__(self, stage: str, done: int, total: int | None, figures: Mapping[str, float]) -> None:
        if self._progress is not None:
            self._progress(stage, done, total, figures)
        if stage in STAGES:
            self._started = self._started or time.perf_counter()
            self._facts["figures"] |= {f"{stage}/{k}": round(float(v), 5) for k, v in figures.items()}
        elif self._started is not None and not self._kept.exists():
            self._facts["seconds"] = {"train": round(time.perf_counter() - self._started, 3)}
            part = self._kept.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(self._checkpoints, part, ignore=shutil.ignore_patterns(CONFIG, "*.part"))
            _write(part / FACTS, self._facts)
            part.replace(self._kept)


def _network_key(job: Job, device: str) -> str:
    """Digest of what decides the trained network: settings, training videos, code, and where it is computed."""
    settings = values(job.cfg, "network", "place")
    videos = [[v.name, *(stamp(v.ref)[k] for k in ("files", "bytes"))] for v in job.data.train]
    code = source.network_code(objects=job.cfg.level != "frame")
    return _digest([job.dataset, settings, videos, code, str(pick_device(device)), version("torch")])


def _beside_key(job: Job, protocol: Protocol) -> str:
    """Digest of what decides the baselines."""
    labels = {v.name: zlib.crc32(v.labels().tobytes()) for v in job.data.test}
    videos = [[v.name, stamp(v.ref)["bytes"]] for v in job.data.train]
    videos += [[v.name, stamp(v.ref)["bytes"]] for v in job.data.test]
    post = [protocol.words, protocol.smoothing, dict(protocol.sigma or {})]
    return _digest([job.dataset, clips_by_part(job.dataset, list(labels)), labels, videos, post, source.baseline_code()])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:20]


def _as_fit_writes(cfg: Config) -> bytes:
    """The settings beside fit()'s checkpoints, by which it knows them for its own."""
    return (json.dumps(cfg.model_dump(mode="json"), indent=2, sort_keys=True) + "\n").encode()


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _write(path: Path, value: dict[str, Any]) -> dict[str, Any]:
    write_files(path.parent, {path.name: (json.dumps(value, indent=2) + "\n").encode()})
    return value


@dataclass(frozen=True, slots=True)
class _Judged:
    """Some of a set's test clips, and everything that was measured over them."""

    cases: Sequence[Case]
    result: Judgement

    def part(self, ours: bool) -> Part:
        """The cell's own scores, or those of the baselines."""
        sizes = self.result.sizes
        rows = [r for r in self.result.rows if (r.name == FUSED or r.name.startswith(READOUT)) == ours]
        scores = {r.name: Measured.of(r, sizes.get(r.name)) for r in rows}
        if ours and REGION in sizes:
            scores[REGION] = Measured.of(replace(rows[0], name=REGION, values={}, intervals={}), sizes[REGION])
        labels = [c.labels for c in self.cases]
        return Part([c.video.name for c in self.cases], sum(map(len, labels)), int(sum(y.sum() for y in labels)), scores)


def _judge(
    dataset: str, found: Sequence[Case], protocol: Protocol, motion: Mapping[str, Scores], alarmed: bool
) -> dict[str, _Judged]:
    """Part -> what was measured over its clips. A part of one class only is left out, unless it is all there is."""
    done: dict[str, _Judged] = {}
    for part, clips in clips_by_part(dataset, [c.video.name for c in found]).items():
        few = [c for c in found if c.video.name in clips]
        beside = {method: {n: scores[n] for n in clips} for method, scores in motion.items()}
        try:
            done[part] = _Judged(few, judge(few, protocol, beside, alarmed, RESAMPLES, seed=0))
        except MetricError:
            if part == ALL:
                raise
    return done


def _cell(
    job: Job,
    beside: str,
    scored: ScoreResult,
    judged: Mapping[str, _Judged],
    network: Mapping[str, Any],
    folder: Path,
    device: str,
) -> Cell:
    extra, whole, data = _read(folder / MODEL / CONFIG)["extra"], judged[ALL], job.data
    counts = split_counts(data, whole.cases)
    seconds = sum(v.seconds for v in scored.videos)
    notes = [*data.notes, *whole.result.notes]
    notes += ["Training was stopped and resumed: its seconds are those of the last stretch."] if network["resumed"] else []
    notes += ["The code changed on disk while this ran."] if source.changed() else []
    return Cell(
        key=job.key,
        name=job.name,
        dataset=job.dataset,
        seed=job.cfg.seed,
        preset=job.cfg.preset,
        sets=list(job.sets),
        untrained=job.untrained,
        control=job.control,
        baselines=beside,
        config=_digest({k: v for k, v in what_decides(job.cfg).items() if k != "seed"})[:10],
        code=job.code,
        commit=source.commit(),
        protocol=short_protocol(job.cfg),
        readouts=list(job.cfg.scoring.readouts),
        parts={name: j.part(ours=True) for name, j in judged.items()},
        alarms=_alarms(whole.result.alarms),
        figures=network["figures"],
        seconds={**extra["seconds"], **network["seconds"], "score": round(seconds, 3)},
        frames_per_s=round(counts["test_frames"] / max(seconds, 1e-9), 2),
        precision=network["precision"],
        network_reused=network["reused"],
        split={**counts, "train_frames": sum(int(v["frames"]) for v in extra["trained_on"])},
        threads=job.cfg.train.threads or 0,
        machine=machine(device),
        notes=notes,
        finished=now(),
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


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
