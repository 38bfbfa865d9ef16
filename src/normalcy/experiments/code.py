"""Which code made a result: the commit for people, and a digest of what decides the numbers for the runner.

What decides them is read off the imports: every module that training, or scoring and evaluation, reaches. The digest is over
their syntax, not their text: comments, docstrings and layout may change, and so may every other module, and finished cells
stay finished.
"""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import normalcy
from normalcy.api.benchmark import run_benchmark
from normalcy.api.levels import train_level

TRAINING, SCORING = train_level.__module__, run_benchmark.__module__
"""Where the road begins that a network, and a cell's scores, come about on."""
NO_NUMBER = ("report", "evaluation.page", "tables", "files", "errors", "versions", "training.card", "data.catalogue")
"""Rooms and modules that no number depends on. What the catalogue's readers find, labels among it, is part of a cell's key."""
AFTER_NETWORK = ("scoring", "results", "events", "metrics", "evaluation")
"""Rooms that come after the trained network."""
SETTINGS = ("config", "presets")
"""A network is known by the values of its settings; how they are described may change."""
NAMED = re.compile(r"normalcy(\.\w+)+:\w+")
"""How a table of parts says where one stands."""
OBJECTS = ("objects", "detection")
"""Rooms that count only where the configuration works on objects."""


@cache
def network_code(objects: bool) -> str:
    """Digest of the code that training the networks rests on."""
    return _digest(network_modules(objects))


@cache
def score_code(objects: bool) -> str:
    """Digest of the code that a cell's numbers rest on."""
    return _digest(score_modules(objects))


def network_modules(objects: bool) -> frozenset[str]:
    """The modules that a trained network rests on, such as ``nn.tasks``."""
    return _reached(TRAINING, (*NO_NUMBER, *AFTER_NETWORK, *SETTINGS, *(() if objects else OBJECTS)))


def score_modules(objects: bool) -> frozenset[str]:
    """The modules that a cell's numbers rest on, such as ``scoring.smooth``."""
    without = (*NO_NUMBER, *(() if objects else OBJECTS))
    return _reached(TRAINING, without) | _reached(SCORING, without)


def changed() -> bool:
    """Whether this code has another meaning on disk by now than when it was first asked for."""
    return any(ask(o) != ask.__wrapped__(o) for ask in (network_code, score_code) for o in (False, True))


@cache
def commit() -> str:
    """``git describe`` of the checkout, ending in -dirty where files were changed; ``unknown`` outside one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        done = subprocess.run(command, cwd=_root(), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _root() -> Path:
    return Path(normalcy.__file__).parent


def _reached(start: str, without: Collection[str]) -> frozenset[str]:
    """``start`` and every module of the package that it imports, directly or not; those in ``without`` are not entered."""
    todo, seen = [start.removeprefix("normalcy.")], set[str]()
    while todo:
        name = todo.pop()
        if name not in seen and not any(name == w or name.startswith(f"{w}.") for w in without):
            seen.add(name)
            todo += _on_disk(name)[0]
    return frozenset(seen)


def _digest(modules: Collection[str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(modules):
        digest.update(f"{name}\0{_on_disk(name)[1]}\0".encode())
    return digest.hexdigest()[:12]


def _path(name: str) -> Path:
    """File of a module, such as ``scoring.smooth``."""
    return _root() / f"{name.replace('.', '/')}.py"


def _on_disk(name: str) -> tuple[tuple[str, ...], str]:
    """(modules of the package that this one imports, its syntax) as of now."""
    path = _path(name)
    stat = path.stat()
    return _parsed(path, stat.st_mtime_ns, stat.st_size)


@cache
def _parsed(path: Path, modified_ns: int, size: int) -> tuple[tuple[str, ...], str]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return tuple(_imported(tree)), _meaning(tree)


def _imported(tree: ast.Module) -> Iterator[str]:
    """Modules of the package that a module imports, wherever in it, or names in a table as normalcy.parts does; but not those
    that only a type checker sees."""
    for node in _executed(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAMED.fullmatch(node.value):
            names = [node.value.partition(":")[0]]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        else:
            continue
        inside = (n.removeprefix("normalcy.") for n in names if n.startswith("normalcy."))
        yield from (n for n in inside if _path(n).is_file())


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield child
            yield from _executed(child)


def _meaning(tree: ast.Module) -> str:
    """The syntax tree without docstrings and other bare strings."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not _bare_string(s)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _bare_string(s: ast.stmt) -> bool:
    return isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) and isinstance(s.value.value, str)
