"""Calls for runners to run, in a module of their own: workers import them by name."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path

import numpy as np

from normalcy.errors import VideoError
from normalcy.runners.base import Report


def double(report: Report, x: int) -> int:
    report("double", x, None)
    return 2 * x


def add(report: Report, *numbers: int) -> int:
    return sum(numbers)


def refuse(report: Report, name: str) -> None:
    raise VideoError(f"{name}: damaged")


def break_down(report: Report) -> None:
    raise ZeroDivisionError("division by zero")


def die_the_first_time(report: Report, mark: str) -> str:
    """Its worker is killed once; mark: a file that remembers."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die(report: Report) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hog(report: Report) -> int:
    """Ask for more memory than there is."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 35, limits[1]))
    try:
        return int(np.ones(1 << 34, dtype=np.float64).sum())
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def rest(report: Report, seconds: float) -> None:
    for i in range(round(seconds * 10)):
        report("rest", i, None)
        time.sleep(0.1)
