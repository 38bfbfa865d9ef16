"""What a result was computed on."""

from __future__ import annotations

import platform
from pathlib import Path

from normalcy.api.doctor import usable_cores
from normalcy.api.version import versions


def machine(device: str) -> dict[str, str]:
    """Processor, cores that may be used, GPU where ``device`` is one, system, and versions. Plain values for JSON."""
    found = {"processor": processor(), "cores": str(usable_cores()), "system": f"{platform.system()} {platform.machine()}"}
    if device.startswith("cuda"):
        import torch

        found["gpu"] = torch.cuda.get_device_name(device)
    return {**found, **versions()}


def processor() -> str:
    """Name of the processor as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(text.split(":", 1)[1].strip() for text in lines if text.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
