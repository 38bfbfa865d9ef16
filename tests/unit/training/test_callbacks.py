"""Checkpoints by the clock, a clean stop on Ctrl-C, and a progress history that does not grow without bound."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from normalcy.errors import OutputError
from normalcy.training import callbacks
from normalcy.training.callbacks import Checkpoints, Reporter

MODULE: Any = None  # the callbacks never look at the network


class FakeTrainer:
    """What the callbacks see of a trainer."""

    def __init__(self) -> None:
        self.saved: list[int] = []
        self.should_stop = False
        self.world_size, self.is_global_zero = 1, True
        self.global_step = 0
        self.callback_metrics = {"train/loss": 0.5}
        self.full = False

    def save_checkpoint(self, path: Path) -> None:
        Path(path).write_text(str(self.global_step))
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.saved.append(self.global_step)


@pytest.fixture
def trainer() -> Any:
    return FakeTrainer()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [100.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before  # no callback may keep Ctrl-C to itself
    signal.signal(signal.SIGINT, before)


def step(callback: Checkpoints, trainer: Any, n: int = 1) -> None:
    for _ in range(n):
        trainer.global_step += 1
        callback.on_train_batch_end(trainer, MODULE, None, None, 0)


def test_one_checkpoint_every_interval_and_one_at_the_end(tmp_path: Path, trainer: Any, clock: Callable[[float], None]) -> None:
    path = tmp_path / "new" / "encoder.ckpt"
    c = Checkpoints(path, every_s=30.0)
    clock(1000.0)  # making the networks takes time: the clock starts with the training
    c.on_train_start(trainer, MODULE)
    for _ in range(10):
        clock(10.0)
        step(c, trainer)
    assert trainer.saved == [3, 6, 9]
    assert path.read_text() == "9"
    c.on_train_end(trainer, MODULE)
    assert trainer.saved == [3, 6, 9, 10] and path.read_text() == "10"
    assert [p.name for p in path.parent.iterdir()] == ["encoder.ckpt"]
    assert not trainer.should_stop and not c.interrupted


def test_ctrl_c_saves_at_the_end_of_the_step_and_stops(tmp_path: Path, trainer: Any, clock: Callable[[float], None]) -> None:
    c = Checkpoints(tmp_path / "encoder.ckpt", every_s=30.0)
    c.on_train_start(trainer, MODULE)
    step(c, trainer, 2)
    signal.raise_signal(signal.SIGINT)
    assert trainer.saved == [] and not trainer.should_stop  # the step that runs is finished first
    step(c, trainer)
    assert trainer.saved == [3] and trainer.should_stop and c.interrupted
    c.on_train_end(trainer, MODULE)
    assert (tmp_path / "encoder.ckpt").read_text() == "3"


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path, trainer: Any) -> None:
    c = Checkpoints(tmp_path / "encoder.ckpt", every_s=30.0)
    c.on_train_start(trainer, MODULE)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    c.on_exception(trainer, MODULE, KeyboardInterrupt())


def test_a_full_disk_is_one_clear_error_and_the_last_checkpoint_stays(
    tmp_path: Path, trainer: Any, clock: Callable[[float], None]
) -> None:
    path = tmp_path / "encoder.ckpt"
    c = Checkpoints(path, every_s=1.0)
    c.on_train_start(trainer, MODULE)
    clock(2.0)
    step(c, trainer)
    trainer.full = True
    clock(2.0)
    with pytest.raises(OutputError, match=r"encoder\.ckpt: cannot write the checkpoint: No space left") as caught:
        step(c, trainer)
    c.on_exception(trainer, MODULE, caught.value)
    assert path.read_text() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["encoder.ckpt"]


@pytest.mark.parametrize("total", [7, 200, 5000])
def test_the_history_is_thinned_and_ends_with_the_last_step(trainer: Any, total: int) -> None:
    told: list[tuple[str, int, int, dict[str, float]]] = []
    r = Reporter("encoder", total, lambda *a: told.append(a), {"arrow": 0.5})  # type: ignore[arg-type]
    for _ in range(total):
        trainer.global_step += 1
        r.on_train_batch_end(trainer, MODULE, None, None, 0)
    assert len(told) == total and told[-1] == ("encoder", total, total, {"train/loss": 0.5, "chance/arrow": 0.5})
    assert 1 <= len(r.history) <= 201
    assert r.history[-1] == {"step": float(total), "train/loss": 0.5}


def test_nobody_has_to_listen(trainer: Any) -> None:
    trainer.global_step = 1
    Reporter("encoder", 1, None, {}).on_train_batch_end(trainer, MODULE, None, None, 0)
