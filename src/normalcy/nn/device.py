"""Where networks run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from normalcy.errors import UsageError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")


def check_device(name: str) -> None:
    """Raises UsageError for an unknown name. Without PyTorch, for models that do not need it."""
    if name not in DEVICES:
        raise UsageError(f"unknown device '{name}'; there are {', '.join(DEVICES)}")


def pick_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one. Raises UsageError for an unknown name or a CUDA that is not there."""
    import torch

    check_device(name)
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda was asked for, and this PyTorch sees no CUDA device; use --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
