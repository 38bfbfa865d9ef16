"""What is printed on stdout."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalcy.cli import show
from normalcy.cli.config import _yaml_float, settings_yaml
from normalcy.presets import PRESETS, load_config


@dataclass
class Result:
    folder: Path
    values: dict[str, float]


def test_json_is_one_object_without_nan() -> None:
    text = show.as_json(Result(Path("a/b"), {"x": math.nan, "y": math.inf, "z": 0.5}))
    assert json.loads(text) == {"folder": "a/b", "values": {"x": None, "y": None, "z": 0.5}}


LEAF = st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers()


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=5), LEAF | st.lists(LEAF, max_size=3), max_size=4))
def test_anything_becomes_json_that_strict_readers_take(value: dict[str, object]) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    assert set(json.loads(show.as_json(value), parse_constant=refuse)) == set(value)


def test_columns_align_numbers_right_and_words_left() -> None:
    text = show.columns([["video", "frames", ""], ["a", 5, "done before"], ["long name", 1200, ""]])
    assert text == "video      frames\na               5  done before\nlong name    1200"


def test_a_heading_alone() -> None:
    assert show.columns([["video", "frames"]]) == "video  frames"


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_are_read_back_as_they_were(preset: str, tmp_path: Path) -> None:
    cfg = load_config(preset, sets=["train.weight_decay=1e-05", "train.lr=3.0e-4"], environ={})
    file = tmp_path / "settings.yaml"
    file.write_text(settings_yaml(cfg), encoding="utf-8")
    assert load_config("cpu", file, environ={}) == cfg


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_floats_survive_yaml(value: float) -> None:
    import yaml

    assert yaml.safe_load(_yaml_float(value)) == value


def test_settings_say_what_they_mean() -> None:
    text = settings_yaml(load_config(environ={}))
    assert "  length: 5  # T, frames of a continuous clip\n" in text
