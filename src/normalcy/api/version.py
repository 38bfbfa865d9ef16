"""Which versions made a result."""

from __future__ import annotations

import importlib.metadata
import platform


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
