"""What happens around the steps: checkpoints by the clock, a clean stop on Ctrl-C, progress."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from normalcy.errors import OutputError
from normalcy.files import replacing
from normalcy.types import Progress


class Checkpoints(Callback):
    """Writes one checkpoint every ``every_s`` seconds, at the end, and on Ctrl-C: a kill loses at most the last interval."""

    def __init__(self, path: Path, every_s: float) -> None:
        self.path = path
        self._every_s = every_s
        self._last = time.monotonic()
        self.interrupted = False
        self._previous: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:  # a second Ctrl-C does not wait for the step to end
            raise KeyboardInterrupt
        self.interrupted = True

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        due = time.monotonic() - self._last >= self._every_s
        if trainer.world_size > 1:  # all processes write and stop together, when the first one says so
            interrupted, due = trainer.strategy.broadcast((self.interrupted, due))
            self.interrupted = self.interrupted or interrupted
        if self.interrupted:
            trainer.should_stop = True
            self._save(trainer)
        elif due:
            self._save(trainer)
            self._last = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save(trainer)
        self._restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._restore()

    def _restore(self) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def _save(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            trainer.save_checkpoint(self.path)  # writes nothing, and waits for the one that does
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as part:
                trainer.save_checkpoint(part)
        except OSError as e:
            raise OutputError(f"{self.path}: cannot write the checkpoint: {e.strerror or e}") from e


class Reporter(Callback):
    """Passes progress on to whoever shows it, and keeps a thinned history for the report.

    chance: accuracy of guessing of each task, for whoever shows it.
    """

    def __init__(self, stage: str, total: int, progress: Progress | None, chance: Mapping[str, float]) -> None:
        self._stage, self._total, self._progress = stage, total, progress
        self._chance = {f"chance/{n}": v for n, v in chance.items()}
        self.history: list[dict[str, float]] = []
        self._every = max(1, total // 200)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        step = trainer.global_step
        figures = {k: float(v) for k, v in trainer.callback_metrics.items()}
        if step % self._every == 0 or step == self._total:
            self.history.append({"step": float(step), **figures})
        if self._progress is not None:
            self._progress(self._stage, step, self._total, {**figures, **self._chance})
