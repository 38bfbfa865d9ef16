"""normalcy detect with the API replaced: what it hands down and prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import normalcy
from normalcy.api.detect import DetectedVideo, DetectResult
from normalcy.cli import main
from normalcy.errors import WeightsError

VIDEO = DetectedVideo("01", Path("out/01.csv"), None, 200, 1500, 40, 3, 2.5)
Ran = tuple[int, str, str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def go(*argv: str) -> Ran:
        with pytest.raises(SystemExit) as e:
            main(list(argv))
        captured = capsys.readouterr()
        assert isinstance(e.value.code, int)
        return e.value.code, captured.out, captured.err

    return go


def replace(monkeypatch: pytest.MonkeyPatch, result: DetectResult | Exception) -> dict[str, Any]:
    given: dict[str, Any] = {}

    def detect(sources: list[str], out: Path, **keywords: Any) -> DetectResult:
        given.update(keywords, sources=sources, out=out)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(normalcy, "detect", detect)
    return given


def test_what_is_handed_down(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    given = replace(monkeypatch, DetectResult("both", [VIDEO]))
    argv = ("a.mp4", "b", "--out", "o", "--detector", "both", "--weights", "w.onnx", "--overlay", "--set", "objects.nms=0.7")
    code, out, _ = run("detect", *argv)
    assert code == 0 and given.pop("progress") is not None
    assert given == {
        "sources": ["a.mp4", "b"],
        "out": Path("o"),
        "detector": "both",
        "weights": "w.onnx",
        "boxes": None,
        "overlay": True,
        "force": False,
        "config": None,
        "sets": ["objects.nms=0.7"],
    }
    assert out.splitlines()[1].split() == ["01", "200", "1500", "7.50", "40", "3", "2.50"]


def test_json_is_one_object(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, DetectResult("motion", [VIDEO], {"02": "02.mp4: broken"}))
    code, out, err = run("detect", "a", "--out", "o", "--json")
    assert code == 4 and "02.mp4: broken" in err
    found = json.loads(out)
    assert found["videos"][0] == {**found["videos"][0], "name": "01", "boxes": 1500, "table": "out/01.csv", "overlay": None}


def test_exit_codes(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, DetectResult("motion", [], {"02": "02.mp4: broken"}))
    assert run("detect", "a", "--out", "o")[0] == 1
    replace(monkeypatch, WeightsError("w.onnx: not a YOLOX-layout model"))
    code, _, err = run("detect", "a", "--out", "o")
    assert code == 1 and err == "normalcy: w.onnx: not a YOLOX-layout model\n"
    assert run("detect", "a")[0] == 2
    monkeypatch.undo()
    code, _, err = run("detect", "nowhere.mp4", "--out", "o", "--set", "objects.nmss=1")
    assert code == 2 and "did you mean 'objects.nms'" in err
