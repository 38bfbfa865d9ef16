"""The run over a table with the training replaced: what is run, kept, said and written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from layouts import make_folder
from normalcy.errors import ConfigError, DataError, TrainingError, UsageError
from normalcy.experiments import run as module
from normalcy.experiments.cells import Cell
from normalcy.experiments.paper import TABLES, Auc, Row
from normalcy.experiments.report import CellResult, ReproduceResult, line, to_markdown, to_text
from normalcy.experiments.reproduce import reproduce
from normalcy.experiments.rows import RowConfig
from normalcy.experiments.store import Measured, Outcome
from normalcy.presets import load_config
from outcomes import FUSED, OUTCOME, RANDOM, part

FRAME_METRICS = ("micro_auc", "macro_auc_padded", "macro_auc_defined")


class Runs:
    """Stands in for training, scoring and judging of one cell."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []
        self.fails: dict[str, Exception] = {}

    def __call__(self, cell: Cell, *rest: Any) -> Outcome:
        if cell.name in self.fails:
            raise self.fails[cell.name]
        self.done.append((cell.name, cell.cfg.seed))
        value = 0.6 + 0.01 * len(self.done)
        fused = Measured(dict.fromkeys(FRAME_METRICS, value), {"micro_auc": (value - 0.1, value + 0.1)})
        parts = {"all": part({"fused": fused, "readout density": fused})}
        return replace(OUTCOME, key=cell.key, name=cell.name, seed=cell.cfg.seed, parts=parts, length=cell.cfg.clip.length)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    monkeypatch.setattr(module, "run_cell", made)
    return made


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "yard"
    make_folder(folder)
    return folder


def go(root: Path, out: Path, table: str = "table2", **more: Any) -> ReproduceResult:
    return reproduce(table, root, out, dataset="folder", **{"preset": "tiny", **more})


def test_every_row_and_seed_once_and_never_again(runs: Runs, root: Path, tmp_path: Path) -> None:
    said: list[str] = []
    result = go(root, tmp_path, seeds=(0, 1), say=said.append)
    ids = [r.id for r in TABLES["table2"].rows]
    assert runs.done == [(i, s) for i in ids for s in (0, 1)]
    assert len(said) == len(runs.done)
    assert all(len(c.outcomes) == 2 and c.paper is None for c in result.cells)
    runs.done.clear()
    again = go(root, tmp_path, seeds=(0, 1))
    assert runs.done == []
    assert [o.fused.values for c in again.cells for o in c.outcomes] == [
        o.fused.values for c in result.cells for o in c.outcomes
    ]
    go(root, tmp_path, seeds=(0, 1, 2), only=("CJ",))
    assert runs.done == [("CJ", 2)]


def test_tables_share_the_cells_that_they_share(runs: Runs, root: Path, tmp_path: Path) -> None:
    go(root, tmp_path, "table2", only=("CJ", "CJ+DL+MFE"))
    runs.done.clear()
    result = go(root, tmp_path, "table1", only=("CJ-T4", "DL-T4", "all-T4"))  # T = 4 is the preset's own
    assert runs.done == [("DL-T4", 0)]
    assert [c.row.id for c in result.cells if c.outcomes] == ["CJ-T4", "DL-T4", "all-T4"]


def test_cell_that_fails_leaves_the_others_alone_and_is_tried_again(runs: Runs, root: Path, tmp_path: Path) -> None:
    runs.fails["DL"] = TrainingError("loss became nan")
    result = go(root, tmp_path, only=("CJ", "DL", "MFE"))
    assert [i for i, _ in runs.done] == ["CJ", "MFE"]
    assert result.failed == {"folder DL": "failed: loss became nan"}
    assert "not run: folder DL: failed: loss became nan" in to_text(result)
    runs.fails.clear()
    assert go(root, tmp_path, only=("DL",)).failed == {}


def test_wrong_setting_is_no_failed_cell(runs: Runs, root: Path, tmp_path: Path) -> None:
    runs.fails["CJ"] = ConfigError("the interrupted training had other settings")
    with pytest.raises(ConfigError):
        go(root, tmp_path, only=("CJ",))


def test_interrupt_keeps_what_is_finished(runs: Runs, root: Path, tmp_path: Path) -> None:
    runs.fails["DL"] = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        go(root, tmp_path, only=("CJ", "DL"))
    runs.fails.clear()
    runs.done.clear()
    go(root, tmp_path, only=("CJ", "DL"))
    assert runs.done == [("DL", 0)]


def test_variants_that_this_version_lacks_say_so(runs: Runs, root: Path, tmp_path: Path) -> None:
    result = go(root, tmp_path, "table3")
    assert [i for i, _ in runs.done] == ["plain", "object-backbone", "object-MFE", "object", "control"]
    reasons = {c.row.id: c.reason for c in result.cells if c.reason}
    assert set(reasons) == {"virtual", "object-virtual"}
    assert all(r is not None and r.startswith("not in this version") for r in reasons.values())
    assert "virtual data" in str(reasons["object-virtual"])
    assert result.failed == {}


def test_data_sets_that_are_not_there_are_named(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder shanghaitech.*no folder nwpu"):
        reproduce("table1", tmp_path, tmp_path / "out", preset="tiny")
    (tmp_path / "nwpu").mkdir()
    with pytest.raises(DataError, match="not a complete copy of nwpu"):
        reproduce("table1", tmp_path, tmp_path / "out", preset="tiny")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ({"table": "table6"}, "unknown table 'table6'"),
        ({"only": ("XY",)}, "no row 'XY'"),
        ({"seeds": ()}, "at least one"),
        ({"seeds": (1, 1)}, "each once"),
        ({"sets": ["tasks.estimation=0"]}, "row by row"),
    ],
)
def test_wrong_calls_end_before_any_work(runs: Runs, root: Path, tmp_path: Path, call: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        go(root, tmp_path / "out", **call)
    assert runs.done == []
    assert not (tmp_path / "out").exists()


def test_unknown_data_set_is_a_wrong_call(runs: Runs, root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean avenue"):
        reproduce("table3", root, tmp_path, dataset="avenu", preset="tiny")


def test_files_hold_the_command_without_the_machines_paths(runs: Runs, root: Path, tmp_path: Path) -> None:
    go(root, tmp_path, only=("CJ",), sets=["train.steps=3"])
    text = (tmp_path / "table2.md").read_text()
    assert (
        "`normalcy reproduce table2 --root yard --dataset folder --preset tiny --seeds 0 --set train.steps=3 --only CJ`" in text
    )
    assert str(root.parent) not in text
    stored = json.loads((tmp_path / "table2.json").read_text())
    assert [c["row"] for c in stored["cells"]] == ["CJ"]


CONFIG = RowConfig(load_config("cpu"), {}, {})


def measured(micro: float, **more: Any) -> Measured:
    return Measured(dict.fromkeys(FRAME_METRICS, micro), {"micro_auc": (micro - 0.1, micro + 0.1)}, **more)


def cell(*micro: float, paper: Auc | None = None, notes: tuple[str, ...] = (), **more: Any) -> CellResult:
    outcomes = tuple(
        replace(OUTCOME, seed=i, parts={"all": part({"fused": measured(m, **more)})}, notes=list(notes))
        for i, m in enumerate(micro)
    )
    return CellResult("avenue", Row("plain", "frame level", ("CJ", "DL", "MFE")), CONFIG, paper, outcomes)


def result(*cells: CellResult) -> ReproduceResult:
    return ReproduceResult(TABLES["table3"], "cpu", (0,), Path("out"), "normalcy reproduce table3", cells)


def test_figures_beside_the_printed_ones() -> None:
    done = cell(0.80, 0.90, paper=Auc(92.4, 92.9))
    text = to_markdown(result(done))
    assert "| plain | 5 | 85.0 (80.0 to 90.0) | 92.4 | -7.4 | 85.0 (80.0 to 90.0) | 92.9 | -7.9 |" in text
    assert "micro 90.0" in line(done)
    assert "delta -2.4 / -2.9" in line(done)


def test_one_seed_shows_the_interval_over_videos() -> None:
    assert "80.0 [70.0, 90.0]" in to_markdown(result(cell(0.8)))


def test_part_of_a_data_set_is_not_set_beside_the_paper() -> None:
    part = cell(0.8, paper=Auc(92.4, 92.9), notes=("incomplete copy: 2 of 21 listed test videos; not comparable",))
    assert "92.4" not in to_markdown(result(part))
    assert "delta" not in line(part)
    assert "incomplete copy" in to_markdown(result(part))


def test_peeking_is_said_in_the_line_and_under_the_table() -> None:
    seen = cell(0.8, peeked="each video's own lowest and highest score")
    assert "peeked" in line(seen)
    assert "Peeked: every row and baseline here is normalised with each video's own" in to_text(result(seen))
    assert "peeked" not in line(cell(0.8))


def test_baselines_stand_in_the_table() -> None:
    assert "| random (mean of 20) |  | 50.0 | 60.0 | 50.0 |  |" in to_markdown(result(cell(0.8)))


def test_baseline_without_sizes_has_no_line_of_dashes_in_the_table_of_sizes() -> None:
    sized = replace(OUTCOME, parts={"all": part({"fused": FUSED}, {**RANDOM, "constant": FUSED})})
    text = to_markdown(result(CellResult("avenue", Row("CJ", "", ("CJ",)), CONFIG, None, (sized,))))
    assert "AUC by size" in text
    assert (text.count("| random (mean of 20) |"), text.count("| constant |")) == (1, 2)


def test_undefined_figure_is_a_dash_and_no_number() -> None:
    nothing = Measured({"micro_auc": 0.8, "macro_auc_padded": 0.7, "macro_auc_defined": None})
    outcome = replace(OUTCOME, parts={"all": part({"fused": nothing})})
    c = CellResult("avenue", Row("plain", "", ("CJ",)), CONFIG, None, (outcome,))
    assert "| plain | 5 | 80.0 | 70.0 | - | 1 |" in to_markdown(result(c))
