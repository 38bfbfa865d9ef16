"""Which code made a result: the commit for people, and a digest of what decides the numbers for the runner.

The digest is over the syntax, not the text, of the files named here: comments, docstrings, layout and every other file may
change, and finished cells stay finished.
"""

from __future__ import annotations

import ast
import hashlib
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import normalcy

NETWORK = ("clips", "nn", "video", "data/sampler.py", "data/split.py", "training")
"""What decides the trained network, from the package's folder on."""
CALIBRATION = ("training/card.py",)
"""What lies in there and comes after the network."""
JUDGING = ("metrics", "evaluation/judge.py")
WRITING = ("api/score_video.py", "api/stream.py", *(f"results/{n}.py" for n in ("scores_csv", "objects_csv", "maps_npy")))
SCORES = (*NETWORK, "config.py", "presets.py", "scoring", "events", "types.py", *WRITING, *JUDGING)
"""What decides a cell's numbers."""
BASELINES = (
    *JUDGING,
    "video",
    "evaluation/motion.py",
    "scoring/smooth.py",
    "evaluation/baselines.py",
    "evaluation/baseline_cache.py",
)
"""What decides the baselines' numbers."""
OBJECTS = ("objects", "detection", "api/levels.py")
"""What decides them as well, where the configuration works on objects."""


@cache
def network_code(objects: bool = False) -> str:
    """Digest of the code that training the networks rests on."""
    return _digest((*NETWORK, *(OBJECTS if objects else ())), CALIBRATION)


@cache
def baseline_code() -> str:
    """Digest of the code that the baselines rest on."""
    return _digest(BASELINES)


def changed() -> bool:
    """Whether any of these files has another meaning by now than when it was first asked for."""
    return any(ask() != ask.__wrapped__() for ask in (network_code, score_code, baseline_code))


@cache
def score_code(objects: bool = False) -> str:
    """Digest of the code that a cell's numbers rest on."""
    return _digest((*SCORES, *(OBJECTS if objects else ())))


def _digest(names: Sequence[str], without: Sequence[str] = ()) -> str:
    root = Path(normalcy.__file__).parent
    found: set[Path] = set()
    for name in names:
        at = root / name
        found |= set(at.rglob("*.py")) if at.is_dir() else {at}
    digest = hashlib.sha256()
    for path in sorted(found - {root / name for name in without}):
        digest.update(f"{path.relative_to(root).as_posix()}\0{_meaning(path)}\0".encode())
    return digest.hexdigest()[:12]


def _meaning(path: Path) -> str:
    """The syntax tree without docstrings and other bare strings."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not _bare_string(s)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _bare_string(s: ast.stmt) -> bool:
    return isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) and isinstance(s.value.value, str)


@cache
def commit() -> str:
    """``git describe`` of the checkout, ending in -dirty where files were changed; ``unknown`` outside one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        done = subprocess.run(command, cwd=Path(normalcy.__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
