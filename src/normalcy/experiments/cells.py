"""A cell: one configuration on one data set with one seed, its control, and what both are known by."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from normalcy.config import Config, values
from normalcy.data.base import Dataset
from normalcy.experiments import code
from normalcy.nn.device import pick_device
from normalcy.presets import load_config
from normalcy.results.record import stamp
from normalcy.versions import version
from normalcy.video.source import VideoRef

CONTROL_STEPS = 50
"""Steps of the untrained encoder: enough for its batch statistics to settle."""
CONTROL_LR = 1e-12
"""Learning rate of the untrained encoder: AdamW then moves no weight by more than 1e-10, the rounding of a float32 weight."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One configuration, one data set, one seed, ready to run."""

    name: str
    """Of the configuration, as tables show it."""
    data: Dataset
    dataset: str
    """The name that the data set goes by."""
    cfg: Config
    sets: Sequence[str]
    key: str
    """Digest of everything but the code that decides the cell's numbers."""
    untrained: bool = False
    """Whether this is a control."""
    control: str | None = None
    """Key of its control, where there is one."""

    @property
    def code(self) -> str:
        """Digest of the code that its numbers rest on."""
        return code.score_code(self.cfg.level != "frame")

    def network_key(self, device: str) -> str:
        """Digest of what decides the trained network: settings, training videos, code, and where it is computed."""
        settings = values(self.cfg, "network", "place")
        trained_with = code.network_code(self.cfg.level != "frame")
        where = str(pick_device(device)), version("torch")
        return digest([self.dataset, settings, [[v.name, *_size(v.ref)] for v in self.data.train], trained_with, *where])


def pair(
    name: str, data: Dataset, dataset: str, preset: str, sets: Sequence[str], seed: int, threads: int
) -> tuple[Cell, Cell]:
    """A configuration's cell and its control. Raises ConfigError.

    Settings from the environment are left out: a result has to say all that it rests on.
    """
    flags: dict[str, object] = {"seed": seed, "train.threads": threads}
    cfg = load_config(preset, sets=sets, flags=flags, environ={})
    frozen = load_config(preset, sets=sets, flags={**flags, **control_flags(cfg)}, environ={})
    control = Cell(name, data, dataset, frozen, sets, fingerprint(frozen, data), untrained=True)
    return Cell(name, data, dataset, cfg, sets, fingerprint(cfg, data), control=control.key), control


def control_flags(cfg: Config) -> dict[str, object]:
    """Settings that make a configuration its own control: encoder and heads stay as they were drawn, all else is the same.

    A decoder, if there is one, is trained all the same, on features of the encoder as drawn.
    """
    return {"train.lr": CONTROL_LR, "train.steps": min(CONTROL_STEPS, cfg.train.steps)}


def fingerprint(cfg: Config, data: Dataset) -> str:
    """Hex digest of what decides a cell's numbers: the configuration with its seed, the videos and the labels.

    Settings that change speed alone are left out, and so is where the data set lies. Videos count by name and size, labels
    by content, except where they can only be had by decoding the footage.
    """
    labels = {v.name: None if v.needs_footage else zlib.crc32(v.labels().tobytes()) for v in data.test}
    train, test = [[v.name, *_size(v.ref)] for v in data.train], [[v.name, *_size(v.ref)] for v in data.test]
    return digest([data.name, data.label_source, train, test, labels, what_decides(cfg)])


def what_decides(cfg: Config) -> dict[str, Any]:
    """Dotted key -> value of every setting that decides a number: not those of speed alone, nor the name of the preset."""
    return values(cfg, "network", "calibration", "score", "place")


def digest(value: object) -> str:
    """Hex digest of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:20]


def _size(ref: VideoRef) -> list[int]:
    marks = stamp(ref)
    return [marks["files"], marks["bytes"]]
