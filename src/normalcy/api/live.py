"""What a watch shows of itself to whoever looks: files in its output folder, so that page and watch may start and end apart.

``live/state.json`` has every camera's state, ``live/CAMERA.jpg`` its newest picture. Both are written once a second while
someone looks, which the age of ``live/wanted`` says; else the state alone, and rarely.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from normalcy.errors import OutputError
from normalcy.events.state import WatchState
from normalcy.files import write_bytes

LIVE, STATE, WANTED = "live", "state.json", "wanted"
LOOK_S = 10.0
"""For so long after someone asked, the files are kept fresh."""
RARELY_S = 10.0
HISTORY = 180
"""Scores that are kept of each camera, one a second."""
STALE_S = 25.0
"""A state that is older was left by a watch that is gone."""


class Board:
    """The writing side."""

    def __init__(self, out: Path) -> None:
        self._folder = out / LIVE
        self._written = float("-inf")
        self._scores: dict[str, deque[tuple[float, float]]] = {}

    @property
    def wanted(self) -> bool:
        """Whether someone looks."""
        try:
            return time.time() - (self._folder / WANTED).stat().st_mtime < LOOK_S
        except OSError:
            return False

    def show(self, state: WatchState, stills: Mapping[str, bytes] = {}, *, now: bool = False) -> None:
        """Take a state, once a second; never raises. stills: camera -> JPEG. now: write it whoever looks."""
        for c in state.cameras:
            if c.score is not None:
                self._scores.setdefault(c.name, deque(maxlen=HISTORY)).append((round(state.time, 1), round(c.score, 4)))
        if not (now or self.wanted or state.time - self._written >= RARELY_S):
            return
        self._written = state.time
        content = state.to_dict()
        for c in content["cameras"]:
            c["history"] = list(self._scores.get(c["name"], ()))
        with suppress(OutputError, OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            for camera, data in stills.items():
                write_bytes(self._folder / f"{camera}.jpg", data)
            write_bytes(self._folder / STATE, json.dumps(content, allow_nan=False).encode())


def look(out: Path) -> dict[str, Any] | None:
    """What the watch of a folder showed last, and a word that someone looks. ``fresh`` says whether a watch is there.

    None where no watch ever showed anything.
    """
    folder = out / LIVE
    with suppress(OSError):
        if folder.is_dir():
            (folder / WANTED).touch()
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if not isinstance(state["cameras"], list):
            return None
        return {**state, "fresh": time.time() - float(state["time"]) < STALE_S}
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class CameraCard:
    """What is known of a camera besides its state: ``cameras/NAME.json``."""

    name: str
    source: str
    """Without its login."""
    model: str
    """Its folder."""
    model_hash: str
    level: str
    threshold: dict[str, Any] | None
    """As normalcy.scoring.threshold has it; None where the model has none."""
    note: str
    """What the threshold rests on."""
    words: dict[str, str]
    """Readout -> the end of a sentence."""
    zones: list[dict[str, Any]]


def write_card(out: Path, card: CameraCard) -> None:
    """Raises OutputError."""
    path = out / "cameras" / f"{card.name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e
    write_bytes(path, json.dumps(asdict(card), allow_nan=False).encode())


def read_cards(out: Path) -> list[CameraCard]:
    """All cameras that were ever watched into a folder, by name; what is not one of ours is passed over."""
    cards = []
    for path in sorted((out / "cameras").glob("*.json")):
        with suppress(OSError, ValueError, TypeError):
            cards.append(CameraCard(**json.loads(path.read_text(encoding="utf-8"))))
    return cards


def write_budget(out: Path, camera: str, per_day: float | None) -> None:
    """Set how many false alarms a day a camera may raise; its watch takes it within seconds. None: as configured.

    Raises OutputError.
    """
    path = out / "cameras" / f"{camera}.budget"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if per_day is None:
            path.unlink(missing_ok=True)
            return
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e
    write_bytes(path, f"{per_day!r}\n".encode())


def read_budget(out: Path, camera: str) -> float | None:
    """What write_budget() left; None where nothing was set."""
    try:
        value = float((out / "cameras" / f"{camera}.budget").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if 0.0 < value <= 86400.0 else None
