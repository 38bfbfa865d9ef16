"""results.jsonl: one line per finished cell, written at once, so that a kill loses the cell at work and nothing else.

A line is known by the fingerprint of everything that decides its numbers. Two tables that hold the same configuration share
the line, and files of several machines can be joined with ``cat``.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from normalcy.config import Config, values
from normalcy.data.base import Dataset
from normalcy.files import append_line, line_error, read_lines
from normalcy.metrics.bysize import SizeMetrics
from normalcy.metrics.table import ResultRow
from normalcy.results.record import stamp
from normalcy.video.source import VideoRef

FILE = "results.jsonl"


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
        """A row of a judgement, and its AUC by size where there is one."""
        bounds = {k: (i.low, i.high) for k, i in row.intervals.items() if i.low is not None and i.high is not None}
        bins: dict[str, dict[str, float | None]] | None = None
        if sizes is not None:
            bins = {
                b.name: {"auc": b.auc, "low": b.interval.low, "high": b.interval.high, "frames": b.frames, "videos": b.videos}
                for b in sizes.bins
            }
        return cls(dict(row.values), bounds, bins, row.peeked)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished cell: one configuration, one data set, one seed. Plain values throughout."""

    fingerprint: str
    dataset: str
    where: str
    """Name of the folder that the data set was read from: it tells sets of the plain layout apart."""
    row: str
    label: str
    tasks: Sequence[str]
    length: int
    seed: int
    preset: str
    sets: Sequence[str]
    untrained: bool
    readouts: Sequence[str]
    protocol: str
    label_source: str
    data_notes: Sequence[str]
    """What the reader had to say, such as that the copy is incomplete."""
    split: Mapping[str, int]
    """Counts of training and test videos and frames."""
    scores: Mapping[str, Measured]
    """``fused`` and each readout."""
    beside: Mapping[str, Measured]
    """The baselines, through the same post-processing."""
    dropped: Mapping[str, str]
    added: Mapping[str, str]
    figures: Mapping[str, float]
    """Last losses and accuracies of the training."""
    seconds: Mapping[str, float]
    """Wall time of each stage."""
    machine: Mapping[str, str]
    """Hardware and versions."""
    command: str
    finished: str
    """UTC, ISO 8601."""

    @property
    def fused(self) -> Measured:
        """The model's own score."""
        return self.scores["fused"]

    @property
    def incomplete(self) -> bool:
        """Whether the data at hand was only a part of the data set."""
        return any("incomplete copy" in n for n in self.data_notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Outcome:
        """The reverse of to_dict(). Raises KeyError or TypeError for anything else."""
        parts = {part: {name: Measured(**m) for name, m in d[part].items()} for part in ("scores", "beside")}
        return cls(**{**d, **parts})


def fingerprint(cfg: Config, data: Dataset) -> str:
    """Hex digest of what decides a cell's numbers: the configuration with its seed, the videos and the labels.

    Settings that change speed alone are left out, and so is where the data set lies. Videos count by name and size, labels
    by content, except where they can only be had by decoding the footage.
    """
    labels = {v.name: None if v.needs_footage else zlib.crc32(v.labels().tobytes()) for v in data.test}
    train, test = [[v.name, *_size(v.ref)] for v in data.train], [[v.name, *_size(v.ref)] for v in data.test]
    parts = [data.name, data.label_source, train, test, labels, what_decides(cfg)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def what_decides(cfg: Config) -> dict[str, Any]:
    """Dotted key -> value of every setting that decides a number: not those of speed alone, nor the name of the preset."""
    return values(cfg, "network", "calibration", "score", "place")


def _size(ref: VideoRef) -> list[int]:
    marks = stamp(ref)
    return [marks["files"], marks["bytes"]]


def read_outcomes(folder: Path) -> dict[str, Outcome]:
    """Fingerprint -> finished cell. Raises DataError for a line that is none of ours."""
    path = folder / FILE
    found: dict[str, Outcome] = {}
    for number, value in read_lines(path):
        try:
            outcome = Outcome.from_dict(value)
        except (KeyError, TypeError) as e:
            raise line_error(path, number, e) from e
        found[outcome.fingerprint] = outcome
    return found


def append_outcome(folder: Path, outcome: Outcome) -> None:
    """Add one line and see it on disk. Raises OutputError."""
    append_line(folder / FILE, outcome.to_dict())
