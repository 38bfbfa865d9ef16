"""Where networks run."""

from __future__ import annotations

import torch

from normalcy.errors import UsageError


def pick_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one. Raises UsageError for an unknown name or a CUDA that is not there."""
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"unknown device '{name}'; there are auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda was asked for, and this PyTorch sees no CUDA device; use --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
