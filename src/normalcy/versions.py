"""What made a result: versions, and the machine it was computed on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path


def version(package: str = "normalcy") -> str:
    """Version of an installed package, ``unknown`` where it is not installed (a bare source tree)."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def versions() -> dict[str, str]:
    """Versions of everything that decides a score, read without importing any of it."""
    packages = ("normalcy", "torch", "numpy", "av", "opencv-python-headless")
    return {"python": platform.python_version(), **{p: version(p) for p in packages}}


def machine(device: str) -> dict[str, str]:
    """Processor, cores that may be used, GPU where ``device`` is one, system, and versions. Plain values for JSON."""
    facts = {"processor": processor(), "cores": str(usable_cores()), "system": f"{platform.system()} {platform.machine()}"}
    if device.startswith("cuda"):
        import torch

        facts["gpu"] = torch.cuda.get_device_name(device)
    return {**facts, **versions()}


def processor() -> str:
    """Name of the processor as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(text.split(":", 1)[1].strip() for text in lines if text.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def usable_cores() -> int:
    """Cores that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
