"""The paper's tables as runs: train, score and judge every cell that the data at hand allow, one after the other."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from normalcy.api.benchmark import BenchmarkResult, run_benchmark
from normalcy.api.levels import train_level
from normalcy.api.score import load
from normalcy.data import catalogue
from normalcy.data.base import Dataset
from normalcy.errors import DataError, NormalcyError, UsageError
from normalcy.evaluation.judge import FUSED
from normalcy.experiments.cells import Cell, configure, rows_of
from normalcy.experiments.report import FAILED, CellResult, ReproduceResult, line, to_markdown
from normalcy.experiments.store import Measured, Outcome, append_outcome, fingerprint, read_outcomes
from normalcy.experiments.tables import TABLES, VARIANT_WORDS, Row, Table
from normalcy.files import write_files
from normalcy.nn.bundle import CONFIG
from normalcy.objects.readouts import readout_names
from normalcy.results.run_json import short_protocol
from normalcy.types import Progress
from normalcy.versions import machine

Tell = Callable[[str], None]


def reproduce(
    table: str,
    root: str | Path,
    out: str | Path,
    *,
    dataset: str | None = None,
    labels: str | None = None,
    preset: str = "paper",
    seeds: Sequence[int] = (0,),
    sets: Sequence[str] = (),
    only: Sequence[str] = (),
    device: str = "auto",
    resamples: int = 1000,
    tell: Tell = lambda text: None,
    progress: Progress | None = None,
) -> ReproduceResult:
    """Run the configurations of a table of the paper and put our figures beside the printed ones.

    table: table1 to table5. root: a folder with one folder per data set, named as in ``normalcy datasets list``; with
    ``dataset`` the folder of that one, which may be any (``folder``: your own), also one that is not in the paper. labels: its
    label set. preset, sets: as for train(); what the table itself decides cannot be set. seeds: each cell is run once per
    seed. only: ids of rows to run; all without. tell: hears one line per cell.

    Finished cells are kept in ``out/results.jsonl`` and not run again; a training or scoring that was stopped goes on.
    Writes ``out/TABLE.md`` and ``out/TABLE.json``.

    Raises UsageError for an unknown table, row or setting; DataError where none of the table's data sets is at hand.
    A cell that fails does not stop the others; its reason is in the result.
    """
    out = Path(out)
    plan = _plan(table, preset, sets, seeds, only)
    sources = _sources(plan.table, Path(root), dataset, labels)
    if not any(isinstance(s, Dataset) for s in sources.values()):
        raise DataError(f"nothing of {table} can be run: " + "; ".join(str(s) for s in sources.values()))
    command = _command(table, Path(root), dataset, labels, preset, seeds, sets, only)
    kept = read_outcomes(out)
    cells: list[CellResult] = []
    for name, data in sources.items():
        for row in plan.rows:
            paper = (row.paper or {}).get(name)
            if isinstance(data, str) or row.needs:
                reason = data if isinstance(data, str) else _lacks(row)
                cells.append(CellResult(name, row, paper, (), reason))
                tell(line(cells[-1]))
                continue
            cell = CellResult(name, row, paper)
            for outcome in _seeds(plan, row, data, out, kept, command, device, resamples, progress):
                if isinstance(outcome, str):
                    cell = replace(cell, reason=outcome)
                else:
                    kept[outcome.fingerprint] = outcome
                    cell = replace(cell, outcomes=(*cell.outcomes, outcome))
                tell(line(cell))
            cells.append(cell)
    result = ReproduceResult(plan.table, preset, tuple(seeds), out, command, tuple(cells))
    stored = json.dumps(result.to_dict(), indent=2, allow_nan=False) + "\n"
    write_files(out, {f"{table}.md": to_markdown(result).encode(), f"{table}.json": stored.encode()})
    return result


@dataclass(frozen=True, slots=True)
class _Plan:
    table: Table
    rows: tuple[Row, ...]
    preset: str
    sets: tuple[str, ...]
    seeds: tuple[int, ...]


def _plan(table: str, preset: str, sets: Sequence[str], seeds: Sequence[int], only: Sequence[str]) -> _Plan:
    """Everything that can be wrong with the call is found before the first minute of training."""
    if table not in TABLES:
        raise UsageError(f"unknown table {table!r}; there are {', '.join(TABLES)}")
    if not seeds or len(set(seeds)) != len(seeds):
        raise UsageError(f"seeds {list(seeds)}: give at least one, and each once")
    rows = rows_of(TABLES[table], preset, sets)
    unknown = [name for name in only if name not in {r.id for r in rows}]
    if unknown:
        raise UsageError(f"{table} has no row {unknown[0]!r}; there are {', '.join(r.id for r in rows)}")
    chosen = tuple(r for r in rows if not only or r.id in only)
    for row in chosen:
        configure(TABLES[table], row, preset, sets, seeds[0])
    return _Plan(TABLES[table], chosen, preset, tuple(sets), tuple(seeds))


def _sources(table: Table, root: Path, dataset: str | None, labels: str | None) -> dict[str, Dataset | str]:
    """Each data set, or why it cannot be used."""
    if dataset is None and labels is not None:
        raise UsageError("a label set belongs to one data set; name it with --dataset")
    if dataset is not None:
        return {dataset: _load(dataset, root, labels)}
    one = len(table.datasets) == 1
    found: dict[str, Dataset | str] = {}
    for name in table.datasets:
        at = root / name
        if not at.is_dir() and one:
            at = root
        here = at.is_dir()
        found[name] = _load(name, at, None) if here else f"no data: {root} has no folder {name}"
    return found


def _load(name: str, root: Path, labels: str | None) -> Dataset | str:
    catalogue.entry(name)  # an unknown name is the caller's mistake, not missing data
    try:
        return catalogue.load(name, root, labels=labels, require=("train", "test"), partial=True)
    except DataError as e:
        return f"no data: {e}"


def _lacks(row: Row) -> str:
    needed = " and ".join(VARIANT_WORDS[v] for v in row.needs)
    return f"not in this version: this row {needed}"


def _seeds(
    plan: _Plan,
    row: Row,
    data: Dataset,
    out: Path,
    kept: dict[str, Outcome],
    command: str,
    device: str,
    resamples: int,
    progress: Progress | None,
) -> Iterator[Outcome | str]:
    """One outcome per seed; a reason in place of one that failed."""
    for seed in plan.seeds:
        cell = configure(plan.table, row, plan.preset, plan.sets, seed)
        try:
            key = fingerprint(cell.cfg, data)
            if key in kept:
                yield replace(kept[key], row=row.id, label=row.label)
                continue
            outcome = _run(cell, data, out, key, plan.sets, command, device, resamples, progress)
            append_outcome(out, outcome)
            yield outcome
        except UsageError:
            raise
        except NormalcyError as e:
            yield f"{FAILED}{e}"


def _run(
    cell: Cell,
    data: Dataset,
    out: Path,
    key: str,
    sets: Sequence[str],
    command: str,
    device: str,
    resamples: int,
    progress: Progress | None,
) -> Outcome:
    """Train, score and judge one cell. What an earlier run began is gone on with."""
    folder = out / "cells" / key
    model_dir = folder / "model"
    if not (model_dir / CONFIG).exists():
        refs = [replace(v.ref, name=v.name) for v in data.train]
        begun = (model_dir / "checkpoints").is_dir()
        train_level(refs, model_dir, cell.cfg, device, resume=begun, progress=progress)
    model = load(model_dir, device)
    started = time.perf_counter()
    baselines = out / "baselines"
    result = run_benchmark(data, model, folder / "scores", resamples=resamples, progress=progress, baselines=baselines)
    judged_s = round(time.perf_counter() - started, 3)
    return _outcome(cell, data, key, sets, command, result, model_dir, str(model.device), judged_s)


def _outcome(
    cell: Cell,
    data: Dataset,
    key: str,
    sets: Sequence[str],
    command: str,
    result: BenchmarkResult,
    model_dir: Path,
    device: str,
    judged_s: float,
) -> Outcome:
    extra = json.loads((model_dir / CONFIG).read_text(encoding="utf-8"))["extra"]
    sizes = result.judged.sizes
    measured = {r.name: Measured.of(r, sizes.get(r.name)) for r in result.judged.rows}
    ours = {n: m for n, m in measured.items() if n == FUSED or n.startswith("readout ")}
    train_frames = sum(int(v["frames"]) for v in extra["trained_on"])
    return Outcome(
        fingerprint=key,
        dataset=data.name,
        where=data.root.resolve().name,
        row=cell.row.id,
        label=cell.row.label,
        tasks=list(cell.row.tasks),
        length=cell.cfg.clip.length,
        seed=cell.cfg.seed,
        preset=cell.cfg.preset,
        sets=list(sets),
        untrained=cell.row.untrained,
        readouts=readout_names(cell.cfg) if cell.cfg.level == "object" else list(cell.cfg.scoring.readouts),
        protocol=short_protocol(cell.cfg),
        label_source=data.label_source,
        data_notes=[*result.notes],
        split={**result.split, "train_frames": train_frames},
        scores=ours,
        beside={n: m for n, m in measured.items() if n not in ours},
        dropped=cell.dropped,
        added=cell.added,
        figures=extra["figures"],
        seconds={**extra["seconds"], "score": result.seconds, "score_and_judge": judged_s},
        machine=machine(device),
        command=command,
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _command(
    table: str,
    root: Path,
    dataset: str | None,
    labels: str | None,
    preset: str,
    seeds: Sequence[int],
    sets: Sequence[str],
    only: Sequence[str],
) -> str:
    """The command line that makes this table; of the paths only the last folder, since the rest is one machine's affair."""
    parts = ["normalcy reproduce", table, f"--root {root.resolve().name}"]
    parts += [f"--dataset {dataset}"] if dataset else []
    parts += [f"--labels {labels}"] if labels else []
    parts += [f"--preset {preset}", f"--seeds {','.join(map(str, seeds))}"]
    parts += [f"--set {s}" for s in sets] + [f"--only {r}" for r in only]
    return " ".join(parts)
