"""The paper's tables as runs: train, score and evaluate every cell that the data at hand allow, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from normalcy.data import catalogue
from normalcy.data.base import Dataset
from normalcy.errors import DataError, UsageError
from normalcy.experiments.cells import Cell, fingerprint
from normalcy.experiments.paper import TABLES, VARIANT_WORDS, Row, Table
from normalcy.experiments.report import FAILED, CellResult, ReproduceResult, line, to_markdown
from normalcy.experiments.rows import RowConfig, configure, rows_of
from normalcy.experiments.run import RESAMPLES, run_cells
from normalcy.experiments.store import FILE, Failure, read
from normalcy.files import write_files
from normalcy.types import Progress


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
    resamples: int = RESAMPLES,
    say: Callable[[str], None] = lambda text: None,
    progress: Progress | None = None,
) -> ReproduceResult:
    """Run the configurations of a table of the paper and put our figures beside the printed ones.

    Finished cells are kept in ``out/results.jsonl`` and not run again; a training or scoring that was stopped goes on.
    Writes ``out/TABLE.md`` and ``out/TABLE.json``.

    Args:
        table: table1 to table5.
        root: a folder with one folder per data set, named as in ``normalcy datasets list``; with ``dataset`` the folder of that
            one, which may be any (``folder``: your own), also one that is not in the paper.
        out: folder for models, scores and results.
        dataset: run on this one alone.
        labels: its label set.
        preset, sets: as for train(); what the table itself decides cannot be set.
        seeds: each cell is run once per seed.
        only: ids of rows to run; all without.
        device: auto, cpu or cuda.
        resamples: of the bootstrap intervals over videos.
        say: hears one line per cell.
        progress: hears what is done within a cell.

    Returns:
        The table as far as it could be run. A cell that fails does not stop the others; its reason is in the result.

    Raises:
        UsageError: unknown table, row or setting. DataError: none of the table's data sets is at hand.
    """
    out = Path(out)
    plan = _plan(table, preset, sets, seeds, only)
    sources = _sources(plan.table, Path(root), dataset, labels)
    if not any(isinstance(s, Dataset) for s in sources.values()):
        raise DataError(f"nothing of {table} can be run: " + "; ".join(str(s) for s in sources.values()))
    command = _command(table, Path(root), dataset, labels, plan, only)
    results, path = read(out / FILE), out / FILE
    cells: list[CellResult] = []
    for name, data in sources.items():
        for row in plan.rows:
            cell = CellResult(name, row, plan.configured(row, plan.seeds[0]), (row.paper or {}).get(name))
            if isinstance(data, str) or row.needs:
                cells.append(replace(cell, reason=data if isinstance(data, str) else _lacks(row)))
                say(line(cells[-1]))
                continue
            todo = [_cell(plan, row, seed, data) for seed in plan.seeds]
            rows = run_cells(
                todo,
                results,
                path,
                out,
                device,
                any_code=True,
                keep_networks=False,
                resamples=resamples,
                fatal=UsageError,
                progress=progress,
            )
            for _, outcome, _ in rows:
                if isinstance(outcome, Failure):
                    cell = replace(cell, reason=f"{FAILED}{outcome.reason}")
                else:
                    cell = replace(cell, outcomes=(*cell.outcomes, outcome))
                say(line(cell))
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

    def configured(self, row: Row, seed: int) -> RowConfig:
        return configure(self.table, row, self.preset, self.sets, seed)


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
    plan = _Plan(TABLES[table], tuple(r for r in rows if not only or r.id in only), preset, tuple(sets), tuple(seeds))
    for row in plan.rows:
        plan.configured(row, seeds[0])
    return plan


def _cell(plan: _Plan, row: Row, seed: int, data: Dataset) -> Cell:
    cfg = plan.configured(row, seed).cfg
    return Cell(row.id, data, data.name, cfg, plan.sets, fingerprint(cfg, data), row.untrained)


def _sources(table: Table, root: Path, dataset: str | None, labels: str | None) -> dict[str, Dataset | str]:
    """Each data set, or why it cannot be used."""
    if dataset is None and labels is not None:
        raise UsageError("a label set belongs to one data set; name it with --dataset")
    if dataset is not None:
        return {dataset: _load(dataset, root, labels)}
    one = len(table.datasets) == 1
    sources: dict[str, Dataset | str] = {}
    for name in table.datasets:
        at = root / name
        if not at.is_dir() and one:
            at = root
        sources[name] = _load(name, at, None) if at.is_dir() else f"no data: {root} has no folder {name}"
    return sources


def _load(name: str, root: Path, labels: str | None) -> Dataset | str:
    catalogue.entry(name)  # an unknown name is the caller's mistake, not missing data
    try:
        return catalogue.load(name, root, labels=labels, require=("train", "test"), partial=True)
    except DataError as e:
        return f"no data: {e}"


def _lacks(row: Row) -> str:
    needed = " and ".join(VARIANT_WORDS[v] for v in row.needs)
    return f"not in this version: this row {needed}"


def _command(table: str, root: Path, dataset: str | None, labels: str | None, plan: _Plan, only: Sequence[str]) -> str:
    """The command line that makes this table; of the paths only the last folder, since the rest is one machine's affair."""
    parts = ["normalcy reproduce", table, f"--root {root.resolve().name}"]
    parts += [f"--dataset {dataset}"] if dataset else []
    parts += [f"--labels {labels}"] if labels else []
    parts += [f"--preset {plan.preset}", f"--seeds {','.join(map(str, plan.seeds))}"]
    parts += [f"--set {s}" for s in plan.sets] + [f"--only {r}" for r in only]
    return " ".join(parts)
