"""fit(): from normal video to a model folder. Resumable at every stage."""

from __future__ import annotations

import json
import logging
import platform
import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import seed_everything
from lightning.pytorch.loggers import CSVLogger, Logger

from normalcy.clips.sampling import step_at
from normalcy.config import Config
from normalcy.data.split import split
from normalcy.errors import ConfigError, NormalcyError, OutputError, TrainingError, UsageError
from normalcy.files import write_files
from normalcy.nn.build import build_network, channels_last
from normalcy.nn.bundle import CONFIG, save_bundle
from normalcy.nn.device import pick_device
from normalcy.nn.share import share_statistics
from normalcy.nn.tasks import chance
from normalcy.nn.weights import load_kinetics
from normalcy.scoring.exemplars import FILE as EXEMPLARS
from normalcy.scoring.normal_video import NormalVideo
from normalcy.training.callbacks import Checkpoints, Reporter
from normalcy.training.card import card
from normalcy.training.dataset import Feed, Sampler, feed_of, loader
from normalcy.training.exemplars import take_exemplars
from normalcy.training.level import FrameLevel, Level
from normalcy.training.modules import DecoderTask, ProxyTask, _Task
from normalcy.training.precision import choose_precision
from normalcy.training.together import Together, check_devices
from normalcy.training.trainer import make_trainer
from normalcy.types import Piece, Progress
from normalcy.versions import usable_cores
from normalcy.video.cache import CachedVideo, open_cache
from normalcy.video.reader import probe
from normalcy.video.source import VideoRef
from normalcy.video.window import measure_window

VALIDATION_BATCHES = 4
CHECKPOINTS = ("encoder.ckpt", "decoder.ckpt")


AfterNetwork = Callable[[Mapping[str, Any]], None]
"""Hears seconds, figures and precision so far, while the checkpoints of the trained networks lie in ``out/checkpoints``."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What training left behind."""

    folder: Path
    seconds: Mapping[str, float]
    """Wall time of each stage."""
    figures: Mapping[str, float]
    """Last losses and accuracies, on training batches (train/...) and held-out ones (val/...)."""
    frames: int
    """Frames of normal video used, held-out part included."""
    held_frames: int
    precision: str
    threshold: str
    """The sentence that says how much video the alarm threshold rests on."""
    notices: Sequence[str]
    """What it found in normal video that was changed on purpose, in plain words."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Videos that could not be read, with the reason. The others were used."""
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Videos that were read although they are damaged, with what was lost."""


def fit(
    refs: Sequence[VideoRef],
    out: Path,
    cfg: Config,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    level: Level | None = None,
    after_network: AfterNetwork | None = None,
) -> TrainResult:
    """Train on normal video and write a model folder.

    refs: the videos. out: the model folder; checkpoints and logs live in it while training runs. device: auto, cpu, cuda.
    resume: go on from the last checkpoint in ``out``. force: replace a finished model there. level: what is looked at, whole
    frames if not given. after_network: called when the networks are trained, before calibration.
    Raises KeyboardInterrupt after Ctrl-C, with a checkpoint written; TrainingError, ConfigError, UsageError as the names say.
    """
    where = pick_device(device)
    wanted = (json.dumps(cfg.model_dump(mode="json"), indent=2, sort_keys=True) + "\n").encode()
    _refuse(out, wanted, resume, force)
    _begin(out, wanted, resume)  # before hours of decoding: it says whether anything can be written
    level = FrameLevel() if level is None else level
    check_devices(cfg, where, isinstance(level, FrameLevel))
    set_threads(cfg)
    clock = _Clock()
    try:
        cfg = _with_window(refs, cfg)
        footage, failed = look_through(refs, cfg, level, progress)
        refs, videos, held = footage.refs, footage.videos, footage.held
        samplers = level.samplers(footage)
    except BaseException:
        _take_back(out)
        raise
    clock.lap("decode")

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        for name in ("lightning.pytorch", "lightning.fabric"):  # its advice is not the user's concern
            logging.getLogger(name).setLevel(logging.ERROR)
        seed_everything(cfg.seed, workers=True, verbose=False)
        network = build_network(cfg)
        if cfg.encoder.weights is not None:
            load_kinetics(network.encoder, cfg.encoder.weights)  # type: ignore[arg-type]
        channels_last(network)
        if cfg.train.devices > 1:
            share_statistics(network)
        together = Together(cfg, refs, out, where, level.whole) if cfg.train.devices > 1 else None
        stages = Stages(cfg, out, where, *samplers, resume, progress, together)
        if level.trains:
            stages.run("encoder", ProxyTask(network, cfg), cfg.train.steps, level.batch(cfg))
        clock.lap("train")
        if cfg.decoder.steps:
            stages.run("decoder", DecoderTask(network, cfg), cfg.decoder.steps, cfg.decoder.batch)
            clock.lap("decoder")

    if after_network is not None:
        after_network({"seconds": dict(clock.laps), "figures": stages.figures, "precision": stages.precision})
    model = level.calibrate(network.to(where).eval(), footage)
    clock.lap("calibrate")
    arrays, scalars = model.state()
    facts = {
        "trained_on": [
            {"name": v.info.name, "frames": len(v), "fps": v.info.fps, "source": str(r.path.resolve())}
            for r, v in zip(refs, videos, strict=True)
        ],
        "damage": {v.info.name: dict(v.damage) for v in videos if v.warnings},
        "held_out": [{"video": videos[p.video].info.name, "frames": [p.start, p.stop]} for p in held],
        "seconds": clock.laps,
        "figures": stages.figures,
        "history": stages.history,
        "precision": stages.precision,
        "device": str(where),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "failed": failed,
    }
    assert model.threshold is not None  # calibrate() always sets one
    text = card(cfg, facts, model.threshold, model.notices())
    pictures = take_exemplars(model, footage, cfg.train.exemplars).to_bytes() if cfg.train.exemplars else None
    clock.lap("exemplars")
    save_bundle(out, network.cpu(), cfg, {**arrays, **scalars}, text, facts, {EXEMPLARS: pictures})
    stages.clean()
    frames, held_frames = sum(map(len, videos)), sum(p.frames for p in held)
    said = model.threshold.sentence(), model.notices()
    damaged = {v.info.name: v.warnings for v in videos if v.warnings}
    return TrainResult(out, clock.laps, stages.figures, frames, held_frames, stages.precision, *said, failed, damaged)


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._since, 3)
        self._since = now


def _refuse(out: Path, wanted: bytes, resume: bool, force: bool) -> None:
    """Raise UsageError or ConfigError for what would lose a model or a training that can be resumed. Changes nothing."""
    if (out / CONFIG).exists() and not force:
        raise UsageError(f"{out}: already holds a trained model; choose another folder, or replace it with --force")
    folder = out / "checkpoints"
    if not any((folder / name).exists() for name in CHECKPOINTS):
        return  # nothing was learned yet, whatever else lies there
    kept = folder / CONFIG
    if resume and (not kept.exists() or kept.read_bytes() != wanted):
        raise ConfigError(
            f"{kept}: the interrupted training had other settings; resume with the same, or start without --resume"
        )
    if not resume and not force:
        raise UsageError(f"{out}: holds an interrupted training; go on with --resume, or start over with --force")


def _begin(out: Path, wanted: bytes, resume: bool) -> None:
    """Write down the configuration that checkpoints belong to. Raises OutputError where nothing can be written."""
    folder = out / "checkpoints"
    if not resume:
        for name in CHECKPOINTS:
            try:
                (folder / name).unlink(missing_ok=True)
            except OSError as e:
                raise OutputError(f"{folder / name}: cannot be replaced: {e.strerror or e}") from e
    write_files(folder, {CONFIG: wanted})


def _take_back(out: Path) -> None:
    """Nothing was learned: leave no folder that was not there before."""
    folder = out / "checkpoints"
    if not any((folder / name).exists() for name in CHECKPOINTS):
        with suppress(OSError):  # something else lies there: it stays
            (folder / CONFIG).unlink(missing_ok=True)
            folder.rmdir()
            out.rmdir()


def _decode(
    refs: Sequence[VideoRef], cfg: Config, level: Level, progress: Progress | None
) -> tuple[list[VideoRef], list[CachedVideo], dict[str, str]]:
    """Decode into the frame cache: (sources that could be read, their frames, the others with the reason).

    With none left, the error is raised.
    """
    used: list[VideoRef] = []
    videos: list[CachedVideo] = []
    failed: dict[str, str] = {}
    for i, ref in enumerate(refs):
        try:
            info = probe(ref, config=cfg.video)
            videos.append(open_cache(ref, level.size(info.width, info.height, cfg), config=cfg.video, whole=level.whole))
            used.append(ref)
        except NormalcyError as e:
            if len(refs) == 1:
                raise
            failed[ref.name] = str(e)
        if progress is not None:
            progress("decode", i + 1, len(refs), {})
    if not videos:
        raise TrainingError("no video could be read: " + "; ".join(failed.values()))
    return used, videos, failed


def look_through(
    refs: Sequence[VideoRef], cfg: Config, level: Level, progress: Progress | None
) -> tuple[NormalVideo, dict[str, str]]:
    """(what there is to train on, videos that could not be read with the reason). cfg: with its window."""
    used, videos, failed = _decode(refs, cfg, level, progress)
    fit_on, held = _divide(videos, cfg)
    return NormalVideo(used, videos, fit_on, held, cfg, progress), failed


def set_threads(cfg: Config) -> None:
    """Torch threads as set; of several processes on one CPU each takes its part."""
    if cfg.train.threads is not None:
        torch.set_num_threads(cfg.train.threads)
    elif cfg.train.devices > 1:
        torch.set_num_threads(max(1, usable_cores() // cfg.train.devices))


def _with_window(refs: Sequence[VideoRef], cfg: Config) -> Config:
    """The configuration with the window of 16-bit grey video, where there is such video and no window was given."""
    window = cfg.video.window or measure_window(refs)
    return cfg.model_copy(update={"video": cfg.video.model_copy(update={"window": window})})


def _divide(videos: Sequence[CachedVideo], cfg: Config) -> tuple[list[Piece], list[Piece]]:
    """Pieces to fit on and to hold out; none reaches over a gap. An error names the files, of many the first."""
    steps = [step_at(v.info.fps, cfg) for v in videos]
    groups = [str(v.info.path.parent) for v in videos]
    segments = [v.segments() for v in videos]
    try:
        return split(segments, groups, cfg.train.holdout, cfg.clip.length, steps)
    except TrainingError as e:
        others = f" and {len(videos) - 1} more" if len(videos) > 1 else ""
        raise TrainingError(f"{videos[0].info.path}{others}: {e}") from e


class Stages:
    """Runs one Lightning fit per stage, each with its own checkpoint."""

    def __init__(
        self,
        cfg: Config,
        out: Path,
        device: torch.device,
        sampler: Sampler,
        held: Sampler,
        resume: bool,
        progress: Progress | None,
        together: Together | None = None,
    ) -> None:
        """together: the other processes of a training on several devices."""
        self._cfg, self._out, self._device, self._together = cfg, out, device, together
        self._resume, self._progress = resume, progress
        self._sampler, self._held = sampler, held
        self.figures: dict[str, float] = {}
        self.history: dict[str, list[dict[str, float]]] = {}
        self.precision = "fp32"

    def run(self, stage: str, task: _Task, steps: int, batch: int) -> None:
        path = self._out / "checkpoints" / f"{stage}.ckpt"
        done = _steps_done(path) if self._resume else 0
        feed = feed_of(stage, self._sampler, batch, done, steps)
        validation = Feed(self._held, batch, 0, VALIDATION_BATCHES)
        if isinstance(task, ProxyTask):
            first = next(iter(Feed(self._sampler, batch, 0, 1)))
            self.precision = choose_precision(task, first, self._device, self._cfg.train.precision)
        saver = Checkpoints(path, self._cfg.train.checkpoint_s)
        reporter = Reporter(stage, steps, self._progress, chance(self._cfg))
        loggers = _loggers(self._out / "logs", stage)
        trainer = make_trainer(self._cfg, self._device, steps, self.precision, loggers, [saver, reporter])
        resumed = str(path) if done else None
        with nullcontext() if self._together is None else self._together.running(stage, self.precision, done):
            trainer.fit(task, loader(feed, self._cfg.train.workers), validation, ckpt_path=resumed, weights_only=True)
        if saver.interrupted:
            raise KeyboardInterrupt
        self.figures |= {f"{stage}/{k}": round(float(v), 5) for k, v in trainer.callback_metrics.items()}
        self.history[stage] = reporter.history

    def clean(self) -> None:
        """The model is written: checkpoints have served, and so has what a kill left beside them."""
        shutil.rmtree(self._out / "checkpoints", ignore_errors=True)


def _steps_done(path: Path) -> int:
    if not path.exists():
        return 0
    return int(torch.load(path, map_location="cpu", weights_only=True)["global_step"])


def _loggers(folder: Path, stage: str) -> list[Logger]:
    out: list[Logger] = [CSVLogger(folder, name=stage)]
    try:
        from lightning.pytorch.loggers import TensorBoardLogger

        out.append(TensorBoardLogger(folder, name=f"{stage}_tensorboard"))
    except ModuleNotFoundError:  # tensorboard is the optional extra "log"
        pass
    return out
