"""Training on several devices: this process is the first, and starts one more for each other device.

The others run :mod:`normalcy.training.helper` from a small JSON file: they open the same frame cache, build the same network
and draw the same batches. Lightning's DDP puts their gradients together; normalcy.nn.share says who computes what.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
import torch.distributed as dist

from normalcy.config import Config
from normalcy.errors import ConfigError, TrainingError, UsageError
from normalcy.files import write_json
from normalcy.video.source import VideoRef

LEAVE_S = 30.0
"""How long the others get to end after the first one has."""


def check_devices(cfg: Config, device: torch.device, frame_level: bool) -> None:
    """Raise ConfigError or UsageError where ``train.devices`` cannot be had."""
    n = cfg.train.devices
    if n == 1:
        return
    if not frame_level:
        raise ConfigError("train.devices: several devices train networks of the frame level; objects are learned on one")
    for name, batch in (
        ("train.batch", cfg.train.batch),
        *([("decoder.batch", cfg.decoder.batch)] if cfg.decoder.steps else []),
    ):
        if batch % n:
            raise ConfigError(
                f"train.devices: {n} devices cannot share a batch of {batch} evenly; set {name} to a multiple of {n}"
            )
    if device.type == "cuda" and torch.cuda.device_count() < n:
        raise UsageError(f"train.devices: {n} GPUs were asked for, and there are {torch.cuda.device_count()}")


@dataclass(frozen=True, slots=True)
class Together:
    """The other processes of a training."""

    cfg: Config
    refs: Sequence[VideoRef]
    """Videos that could be read."""
    out: Path
    device: torch.device
    whole: bool
    """See Level."""

    @contextmanager
    def running(self, stage: str, precision: str, done: int) -> Iterator[None]:
        """The others are there, for one stage. done: steps that its checkpoint holds.

        Raises TrainingError where one of them ended before its time.
        """
        logs = self.out / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        spec = logs / f"{stage}.devices.json"
        write_json(spec, self._spec(stage, precision, done))
        settings = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "NODE_RANK": "0"}
        n, started, files = self.cfg.train.devices, list[subprocess.Popen[bytes]](), list[IO[bytes]]()
        try:
            for i in range(1, n):
                files.append((logs / f"{stage}.device{i}.log").open("wb"))
                environment = {**os.environ, **settings, "LOCAL_RANK": str(i)}
                command = [sys.executable, "-m", "normalcy.training.helper", str(spec)]
                # In a session of its own: Ctrl-C is the first process's to hear, which stops all at the same step.
                log = files[-1]
                started.append(
                    subprocess.Popen(
                        command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                    )
                )
            _wait_ready(spec, started)
            with _environment({**settings, "LOCAL_RANK": "0"}):
                yield
            for process in started:
                process.wait(LEAVE_S)
        except (RuntimeError, subprocess.TimeoutExpired) as e:
            raise TrainingError(f"training on {n} devices broke off: {self._why(stage, started, e)}") from e
        finally:
            for process in started:
                process.kill()
                process.wait()
            for file in files:
                file.close()
            if dist.is_initialized():
                dist.destroy_process_group()
            for path in (spec, *(ready(spec, i) for i in range(1, n))):
                path.unlink(missing_ok=True)

    def _spec(self, stage: str, precision: str, done: int) -> dict[str, Any]:
        return {
            "config": self.cfg.model_dump(mode="json"),
            "refs": [{"name": r.name, "path": str(r.path.absolute()), "kind": r.kind} for r in self.refs],
            "checkpoint": str((self.out / "checkpoints" / f"{stage}.ckpt").absolute()),
            "stage": stage,
            "precision": precision,
            "done": done,
            "device": str(self.device),
            "whole": self.whole,
        }

    def _why(self, stage: str, started: Sequence[subprocess.Popen[bytes]], error: BaseException) -> str:
        for i, process in enumerate(started, 1):
            try:
                code = process.wait(2.0)
            except subprocess.TimeoutExpired:
                continue
            if code:
                log = self.out / "logs" / f"{stage}.device{i}.log"
                lines = log.read_text(errors="replace").strip().splitlines()
                return f"the process of device {i} ended with code {code}: {lines[-1] if lines else 'it said nothing'} ({log})"
        return " ".join(str(error).split())


def ready(spec: Path, device: int) -> Path:
    """The file by which the process of a device says that only the training itself is left to do."""
    return spec.with_suffix(f".ready{device}")


def _wait_ready(spec: Path, started: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for the others to be ready. Raises RuntimeError where one ends instead: it would be waited for half an hour."""
    while not all(ready(spec, i).exists() for i in range(1, 1 + len(started))):
        if any(p.poll() is not None for p in started):
            raise RuntimeError("a process ended before it was ready")
        time.sleep(0.1)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def read_spec(path: Path) -> dict[str, Any]:
    """What :meth:`Together.running` wrote for the others."""
    spec: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return spec
