"""Lessons as files beside a model: ``taught/ID.safetensors`` each; ``taught/journal.jsonl`` says what was done when."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from normalcy.errors import DataError, ModelError, OutputError
from normalcy.files import append_line, read_lines, write_bytes
from normalcy.scoring.lesson import Lesson

FOLDER, JOURNAL, SUFFIX = "taught", "journal.jsonl", ".safetensors"
FORMAT = 1
BACKGROUND = "background"


def new_lesson_id() -> str:
    """A name for a lesson. Names sort by time."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def save_lesson(model: Path, lesson: Lesson, by: str = "") -> None:
    """Put a lesson beside a model, and note it. Raises OutputError."""
    try:
        (model / FOLDER).mkdir(exist_ok=True)
    except OSError as e:
        raise OutputError(f"{model / FOLDER}: cannot be made: {e.strerror or e}") from e
    arrays: dict[str, NDArray[Any]] = {k: np.ascontiguousarray(v) for k, v in lesson.arrays.items()}
    head = {"format": str(FORMAT), "about": json.dumps(lesson.about, allow_nan=False)}
    data = safetensors.numpy.save({**arrays, BACKGROUND: lesson.background}, head)
    write_bytes(model / FOLDER / f"{lesson.id}{SUFFIX}", data)
    _note(model, "teach", lesson.id, by, lesson.about)


def forget_lesson(model: Path, id: str, by: str = "") -> None:
    """Take a lesson back: its file goes, the journal keeps that it was there. Raises DataError for one that is not there."""
    path = model / FOLDER / f"{id}{SUFFIX}"
    if id not in lesson_ids(model):
        raise DataError(f"{model / FOLDER}: no lesson {id!r}; normalcy lessons {model} lists them")
    try:
        path.unlink()
    except OSError as e:
        raise OutputError(f"{path}: cannot be removed: {e.strerror or e}") from e
    _note(model, "forget", id, by, {})


def lesson_ids(model: Path) -> list[str]:
    """Of the lessons that hold, oldest first."""
    return sorted(p.stem for p in (model / FOLDER).glob(f"*{SUFFIX}") if not p.name.startswith("."))


def load_lessons(model: Path) -> tuple[list[Lesson], str]:
    """(the lessons beside a model, oldest first; what tells them from any others, empty without any).

    Raises ModelError naming a file that is damaged or of a newer version.
    """
    lessons, digest = [], hashlib.sha256()
    for id in lesson_ids(model):
        path = model / FOLDER / f"{id}{SUFFIX}"
        try:
            data = path.read_bytes()
            with safe_open(path, framework="numpy") as f:
                head = f.metadata() or {}
            arrays = safetensors.numpy.load(data)
            if int(head["format"]) > FORMAT:
                raise ModelError(f"{path}: taught by a newer version of normalcy; upgrade, or take the lesson back")
            lessons.append(Lesson(id, arrays.pop(BACKGROUND), arrays, json.loads(head["about"])))
        except FileNotFoundError:  # taken back a moment ago
            continue
        except (OSError, SafetensorError, KeyError, ValueError) as e:
            raise ModelError(f"{path}: damaged ({e}); take it back: normalcy lessons {model} --forget {id}") from e
        digest.update(hashlib.sha256(data).digest())
    return lessons, digest.hexdigest()[:16] if lessons else ""


def about_lessons(model: Path) -> list[dict[str, Any]]:
    """What is known of each lesson that holds, with its ``id``, oldest first. Raises ModelError."""
    return [{"id": x.id, **x.about} for x in load_lessons(model)[0]]


def journal(model: Path) -> list[dict[str, Any]]:
    """All that was ever taught and taken back, oldest first; its length is the version. Raises DataError."""
    return [row for _, row in read_lines(model / FOLDER / JOURNAL)]


def stamp(model: Path) -> tuple[tuple[str, int], ...]:
    """Changes whenever the lessons do: cheap enough to look at every few seconds."""
    out = []
    for id in lesson_ids(model):
        path = model / FOLDER / f"{id}{SUFFIX}"
        try:
            out.append((id, path.stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(out)


def _note(model: Path, action: str, id: str, by: str, about: Mapping[str, Any]) -> None:
    append_line(model / FOLDER / JOURNAL, {"time": round(time.time(), 3), "action": action, "id": id, "by": by, **about})
