"""Many cells one after the other, each written down as soon as it is finished."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from normalcy.data import catalogue
from normalcy.data.base import Dataset
from normalcy.errors import ConfigError, NormalcyError, OutputError, UsageError
from normalcy.types import Progress
from quality import cells, source
from quality.cells import Job
from quality.parts import PARTS
from quality.rows import Cell, Failure, Results, read

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Variant:
    """One configuration: a name and its settings over the preset."""

    name: str
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
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


def grid(name: str | None, sets: Sequence[str], axes: Sequence[str]) -> tuple[Variant, ...]:
    """Every combination of ``key=v1,v2,...`` axes over common settings, the last axis fastest.

    Commas within brackets do not part values. Raises UsageError for an axis that is none.
    """
    values: list[list[str]] = []
    for axis in axes:
        key, equals, text = axis.partition("=")
        found = [v for v in split_values(text) if v]
        if not equals or not found:
            raise UsageError(f"--grid {axis}: write it as key=value,value,...")
        values.append([f"{key.strip()}={v}" for v in found])
    if not values:
        return (Variant(name or default_name(sets), tuple(sets)),)
    head = "" if name is None else f"{name} "
    return tuple(Variant(head + default_name(own), (*sets, *own)) for own in itertools.product(*values))


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


def run(
    order: Order,
    root: Path,
    out: Path,
    work: Path,
    device: str = "auto",
    tell: Tell = print,
    progress: Progress | None = None,
) -> list[Failure]:
    """Run what is not finished yet, seed by seed, so that a first look at everything comes early.

    root: folder with one folder of the plain layout per data set. out: the results file. work: models, scores, baselines.
    A cell that fails is written down, does not stop the others, and is tried again next time; returns those of this run.
    Raises DataError for a data set that cannot be read, OutputError where results cannot be kept.
    """
    results = read(out)
    data = {name: catalogue.load("folder", root / name, require=("train", "test")) for name in order.sets}
    failures: list[Failure] = []
    jobs, refused = _jobs(order, data)
    for text in refused:
        tell(text)
    for i, job in enumerate(jobs, 1):
        head = f"[{i}/{len(jobs)}] {job.dataset}, seed {job.cfg.seed}, {job.name}{', untrained' if job.untrained else ''}"
        done = results.cell(job.key, None if order.any_code else job.code)
        if done is not None:
            if done.name != job.name and not job.untrained and not _has(results, job):
                results.add(replace(done, name=job.name), out)
            tell(f"{head}: finished before; {in_short(done)}")
            continue
        try:
            cell, beside = cells.run(job, work, device, results.beside, progress)
        except OutputError:
            raise
        except Exception as e:  # code under trial fails in any way, and a night's sweep is not to end with it
            reason = str(e) if isinstance(e, NormalcyError) else f"{type(e).__name__}: {e}"
            if not isinstance(e, NormalcyError):
                traceback.print_exc()
            failure = Failure(job.name, job.dataset, job.cfg.seed, job.untrained, reason, source.commit(), cells.now())
            results.add(failure, out)
            failures.append(failure)
            tell(f"{head}: failed: {reason}")
            continue
        if beside is not None:
            results.add(beside, out)
        results.add(cell, out)
        tell(f"{head}: {in_short(cell)}")
    return failures


def in_short(cell: Cell) -> str:
    """Micro / macro (defined) AUC of the fused score in each part, and what training took."""
    found = []
    for part in PARTS:
        if part in cell.parts:
            v = cell.parts[part].scores["fused"].values
            both = ("-" if x is None else f"{x:.3f}" for x in (v["micro_auc"], v["macro_auc_defined"]))
            found.append(f"{part} {'/'.join(both)}")
    seconds = sum(s for stage, s in cell.seconds.items() if stage != "score")
    return f"{', '.join(found)}; trained in {seconds:.0f} s{' (network reused)' if cell.network_reused else ''}"


def _has(results: Results, job: Job) -> bool:
    return any((c.key, c.name) == (job.key, job.name) for c in results.cells)


def _jobs(order: Order, data: Mapping[str, Dataset]) -> tuple[list[Job], list[str]]:
    """(every cell in order, each once; why configurations that cannot be are left out)."""
    found: dict[tuple[str, str], Job] = {}
    refused: dict[str, str] = {}
    for seed in order.seeds:
        for variant in order.variants:
            for name, dataset in data.items():
                try:
                    for job in _pair(order, variant, dataset, name, seed):
                        found.setdefault((job.key, "" if job.untrained else job.name), job)
                except ConfigError as e:
                    refused[variant.name] = f"{variant.name}: left out: {e}"
    if not found and refused:
        raise ConfigError("; ".join(refused.values()))
    return list(found.values()), list(refused.values())


def _pair(order: Order, variant: Variant, data: Dataset, name: str, seed: int) -> Iterator[Job]:
    """The cell, then its control."""
    for untrained in (False, True):
        if order.control if untrained else order.trained:
            yield cells.job(variant.name, data, name, order.preset, variant.sets, seed, order.threads, untrained)
