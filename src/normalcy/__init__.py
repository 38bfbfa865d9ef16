"""Normalcy: learns what normal video looks like, then says when, where and why something is not normal.

The functions mirror the commands: :func:`train`, :func:`score`, :func:`evaluate`, :func:`detect`, :func:`demo`; :func:`load`
with :class:`Scorer` or :func:`open_scorer` score frames that you push yourself. Everything heavy is imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from normalcy.api import demo, detect, evaluate, load, open_scorer, score, train
    from normalcy.scoring.scorer import Scorer

    __version__: str

__all__ = ["Scorer", "__version__", "demo", "detect", "evaluate", "load", "open_scorer", "score", "train"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from normalcy.api.version import version

        return version()
    if name == "Scorer":
        from normalcy.scoring.scorer import Scorer

        return Scorer
    if name in __all__:
        import normalcy.api

        return getattr(normalcy.api, name)
    raise AttributeError(f"module 'normalcy' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
