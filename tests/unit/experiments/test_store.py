"""results.jsonl: what a line is known by, and what a kill may cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from layouts import make_folder
from normalcy.config import Config
from normalcy.data import catalogue
from normalcy.errors import DataError
from normalcy.experiments.store import FILE, append_outcome, fingerprint, read_outcomes
from normalcy.presets import load_config
from outcomes import FUSED, OUTCOME


def test_round_trip(tmp_path: Path) -> None:
    other = replace(OUTCOME, fingerprint="b" * 20, seed=1)
    append_outcome(tmp_path, OUTCOME)
    append_outcome(tmp_path, other)
    found = read_outcomes(tmp_path)
    assert list(found) == ["a" * 20, "b" * 20]
    assert found["b" * 20].seed == 1
    assert found["a" * 20].to_dict() == OUTCOME.to_dict() | {"scores": found["a" * 20].to_dict()["scores"]}
    assert found["a" * 20].fused.values == FUSED.values
    assert found["a" * 20].fused.sizes == FUSED.sizes


def test_nothing_there_is_nothing_done(tmp_path: Path) -> None:
    assert read_outcomes(tmp_path) == {}


@pytest.mark.parametrize("torn", [b'{"fingerprint": "c', b"x" * 9000])
def test_line_that_a_kill_cut_short_costs_itself_only(tmp_path: Path, torn: bytes) -> None:
    append_outcome(tmp_path, OUTCOME)
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert list(read_outcomes(tmp_path)) == ["a" * 20]
    append_outcome(tmp_path, replace(OUTCOME, fingerprint="b" * 20))
    assert path.read_bytes().startswith(whole)
    assert list(read_outcomes(tmp_path)) == ["a" * 20, "b" * 20]


def test_torn_first_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'{"finger')
    append_outcome(tmp_path, OUTCOME)
    assert list(read_outcomes(tmp_path)) == ["a" * 20]


def test_foreign_line_is_named(tmp_path: Path) -> None:
    append_outcome(tmp_path, OUTCOME)
    with (tmp_path / FILE).open("a") as f:
        f.write('{"fingerprint": "z"}\n')
    with pytest.raises(DataError, match=r"results\.jsonl: line 2"):
        read_outcomes(tmp_path)


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
