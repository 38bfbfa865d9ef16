"""``python -m normalcy.web.worker JOB_FOLDER OUT``: computes one job of the queue and says how far it is.

It ends with its parent.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from normalcy.errors import NormalcyError
from normalcy.files import write_bytes
from normalcy.web.jobs import JOB, PROGRESS

EVERY_S = 0.5
POINTS = 300
"""Of a curve, at most; then every second one goes."""


class Told:
    """Writes progress down, twice a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0
        self._figures: dict[str, list[tuple[int, float]]] = {}

    def __call__(self, stage: str, done: int, total: int | None, figures: Mapping[str, float]) -> None:
        """As the API calls it."""
        now = time.monotonic()
        if now - self._last < EVERY_S and done != total:
            return
        self._last = now
        for name, value in figures.items():
            curve = self._figures.setdefault(name, [])
            if math.isfinite(value) and (not curve or curve[-1][0] < done):
                curve.append((done, round(float(value), 5)))
            if len(curve) > POINTS:
                del curve[1:-1:2]
        content = {"stage": stage, "done": done, "total": total, "figures": self._figures}
        write_bytes(self._path, json.dumps(content, allow_nan=False).encode())


def main(folder: Path, out: Path) -> None:
    """Raises NormalcyError."""
    job: dict[str, Any] = json.loads((folder / JOB).read_text(encoding="utf-8"))
    told, result = Told(folder / PROGRESS), out / job["out"]
    told("begins", 0, None, {})
    if job["kind"] == "score":
        from normalcy.api.score import score

        score(job["sources"], job["model"], result, overlay=True, progress=told)
        return
    from normalcy.api.train import train

    sets = [] if job["steps"] is None else [f"train.steps={job['steps']}"]
    begun = result.exists() and not (result / "model.safetensors").exists()
    train(job["sources"], result, preset=job["preset"], sets=sets, resume=begun, progress=told)


def _end_with(parent: int) -> None:
    """A server that was killed leaves nothing behind that computes."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupted)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except KeyboardInterrupt:
        sys.exit(130)
    except NormalcyError as e:
        sys.stderr.write(f"normalcy: {e}\n")
        sys.exit(1)
