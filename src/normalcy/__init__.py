"""Normalcy: learns what normal video looks like, then says when, where and why something is not normal.

The functions mirror the commands: :func:`train`, :func:`score`, :func:`evaluate`, :func:`detect`, :func:`watch`,
:func:`demo`; :func:`load` with :class:`Scorer` or :func:`open_scorer` score frames that you push yourself. Everything heavy
is imported when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from normalcy.api.demo import demo
    from normalcy.api.detect import detect
    from normalcy.api.levels import open_scorer
    from normalcy.api.score import load, score
    from normalcy.api.train import train
    from normalcy.api.watch import watch
    from normalcy.evaluation.evaluate import evaluate
    from normalcy.scoring.scorer import Scorer

    __version__: str

__all__ = ["Scorer", "__version__", "demo", "detect", "evaluate", "load", "open_scorer", "score", "train", "watch"]

_AT = {
    "demo": "api.demo",
    "detect": "api.detect",
    "evaluate": "evaluation.evaluate",
    "load": "api.score",
    "open_scorer": "api.levels",
    "score": "api.score",
    "Scorer": "scoring.scorer",
    "train": "api.train",
    "watch": "api.watch",
}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from normalcy.versions import version

        return version()
    if name in _AT:
        return getattr(importlib.import_module(f"normalcy.{_AT[name]}"), name)
    raise AttributeError(f"module 'normalcy' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
