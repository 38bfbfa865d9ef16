"""Calls as tasks of a Ray cluster: one on this machine, or one that runs already.

A task holds one CPU while it works and none while it waits: what a task needs from others is passed to it when it is there, so
that no set of waiting tasks can starve those that they wait for. Ray retries a task whose worker died; an error of the task
itself is final.
"""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from types import ModuleType, TracebackType
from typing import Any, Self

from normalcy.errors import EngineError, UsageError
from normalcy.runners.base import Call, Handle, LostError, Outcome, Told

RETRIES = 3
"""So many further tries a call has whose worker died."""
WAIT_S = 0.5
"""Between two looks at the progress of the tasks."""
CONNECT_S = 5.0
LEAVE_S = 5.0
"""How long cancelled tasks get to clean up after themselves."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # each is reported once, in our words
}


def _ray() -> ModuleType:
    """Ray, or UsageError."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.exceptions
    except ModuleNotFoundError as e:
        raise UsageError("the engine ray is not installed; install it with: pip install 'normalcy[cluster]'") from e
    return ray  # type: ignore[no-any-return, unused-ignore]


class RayRunner:
    """A runner over the workers of a Ray cluster.

    Args:
        address: of a cluster that runs (``HOST:PORT`` of its head, ``auto`` for the one that this machine belongs to,
            ``ray://HOST:PORT`` through Ray's client); None starts one on this machine, which ends with the run.
        workers: how many calls run at a time; None: as many as there are CPUs.
        gpus: of each call, 0 or 1.

    Raises UsageError where Ray is not installed, EngineError where the address cannot be reached.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, gpus: int = 0) -> None:
        self._ray, self._address, self._workers, self._gpus = _ray(), address, workers, gpus
        self._running: dict[Any, _Running] = {}
        self._serials = count()
        self._most = 1

    def __enter__(self) -> Self:
        ray = self._ray
        if self._address is not None:
            _reach(self._address)
        settings: dict[str, Any] = {"address": self._address or "local", "log_to_driver": False, "logging_level": "ERROR"}
        if self._address is None:
            settings |= {"include_dashboard": False, "num_cpus": self._workers}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    ray.init(**settings)
                except Exception as e:
                    if self._address or "during startup" not in str(e):
                        raise
                    ray.shutdown()  # a machine that is busy with other things was too slow for Ray's patience: once more
                    ray.init(**settings)
        except Exception as e:
            ray.shutdown()
            raise EngineError(f"{self._where}: {_one_line(e)}") from e
        cpus = int(ray.cluster_resources().get("CPU", 1))
        # Twice as many as run, so that no worker waits for this process; few, so that an archive does not fill its memory.
        self._most = self._workers if self._address and self._workers else 2 * max(1, cpus)
        limits = {"num_cpus": 1, "num_gpus": self._gpus, "max_retries": RETRIES, "retry_exceptions": False}
        self._task = ray.remote(num_returns=2, **limits)(_work)
        self._board = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)(_Board).remote()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ray = self._ray
        with suppress(Exception):  # the cluster may be what is gone
            references = list(self._running)
            for reference in references:
                ray.cancel(reference, force=False)
            if references:
                ray.wait(references, num_returns=len(references), timeout=LEAVE_S, fetch_local=False)
        ray.shutdown()

    @property
    def _where(self) -> str:
        return f"the Ray cluster at {self._address}" if self._address else "Ray on this machine"

    @property
    def room(self) -> bool:
        return len(self._running) < self._most

    def share(self, value: Any) -> Handle:
        return Handle("", self._ray.put(value))

    def submit(self, label: str, call: Call, *arguments: Any, keep: bool = False) -> Handle:
        plain = [a.reference if isinstance(a, Handle) else a for a in arguments]
        serial = next(self._serials)
        ended, value = self._task.remote(self._board, serial, call, *plain)
        handle = Handle(label, value)
        self._running[ended] = _Running(serial, handle, keep)
        return handle

    def next(self, told: Told) -> Outcome:
        ray = self._ray
        while True:
            try:
                done, _ = ray.wait(list(self._running), timeout=WAIT_S, fetch_local=False)
                self._tell(told)
            except Exception as e:
                raise EngineError(f"{self._where} is gone: {_one_line(e)}; finished videos are kept") from e
            if done:
                return self._outcome(done[0], self._running.pop(done[0]))

    def drop(self, handles: Iterable[Handle]) -> None:
        unwanted = set(handles)
        for ended, running in list(self._running.items()):
            if running.handle in unwanted:
                del self._running[ended]
                self._ray.cancel(ended, force=False)

    def _tell(self, told: Told) -> None:
        """Hand on what calls said since the last look."""
        errors = self._ray.exceptions
        try:
            said: dict[int, tuple[str, int, int | None]] = self._ray.get(self._board.said.remote(), timeout=WAIT_S)
        except (errors.GetTimeoutError, errors.ActorUnavailableError, errors.ActorDiedError):
            return  # it only shows; it comes back, or it does not
        for running in self._running.values():
            if running.serial in said:
                told(running.handle, *said[running.serial])

    def _outcome(self, ended: Any, running: _Running) -> Outcome:
        errors, handle = self._ray.exceptions, running.handle
        try:
            self._ray.get(ended)
            value = None if running.keep else self._ray.get(handle.reference)
        except errors.RayTaskError as e:
            cause = e.cause if isinstance(e.cause, BaseException) else e
            if isinstance(cause, MemoryError) or "can't allocate memory" in str(cause):
                return Outcome(handle, error=LostError("a worker ran out of memory"))
            return Outcome(handle, error=cause)
        except errors.OutOfMemoryError:
            return Outcome(handle, error=LostError("a worker ran out of memory, and Ray ended it to save its machine"))
        except errors.ObjectLostError:
            return Outcome(handle, error=LostError("what another worker had found was lost with its machine"))
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.LocalRayletDiedError):
            return Outcome(handle, error=LostError(f"its worker died {RETRIES + 1} times (killed, or out of memory)"))
        return Outcome(handle, value)


@dataclass(frozen=True, slots=True)
class _Running:
    serial: int
    handle: Handle
    keep: bool


class _Board:
    """An actor that holds what each call said last. It takes no CPU."""

    def __init__(self) -> None:
        self._said: dict[int, tuple[str, int, int | None]] = {}

    def say(self, serial: int, stage: str, done: int, total: int | None) -> None:
        self._said[serial] = (stage, done, total)

    def end(self, serial: int) -> None:
        self._said.pop(serial, None)

    def said(self) -> dict[int, tuple[str, int, int | None]]:
        return self._said


def _work(board: Any, serial: int, call: Call, *arguments: Any) -> tuple[None, Any]:
    """The task: the call, with its progress put on the board. The first result only says that it ended."""
    last = 0.0

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= WAIT_S:
            last = now
            board.say.remote(serial, stage, done, total)

    try:
        return None, call(report, *arguments)
    finally:
        board.end.remote(serial)


def _reach(address: str) -> None:
    """Raise EngineError within seconds where nobody listens; Ray itself tries for a minute."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return  # auto, or another name that Ray knows
    if not port.isdecimal():
        raise UsageError(f"{address}: not an address of a Ray cluster; give HOST:PORT, ray://HOST:PORT, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as e:
        raise EngineError(f"the Ray cluster at {address} cannot be reached: {getattr(e, 'strerror', None) or e}") from e


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
