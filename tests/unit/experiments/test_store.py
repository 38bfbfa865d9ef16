"""The results file: what comes back, what a kill may cost, and lines of earlier versions."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from layouts import make_folder
from normalcy.config import Config
from normalcy.data import catalogue
from normalcy.errors import DataError
from normalcy.experiments.cells import fingerprint
from normalcy.experiments.halves import ALL
from normalcy.experiments.store import Failure, Results, read
from normalcy.presets import load_config
from outcomes import FUSED, OUTCOME, RANDOM

OTHER = replace(OUTCOME, key="b" * 20, seed=1)
LOST = Failure("bad", "umn", 0, False, "why", "abc", "2026")


def write(path: Path, *rows: object) -> Path:
    results = Results()
    for row in rows:
        results.add(row, path)  # type: ignore[arg-type]
    return path


def keys(path: Path) -> list[str]:
    return [o.key for o in read(path).outcomes]


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    again = read(write(tmp_path / "r.jsonl", OUTCOME, LOST, OTHER))
    assert [asdict(o) for o in again.outcomes] == json.loads(json.dumps([asdict(OUTCOME), asdict(OTHER)]))
    assert again.failures == [LOST]
    assert again.outcomes[0].fused.values == FUSED.values
    assert read(tmp_path / "none.jsonl") == Results()


def test_newest_outcome_of_a_key_and_of_a_state_of_the_code(tmp_path: Path) -> None:
    newer = replace(OUTCOME, code="new")
    r = read(write(tmp_path / "r.jsonl", OUTCOME, newer))
    of = {code: r.find(OUTCOME.key, code) for code in (None, "code", "new", "other")}
    assert [o and o.code for o in of.values()] == ["new", "code", "new", None]


@pytest.mark.parametrize("torn", [b'{"kind": "cell", "key": "c', b"x" * 9000])
def test_line_that_a_kill_cut_short_costs_itself_only(tmp_path: Path, torn: bytes) -> None:
    path = write(tmp_path / "r.jsonl", OUTCOME)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert keys(path) == [OUTCOME.key]
    write(path, OTHER)
    assert path.read_bytes().startswith(whole)
    assert keys(path) == [OUTCOME.key, OTHER.key]


@pytest.mark.parametrize(
    "line", ['{"kind": "cell", "key": "z"}', '{"kind": "sum"}', '{"fingerprint": "z"}', '{"kind": "cell", "parts": 3}']
)
def test_foreign_line_is_named(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "r.jsonl", OUTCOME)
    with path.open("a") as f:
        f.write(f"{line}\n")
    with pytest.raises(DataError, match=r"r\.jsonl: line 2"):
        read(path)


def test_lines_of_the_first_reproduce_are_read(tmp_path: Path) -> None:
    """One line per cell of a table, with its fingerprint, its row, and the baselines beside the scores."""
    new = json.loads(json.dumps(asdict(OUTCOME)))
    kept = ("dataset", "where", "seed", "preset", "sets", "untrained", "length", "protocol", "readouts", "label_source")
    old = {k: new[k] for k in (*kept, "figures", "seconds", "split", "machine", "finished")}
    old |= {"fingerprint": "f" * 20, "row": "CJ", "label": "continuity", "tasks": ["CJ"], "data_notes": ["incomplete copy"]}
    old |= {"scores": new["parts"][ALL]["scores"], "beside": new["parts"][ALL]["baselines"], "dropped": {}, "added": {}}
    (tmp_path / "results.jsonl").write_text(json.dumps({**old, "command": "normalcy reproduce table2"}) + "\n")
    (o,) = read(tmp_path / "results.jsonl").outcomes
    assert (o.key, o.name, o.length, o.incomplete) == ("f" * 20, "CJ", 5, True)
    assert o.fused == FUSED or o.fused.values == FUSED.values
    assert o.parts[ALL].baselines["random (mean of 20)"].values == RANDOM["random (mean of 20)"].values


def test_lines_of_the_first_benchmark_of_quality_are_read(tmp_path: Path) -> None:
    """Its baselines were lines of their own, which cells named by key."""
    cell = json.loads(json.dumps(asdict(OUTCOME)))
    for name in ("where", "length", "label_source"):
        del cell[name]
    beside = cell["parts"][ALL].pop("baselines")
    line = {"kind": "baselines", "key": "k", "dataset": "folder", "protocol": "p", "parts": {ALL: {"scores": beside}}}
    text = "".join(json.dumps(row) + "\n" for row in (line, {"kind": "cell", **cell, "baselines": "k"}))
    (tmp_path / "r.jsonl").write_text(text)
    (o,) = read(tmp_path / "r.jsonl").outcomes
    assert (o.key, o.where, o.control) == (OUTCOME.key, "folder", None)
    assert o.parts[ALL].baselines["random (mean of 20)"].values["micro_auc"] == 0.5


def changed(key: str, value: object) -> Config:
    return load_config("tiny", flags={key: value})


def test_fingerprint_sees_what_decides_the_numbers(tmp_path: Path) -> None:
    make_folder(tmp_path / "a")
    data = catalogue.load("folder", tmp_path / "a")
    first = fingerprint(load_config("tiny"), data)
    assert fingerprint(load_config("tiny"), data) == first
    for key, value in (("train.threads", 1), ("scoring.batch", 1), ("train.checkpoint_s", 5.0)):
        assert fingerprint(changed(key, value), data) == first
    for key, value in (("seed", 1), ("train.steps", 21), ("tasks.continuity", 0.0), ("scoring.sigma_s", 0.1)):
        assert fingerprint(changed(key, value), data) != first


def test_fingerprint_follows_the_data_and_not_the_folder(tmp_path: Path) -> None:
    make_folder(tmp_path / "a")
    first = fingerprint(load_config("tiny"), catalogue.load("folder", tmp_path / "a"))
    (tmp_path / "a").rename(tmp_path / "b")
    assert fingerprint(load_config("tiny"), catalogue.load("folder", tmp_path / "b")) == first
    path = tmp_path / "b" / "testing" / "labels" / "01.npy"
    np.save(path, 1 - np.load(path))
    assert fingerprint(load_config("tiny"), catalogue.load("folder", tmp_path / "b")) != first
