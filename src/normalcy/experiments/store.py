"""The results file: one JSON object per line for every finished cell, and for every one that failed, on disk at once.

A kill loses the cell at work and nothing else, and files of several machines can be joined with ``cat``. Lines that earlier
versions wrote are read as well: those of ``normalcy reproduce``, and those of the benchmark of quality with the baselines in
lines of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from normalcy.evaluation.evaluate import FUSED, READOUT, REGION, Evaluation
from normalcy.evaluation.videos import ScoredTestVideo
from normalcy.experiments.halves import ALL
from normalcy.files import append_line, line_error, read_lines
from normalcy.metrics.bysize import SizeMetrics
from normalcy.metrics.table import ResultRow

FILE = "results.jsonl"
CELL, FAILED, OLD_BASELINES = "cell", "failed", "baselines"


@dataclass(frozen=True, slots=True)
class Measured:
    """Results of one score: AUC and the like in 0..1, None where undefined."""

    values: Mapping[str, float | None]
    """Metric name -> value."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Metric name -> 95 % interval over videos (of the random baseline: of its draws), where there is one."""
    sizes: Mapping[str, Mapping[str, float | None]] | None = None
    """Size bin -> auc, low, high, frames, videos; None without masks."""
    peeked: str | None = None
    """What its protocol looked at that a live system cannot know."""

    @classmethod
    def of(cls, row: ResultRow, sizes: SizeMetrics | None) -> Measured:
        """A row of an evaluation, and its AUC by size where there is one."""
        bounds = {k: (i.low, i.high) for k, i in row.intervals.items() if i.low is not None and i.high is not None}
        return cls(dict(row.values), bounds, None if sizes is None else _bins(sizes), row.peeked)


def _bins(sizes: SizeMetrics) -> dict[str, dict[str, float | None]]:
    return {
        b.name: {"auc": b.auc, "low": b.interval.low, "high": b.interval.high, "frames": b.frames, "videos": b.videos}
        for b in sizes.bins
    }


@dataclass(frozen=True, slots=True)
class Part:
    """What was measured over some of a data set's test clips."""

    clips: Sequence[str]
    frames: int
    abnormal: int
    scores: Mapping[str, Measured]
    """``fused`` and each readout."""
    baselines: Mapping[str, Measured] = field(default_factory=dict)
    """The baselines, through the same post-processing."""

    @classmethod
    def of(cls, videos: Sequence[ScoredTestVideo], e: Evaluation) -> Part:
        """An evaluation of these videos."""
        rows = {r.name: Measured.of(r, e.sizes.get(r.name)) for r in e.rows}
        own = {n: m for n, m in rows.items() if n == FUSED or n.startswith(READOUT)}
        baselines = {n: m for n, m in rows.items() if n not in own}
        if REGION in e.sizes:
            own[REGION] = Measured({}, {}, _bins(e.sizes[REGION]), rows[FUSED].peeked)
        labels = [v.labels for v in videos]
        return cls([v.name for v in videos], sum(map(len, labels)), int(sum(y.sum() for y in labels)), own, baselines)

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Part:
        """The reverse of asdict(). Raises KeyError or TypeError for anything else."""
        both = {k: {name: Measured(**m) for name, m in d.get(k, {}).items()} for k in ("scores", "baselines")}
        return cls(**{**d, **both})


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished cell: one configuration, one data set, one seed. Plain values throughout."""

    key: str
    """Over configuration, seed, videos and labels. What the code decides is in ``code``."""
    name: str
    """Of the configuration."""
    dataset: str
    where: str
    """Name of the folder that the data set was read from: it tells sets of the plain layout apart."""
    seed: int
    preset: str
    sets: Sequence[str]
    """Every ``--set``."""
    untrained: bool
    """Whether this is a control: the same with random weights."""
    control: str | None
    """Key of its control; None for a control, and where there is none."""
    config: str
    """Digest of the configuration without its seed."""
    code: str
    """Digest of the code that decides the numbers."""
    commit: str
    length: int
    """T, frames of a clip."""
    protocol: str
    readouts: Sequence[str]
    label_source: str
    parts: Mapping[str, Part]
    """``choose``, ``report`` and ``all``, those that have clips and both classes."""
    alarms: Mapping[str, float | None]
    """At the calibrated threshold, over all clips; empty without one."""
    figures: Mapping[str, float]
    """Losses and accuracies of the proxy tasks, on training (train) and held-out normal video (val)."""
    seconds: Mapping[str, float]
    """Wall time of each stage: decode, train, calibrate and the like, and score."""
    frames_per_s: float
    """Of scoring, decoding included."""
    precision: str
    network_reused: bool
    """Whether the trained network was that of another cell, which differs in scoring alone; its training seconds are given."""
    split: Mapping[str, int]
    """Counts of training and test videos and frames."""
    threads: int
    machine: Mapping[str, str]
    """Hardware and versions."""
    notes: Sequence[str]
    """What the reader of the data set, the evaluation and the runner had to say."""
    finished: str
    """UTC, ISO 8601."""

    @property
    def fused(self) -> Measured:
        """The model's own score, over all clips."""
        return self.parts[ALL].scores[FUSED]

    @property
    def incomplete(self) -> bool:
        """Whether the data at hand was only a part of the data set."""
        return any("incomplete copy" in n for n in self.notes)

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Outcome:
        """The reverse of asdict(). Raises KeyError or TypeError for anything else."""
        return cls(**{**d, "parts": {name: Part.from_dict(p) for name, p in d["parts"].items()}})


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

    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def find(self, key: str | None, code: str | None = None) -> Outcome | None:
        """The newest outcome of this key and, where one is given, of this code."""
        return next((o for o in reversed(self.outcomes) if o.key == key and code in (None, o.code)), None)

    def add(self, row: Outcome | Failure, path: Path | None = None) -> None:
        """Take in a row and, with a path, see it on disk first. Raises OutputError."""
        if path is not None:
            append_line(path, {"kind": CELL if isinstance(row, Outcome) else FAILED, **asdict(row)})
        if isinstance(row, Outcome):
            self.outcomes.append(row)
        else:
            self.failures.append(row)


def read(path: Path) -> Results:
    """Read all rows; none where there is no file. A last line that a kill cut short is passed over.

    Raises DataError for a line that no version wrote.
    """
    results = Results()
    baselines: dict[str, Mapping[str, Any]] = {}
    for number, line in read_lines(path):
        try:
            kind = line.pop("kind", CELL)
            if kind == OLD_BASELINES:
                baselines[line["key"]] = line["parts"]
            elif kind == FAILED:
                results.add(Failure(**line))
            elif kind == CELL:
                results.add(Outcome.from_dict(_present(line, baselines)))
            else:
                raise KeyError(kind)
        except (KeyError, TypeError, AttributeError) as e:
            raise line_error(path, number, e) from e
    return results


def _present(line: dict[str, Any], baselines: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A line as this version writes it. baselines: key -> parts, from lines before it."""
    if "fingerprint" in line:
        split, notes = line["split"], line["data_notes"]
        part = {"clips": [], "frames": split["test_frames"], "abnormal": split["abnormal_frames"]}
        known = {k: line[k] for k in _KEPT if k in line}
        return {
            **_ABSENT,
            **known,
            "key": line["fingerprint"],
            "name": line["row"],
            "parts": {ALL: {**part, "scores": line["scores"], "baselines": line["beside"]}},
            "notes": notes,
        }
    if "baselines" in line:
        beside = baselines.get(line.pop("baselines"), {})
        parts = {n: {**p, "baselines": beside.get(n, {}).get("scores", {})} for n, p in line["parts"].items()}
        return {**_ABSENT, **line, "where": line["dataset"], "parts": parts}
    return line


_KEPT = frozenset(Outcome.__dataclass_fields__)
_ABSENT: dict[str, Any] = {
    "control": None,
    "config": "",
    "code": "",
    "commit": "",
    "length": 0,
    "label_source": "",
    "alarms": {},
    "frames_per_s": 0.0,
    "precision": "",
    "network_reused": False,
    "threads": 0,
}
"""What lines of earlier versions do not say."""


def cell_folder(work: Path, key: str, code: str) -> Path:
    """Where a cell's model and scores lie."""
    return work / "cells" / f"{key}-{code}"


def left_behind(path: Path) -> Iterator[tuple[Outcome, Path, list[Path]]]:
    """(outcome, folder, score files) of cells whose files still lie in RESULTS.work, each of the newest state of the code."""
    newest = {(o.name, o.dataset, o.seed, o.untrained): o for o in read(path).outcomes}
    for o in newest.values():
        folder = cell_folder(path.with_suffix(".work"), o.key, o.code)
        if scores := sorted((folder / "scores").glob("*/scores.csv")):
            yield o, folder, scores
