"""Normalcy: learns what normal video looks like, then says when, where and why something is not normal.

The functions mirror the commands; :func:`load` gives a model to hold, :func:`open_stream` scores frames that you push yourself.
Every public name stands in ``__all__``. Everything heavy is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from normalcy import errors

if TYPE_CHECKING:
    from normalcy.api.benchmark import benchmark
    from normalcy.api.demo import demo
    from normalcy.api.detect import detect
    from normalcy.api.explain import explain
    from normalcy.api.export import export
    from normalcy.api.learned import learned
    from normalcy.api.marks import mark, retrain
    from normalcy.api.report import write_report
    from normalcy.api.score import load, score
    from normalcy.api.stream import Stream, open_stream
    from normalcy.api.teach import forget, teach
    from normalcy.api.train import train
    from normalcy.api.watch import watch
    from normalcy.evaluation.evaluate import evaluate
    from normalcy.events.record import EventRecord
    from normalcy.nn.weights import convert_weights
    from normalcy.results.scores_csv import read_scores
    from normalcy.scoring.model import Model
    from normalcy.types import Event, Frame, FrameScore, ObjectScore, VideoInfo, VideoScores

    __version__: str

__all__ = [
    "Event",
    "EventRecord",
    "Frame",
    "FrameScore",
    "Model",
    "ObjectScore",
    "Stream",
    "VideoInfo",
    "VideoScores",
    "__version__",
    "benchmark",
    "convert_weights",
    "demo",
    "detect",
    "errors",
    "evaluate",
    "explain",
    "export",
    "forget",
    "learned",
    "load",
    "mark",
    "open_stream",
    "read_scores",
    "retrain",
    "score",
    "teach",
    "train",
    "watch",
    "write_report",
]

_MODULES = {
    "api.benchmark": ("benchmark",),
    "api.demo": ("demo",),
    "api.detect": ("detect",),
    "api.explain": ("explain",),
    "api.export": ("export",),
    "api.learned": ("learned",),
    "api.marks": ("mark", "retrain"),
    "api.report": ("write_report",),
    "api.score": ("load", "score"),
    "api.stream": ("Stream", "open_stream"),
    "api.teach": ("forget", "teach"),
    "api.train": ("train",),
    "api.watch": ("watch",),
    "evaluation.evaluate": ("evaluate",),
    "events.record": ("EventRecord",),
    "nn.weights": ("convert_weights",),
    "results.scores_csv": ("read_scores",),
    "scoring.model": ("Model",),
    "types": ("Event", "Frame", "FrameScore", "ObjectScore", "VideoInfo", "VideoScores"),
}
"""Module -> the public names that it defines."""
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from normalcy.versions import version

        return version()
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"normalcy.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'normalcy' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
