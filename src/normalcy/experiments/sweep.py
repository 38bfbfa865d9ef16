"""A comparison of configurations: every combination of settings, on data sets, with seeds and controls."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from normalcy.data import catalogue
from normalcy.data.base import Dataset
from normalcy.errors import ConfigError, UsageError
from normalcy.evaluation.evaluate import FUSED
from normalcy.experiments.cells import Cell, pair
from normalcy.experiments.halves import PARTS
from normalcy.experiments.run import run_cells
from normalcy.experiments.store import Failure, Outcome, read
from normalcy.types import Progress


@dataclass(frozen=True, slots=True)
class Variant:
    """One configuration: a name and its settings over the preset."""

    name: str
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What to run."""

    variants: tuple[Variant, ...]
    preset: str
    sets: tuple[str, ...]
    """Names of data sets."""
    seeds: tuple[int, ...]
    trained: bool = True
    control: bool = True
    threads: int = 1
    any_code: bool = False
    """Whether a cell that other code finished counts as finished."""


def run(
    sweep: Sweep,
    root: Path,
    out: Path,
    work: Path,
    device: str = "auto",
    say: Callable[[str], None] = print,
    progress: Progress | None = None,
) -> list[Failure]:
    """Run what is not finished yet, seed by seed, so that a first look at everything comes early.

    Args:
        sweep: what to run.
        root: folder with one folder of the plain layout per data set.
        out: the results file.
        work: models, scores, baselines, networks.
        device: auto, cpu or cuda.
        say: hears one line per cell.
        progress: hears what is done within a cell.

    Returns:
        The cells that failed, which did not stop the others.

    Raises:
        DataError: a data set cannot be read. OutputError: results cannot be kept. ConfigError: no configuration can be.
    """
    results = read(out)
    data = {name: catalogue.load("folder", root / name, require=("train", "test")) for name in sweep.sets}
    cells, refused = _cells(sweep, data)
    for text in refused:
        say(text)
    failures: list[Failure] = []
    rows = run_cells(cells, results, out, work, device, any_code=sweep.any_code, progress=progress)
    for i, (cell, row, before) in enumerate(rows, 1):
        words = f"failed: {row.reason}" if isinstance(row, Failure) else in_short(row)
        head = f"[{i}/{len(cells)}] {cell.dataset}, seed {cell.cfg.seed}, {cell.name}{', untrained' if cell.untrained else ''}"
        say(f"{head}: {'finished before; ' if before else ''}{words}")
        failures += [row] if isinstance(row, Failure) else []
    return failures


def in_short(o: Outcome) -> str:
    """Micro / macro (defined) AUC of the fused score in each part, and what training took."""
    figures = []
    for part in PARTS:
        if part in o.parts:
            v = o.parts[part].scores[FUSED].values
            both = ("-" if x is None else f"{x:.3f}" for x in (v["micro_auc"], v["macro_auc_defined"]))
            figures.append(f"{part} {'/'.join(both)}")
    seconds = sum(s for stage, s in o.seconds.items() if stage != "score")
    return f"{', '.join(figures)}; trained in {seconds:.0f} s{' (network reused)' if o.network_reused else ''}"


def _cells(sweep: Sweep, data: Mapping[str, Dataset]) -> tuple[list[Cell], list[str]]:
    """(every cell in order, each once; why configurations that cannot be are left out)."""
    cells: dict[tuple[str, str], Cell] = {}
    refused: dict[str, str] = {}
    for seed, variant, (name, dataset) in itertools.product(sweep.seeds, sweep.variants, data.items()):
        try:
            for cell in _wanted(sweep, variant, dataset, name, seed):
                cells.setdefault((cell.key, "" if cell.untrained else cell.name), cell)
        except ConfigError as e:
            refused[variant.name] = f"{variant.name}: left out: {e}"
    if not cells and refused:
        raise ConfigError("; ".join(refused.values()))
    return list(cells.values()), list(refused.values())


def _wanted(sweep: Sweep, variant: Variant, data: Dataset, name: str, seed: int) -> Iterator[Cell]:
    trained, control = pair(variant.name, data, name, sweep.preset, variant.sets, seed, sweep.threads)
    if sweep.trained:
        yield trained
    if sweep.control:
        yield control


def grid(name: str | None, sets: Sequence[str], axes: Sequence[str]) -> tuple[Variant, ...]:
    """Every combination of ``key=v1,v2,...`` axes over common settings, the last axis fastest.

    Commas within brackets do not part values. Raises UsageError for an axis that is none.
    """
    choices: list[list[str]] = []
    for axis in axes:
        key, equals, text = axis.partition("=")
        values = [v for v in split_values(text) if v]
        if not equals or not values:
            raise UsageError(f"--grid {axis}: write it as key=value,value,...")
        choices.append([f"{key.strip()}={v}" for v in values])
    if not choices:
        return (Variant(name or default_name(sets), tuple(sets)),)
    head = "" if name is None else f"{name} "
    return tuple(Variant(head + default_name(own), (*sets, *own)) for own in itertools.product(*choices))


def split_values(text: str) -> list[str]:
    """Split at commas outside brackets."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "[{(") - (c in "]})")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts]


def default_name(sets: Sequence[str]) -> str:
    """The settings themselves; ``default`` without any."""
    return " ".join(sets) or "default"
