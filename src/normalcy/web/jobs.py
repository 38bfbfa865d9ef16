"""Recorded videos to score and models to train, one after the other, each in a process of its own. A queue on disk."""

from __future__ import annotations

import fcntl
import json
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import IO, Any, Literal

from normalcy.errors import OutputError
from normalcy.files import write_bytes

JOB, PROGRESS = "job.json", "progress.json"
POLL_S = 0.3
PATIENCE_S = 15.0
"""A job that was asked to end is killed after so long."""
State = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Job:
    """Something to compute, and how far it is."""

    id: str
    kind: Literal["score", "train"]
    name: str
    """For people: of the video, or of the model."""
    sources: tuple[str, ...]
    """Paths."""
    out: str
    """Where results go, relative to the output folder."""
    model: str | None = None
    preset: str = "cpu"
    steps: int | None = None
    created: float = 0.0
    state: State = "queued"
    error: str | None = None
    stage: str = ""
    done: int = 0
    total: int | None = None
    figures: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """Of a training: name -> (step, value), as it came."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class Jobs:
    """The queue of one output folder. One process runs it; others only look."""

    def __init__(self, out: Path, folder: Path) -> None:
        """folder: the queue's own."""
        self._out, self._folder = out, folder
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._child: tuple[str, subprocess.Popen[bytes]] | None = None
        self._claim: IO[str] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work, unless another process does. What was running when one ended begins again."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._claim = (self._folder / ".lock").open("w")
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process runs it, or nothing can be written here
            if self._claim is not None:
                self._claim.close()
            return
        for job in self.all():
            if job.state == "running":
                self._write(replace(job, state="queued"))
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; what runs is ended and begins again after the next start."""
        self._stop.set()
        with self._news:
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join(PATIENCE_S + 5.0)
        if self._claim is not None:
            self._claim.close()

    def all(self) -> list[Job]:
        """Newest first."""
        found = [job for path in self._folder.glob(f"*/{JOB}") if (job := self._read(path.parent)) is not None]
        return sorted(found, key=lambda j: (-j.created, j.id))

    def get(self, id: str) -> Job | None:
        """A job by its id."""
        return self._read(self._folder / id) if id.isalnum() else None

    def add(self, job: Job) -> Job:
        """Put a job at the end of the queue. Raises OutputError."""
        with self._news:
            try:
                (self._folder / job.id).mkdir(parents=True)
            except OSError as e:
                raise OutputError(f"{self._folder}: cannot be written: {e.strerror or e}") from e
            self._write(job)
            self._news.notify_all()
        return job

    def cancel(self, id: str) -> Job | None:
        """End a job, or take it from the queue; one that is over stays as it is."""
        with self._news:
            job = self.get(id)
            if job is not None and job.state in ("queued", "running"):
                job = replace(job, state="cancelled")
                self._write(job)
                if self._child is not None and self._child[0] == id:
                    self._child[1].send_signal(signal.SIGTERM)
        return job

    def remove(self, id: str) -> bool:
        """Forget a job that is over, with what it left in its own folder; a trained model stays."""
        job = self.get(id)
        if job is None or job.state in ("queued", "running"):
            return False
        shutil.rmtree(self._folder / id, ignore_errors=True)
        return True

    def _read(self, folder: Path) -> Job | None:
        try:
            values = json.loads((folder / JOB).read_text(encoding="utf-8"))
            with suppress(OSError, ValueError, TypeError):
                values |= json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
            known = {f.name for f in fields(Job)}
            kept: dict[str, Any] = {k: tuple(v) if k == "sources" else v for k, v in values.items() if k in known}
            return Job(**kept)
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def _write(self, job: Job) -> None:
        values = job.to_dict()
        for k in ("stage", "done", "total", "figures"):
            del values[k]
        write_bytes(self._folder / job.id / JOB, json.dumps(values).encode())

    def _next(self) -> Job | None:
        waiting = [j for j in self.all() if j.state == "queued"]
        return waiting[-1] if waiting else None

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._news:
                job = self._next()
                if job is None:
                    self._news.wait(1.0)
                    continue
                self._write(replace(job, state="running", error=None))
                folder = self._folder / job.id
                log = (folder / "log.txt").open("wb")
                child = subprocess.Popen(
                    [sys.executable, "-m", "normalcy.web.worker", str(folder.resolve()), str(self._out.resolve())],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                self._child = job.id, child
            self._follow(job, child)
            log.close()

    def _follow(self, job: Job, child: subprocess.Popen[bytes]) -> None:
        asked: float | None = None
        while child.poll() is None:
            self._stop.wait(POLL_S) if not self._stop.is_set() else time.sleep(POLL_S)
            now = self.get(job.id)
            if self._stop.is_set() or now is None or now.state != "running":
                if asked is None:
                    asked = time.monotonic()
                    child.send_signal(signal.SIGTERM)
                elif time.monotonic() - asked > PATIENCE_S:
                    child.kill()
        with self._news:
            self._child = None
            now = self.get(job.id)
            if now is None or now.state != "running" or self._stop.is_set():
                return
            error = None if child.returncode == 0 else self._why(job.id, child.returncode)
            self._write(replace(now, state="done" if error is None else "failed", error=error))

    def _why(self, id: str, code: int) -> str:
        try:
            lines = (self._folder / id / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        said = [line.removeprefix("normalcy: ") for line in lines if line.startswith("normalcy: ")]
        return (said or lines or [f"it ended with code {code}"])[-1][:1000]


def new_id() -> str:
    """A name for a job or an upload, of hexadecimal digits."""
    return secrets.token_hex(8)
