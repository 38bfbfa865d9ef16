"""The results file: one JSON object per line, of three kinds, each known by a key over everything that decides its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from normalcy.experiments.store import Measured
from normalcy.files import append_line, line_error, read_lines

CELL, BESIDE, FAILED = "cell", "baselines", "failed"


@dataclass(frozen=True, slots=True)
class Part:
    """What was measured over some of a set's test clips."""

    clips: Sequence[str]
    frames: int
    abnormal: int
    scores: Mapping[str, Measured]
    """Name of a score -> its results. Of a cell: ``fused`` and each readout; of baselines: each of them."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One configuration, one data set, one seed."""

    key: str
    """Over configuration, seed, videos and labels. What the code decides is in ``code``."""
    name: str
    dataset: str
    seed: int
    preset: str
    sets: Sequence[str]
    """Every ``--set``."""
    untrained: bool
    """Whether this is the control: the same with random weights."""
    control: str | None
    """Key of its control; None for a control."""
    baselines: str
    """Key of the baselines that went through the same smoothing."""
    config: str
    """Digest of the configuration without its seed."""
    code: str
    """Digest of the code that decides the numbers."""
    commit: str
    protocol: str
    readouts: Sequence[str]
    parts: Mapping[str, Part]
    """``choose``, ``report`` and ``all``, those that have clips and both classes."""
    alarms: Mapping[str, float | None]
    """At the calibrated threshold, over all clips; empty without one."""
    figures: Mapping[str, float]
    """Losses and accuracies of the proxy tasks, on training (train) and held-out normal video (val)."""
    seconds: Mapping[str, float]
    """decode, train, calibrate and the like, and score."""
    frames_per_s: float
    """Of scoring, decoding included."""
    precision: str
    network_reused: bool
    """Whether the trained network was that of another cell, which differs in scoring alone; its training seconds are given."""
    split: Mapping[str, int]
    threads: int
    machine: Mapping[str, str]
    notes: Sequence[str]
    finished: str

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Cell:
        """The reverse of asdict(). Raises KeyError or TypeError for anything else."""
        return cls(**{**d, "parts": _parts(d["parts"])})


@dataclass(frozen=True, slots=True)
class Beside:
    """The baselines on one data set through one post-processing."""

    key: str
    dataset: str
    protocol: str
    parts: Mapping[str, Part]

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Beside:
        """The reverse of asdict(). Raises KeyError or TypeError for anything else."""
        return cls(**{**d, "parts": _parts(d["parts"])})


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that could not be finished."""

    name: str
    dataset: str
    seed: int
    untrained: bool
    reason: str
    commit: str
    finished: str


@dataclass(slots=True)
class Results:
    """Everything in a results file, in the order of the file."""

    cells: list[Cell] = field(default_factory=list)
    beside: dict[str, Beside] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def cell(self, key: str | None, code: str | None = None) -> Cell | None:
        """The newest cell of this key and, where one is given, of this code."""
        return next((c for c in reversed(self.cells) if c.key == key and code in (None, c.code)), None)

    def add(self, row: Cell | Beside | Failure, path: Path | None = None) -> None:
        """Take in a row and, with a path, see it on disk first. Raises OutputError."""
        kind = CELL if isinstance(row, Cell) else BESIDE if isinstance(row, Beside) else FAILED
        if path is not None:
            append_line(path, {"kind": kind, **asdict(row)})
        if isinstance(row, Cell):
            self.cells.append(row)
        elif isinstance(row, Beside):
            self.beside[row.key] = row
        else:
            self.failures.append(row)


def read(path: Path) -> Results:
    """All rows. A last line that a kill cut short is passed over. Raises DataError for a line that is none of ours."""
    found = Results()
    kinds: dict[str, Callable[[dict[str, Any]], Cell | Beside | Failure]] = {
        CELL: Cell.from_dict,
        BESIDE: Beside.from_dict,
        FAILED: lambda d: Failure(**d),
    }
    for number, value in read_lines(path):
        try:
            row = kinds[value.pop("kind")](value)
        except (KeyError, TypeError) as e:
            raise line_error(path, number, e) from e
        found.add(row)
    return found


def _parts(parts: Mapping[str, Any]) -> dict[str, Part]:
    return {
        name: Part(**{**p, "scores": {score: Measured(**m) for score, m in p["scores"].items()}}) for name, p in parts.items()
    }


def cell_folder(work: Path, key: str, code: str) -> Path:
    """Where a cell's model and scores lie."""
    return work / "cells" / f"{key}-{code}"


def left_behind(path: Path) -> Iterator[tuple[Cell, Path, list[Path]]]:
    """(cell, folder, score files) of the cells whose files still lie in RESULTS.work; of each the newest state of the code."""
    newest = {(c.name, c.dataset, c.seed, c.untrained): c for c in read(path).cells}
    for c in newest.values():
        folder = cell_folder(path.with_suffix(".work"), c.key, c.code)
        if scores := sorted((folder / "scores").glob("*/scores.csv")):
            yield c, folder, scores
