"""datasets, reproduce and eval of a whole data set: what reaches the API, what is printed, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import normalcy
from layouts import make_folder
from normalcy.api.benchmark import BenchmarkResult
from normalcy.evaluation.evaluate import Evaluation
from normalcy.experiments import reproduce as reproduce_module
from normalcy.experiments.paper import TABLES
from normalcy.experiments.report import FAILED, CellResult, ReproduceResult
from normalcy.experiments.rows import configure
from normalcy.metrics.auc import frame_metrics
from normalcy.metrics.bootstrap import Interval, bootstrap
from normalcy.metrics.table import ResultRow
from normalcy.scoring.settings import Alarm
from outcomes import OUTCOME

Ran = tuple[int, str, str]
ROW = ResultRow("fused", "per_video, unsmoothed", "each video whole", {"micro_auc": 0.876, "rbdc": 0.25})
SCORES, LABELS = {"01": [0.1, 0.2, 0.3]}, {"01": [0, 0, 1]}
EVALUATION = Evaluation([ROW], frame_metrics(SCORES, LABELS), bootstrap(SCORES, LABELS), notes=["No alarms: none."])
RESULT = BenchmarkResult(
    dataset="folder",
    title="A set",
    label_source="labels",
    folder=Path("out"),
    evaluation=EVALUATION,
    split={"train_videos": 2, "test_videos": 3, "test_frames": 72, "abnormal_frames": 26},
    protocol="words",
    alarm=Alarm(None, "none"),
    notes=("incomplete copy: 1 of 3",),
)


def test_list_says_where_and_under_which_terms(run: Callable[..., Ran]) -> None:
    code, out, _ = run("datasets", "list")
    assert code == 0
    for text in (
        "ped1: UCSD Ped1",
        "avenue: CUHK Avenue",
        "label sets: masks, hasan",
        "obtain: http",
        "terms: CC BY-NC-ND 4.0",
    ):
        assert text in out
    found = json.loads(run("datasets", "list", "--json")[1])
    assert {"folder", "ped1", "ped2", "avenue", "shanghaitech", "ucf_crime", "nwpu", "ubnormal", "umn"} == {
        e["name"] for e in found
    }
    (avenue,) = [e for e in found if e["name"] == "avenue"]
    assert avenue["official"]["abnormal_test_frames"] == {"masks": 3712, "hasan": 3867}


def test_check_names_the_off_by_one_and_ends_with_1(run: Callable[..., Ran], tmp_path: Path) -> None:
    make_folder(tmp_path)
    code, out, _ = run("datasets", "check", "folder", tmp_path)
    assert code == 0
    assert "complete and consistent" in out
    path = tmp_path / "testing" / "labels" / "01.npy"
    np.save(path, np.load(path)[:-1])
    code, out, _ = run("datasets", "check", "folder", tmp_path)
    assert code == 1
    assert "off by one" in out
    code, out, _ = run("datasets", "check", "folder", tmp_path, "--json")
    assert code == 1
    assert json.loads(out)["ok"] is False


def test_check_of_a_folder_that_is_not_there(run: Callable[..., Ran], tmp_path: Path) -> None:
    code, out, err = run("datasets", "check", "ped2", tmp_path / "none")
    assert (code, out) == (1, "")
    assert "none" in err
    assert run("datasets", "check", "ped3", tmp_path)[0] == 2


@pytest.mark.parametrize(
    ("argv", "missing"),
    [
        ((), "needs --scores, --labels (or --dataset"),
        (("--scores", "s"), "needs --labels"),
        (("--dataset", "folder", "--root", "r"), "needs --model, --out"),
        (("--dataset", "folder", "--root", "r", "--model", "m", "--out", "o", "--versus", "v"), "does not take --versus"),
        (("--scores", "s", "--labels", "l", "--model", "m"), "does not take --model"),
    ],
)
def test_eval_says_what_its_two_forms_need(run: Callable[..., Ran], argv: tuple[str, ...], missing: str) -> None:
    code, out, err = run("eval", *argv)
    assert (code, out) == (2, "")
    assert missing in err


def test_eval_of_a_data_set(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def called(**keywords: Any) -> BenchmarkResult:
        given.update(keywords)
        return RESULT

    monkeypatch.setattr(normalcy, "benchmark", called)
    basic = ("eval", "--dataset", "avenue", "--root", "r", "--model", "m", "--out", "o")
    code, out, _ = run(*basic, "--labels", "hasan", "--partial", "--set", "scoring.sigma_s=1")
    assert code == 0
    assert (given["dataset"], given["labels"], given["partial"]) == ("avenue", "hasan", True)
    for text in (
        "0.876",
        "peeked: fused",
        "note: incomplete copy",
        "note: No alarms",
        "72 frames, 26 of them abnormal",
        "report.html",
    ):
        assert text in out
    found = json.loads(run(*basic, "--json")[1])
    assert found["rows"][0]["values"]["micro_auc"] == 0.876
    assert found["notes"] == ["incomplete copy: 1 of 3", "No alarms: none."]


def test_drawn_table_fits_a_terminal_and_says_who_peeked(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    row = replace(ROW, intervals={"micro_auc": Interval(0.8, 0.9)})
    result = replace(RESULT, evaluation=replace(EVALUATION, rows=[row]))
    monkeypatch.setattr(normalcy, "benchmark", lambda *a, **k: result)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run("eval", "--dataset", "avenue", "--root", "r", "--model", "m", "--out", "o")
    assert code == 0
    for text in ("0.876", "0.80-0.90", "RBDC 0.250", "peeked: every row saw each video whole"):
        assert text in out


def test_reproduce(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    rows = TABLES["table2"].rows
    config = configure(TABLES["table2"], rows[1], "cpu", (), 0)
    cells = [CellResult("folder", rows[1], config, None, (OUTCOME,))]

    def called(**keywords: Any) -> ReproduceResult:
        given.update(keywords)
        keywords["say"]("folder CJ T=5 seed 0: micro 81.2")
        return ReproduceResult(TABLES["table2"], "cpu", (0, 1), Path("o"), "normalcy reproduce", tuple(cells))

    monkeypatch.setattr(reproduce_module, "reproduce", called)
    basic = ("reproduce", "table2", "--root", "r", "--out", "o", "--dataset", "folder", "--preset", "cpu", "--seeds", "0,1")
    code, out, _ = run(*basic, "--only", "CJ")
    assert code == 0
    assert (given["table"], given["seeds"], given["only"]) == ("table2", [0, 1], ["CJ"])
    assert out.startswith("folder CJ T=5 seed 0: micro 81.2\n")
    assert "table2 on folder (yard)" in out
    code, out, err = run(*basic, "--json")
    assert json.loads(out)["cells"][0]["row"] == "CJ"
    assert "micro 81.2" in err  # the lines do not get into the JSON
    cells.append(CellResult("folder", rows[2], config, None, (), f"{FAILED}loss became nan"))
    code, _, err = run(*basic)
    assert code == 4
    assert "loss became nan" in err
    cells.pop(0)
    assert run(*basic)[0] == 1
    cells[0] = CellResult("nwpu", rows[1], config, None, (), "no data: none here")
    assert run(*basic)[0] == 0


def test_seeds_are_numbers(run: Callable[..., Ran]) -> None:
    code, _, err = run("reproduce", "table2", "--root", "r", "--out", "o", "--seeds", "0,x")
    assert code == 2
    assert "--seeds 0,x" in err
