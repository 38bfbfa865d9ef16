"""normalcy detect: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import normalcy
from fakes import moving_square_video, write_video
from normalcy.errors import WeightsError
from normalcy.results.detected import DetectResult

Ran = tuple[int, str, str]


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three videos, the last of them broken."""
    monkeypatch.setenv("NORMALCY_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "videos").mkdir()
    for name, seed in (("01", 0), ("02", 1)):
        write_video(tmp_path / "videos" / f"{name}.mp4", moving_square_video(24, 96, 128, seed), lossless=True)
    (tmp_path / "videos" / "03.mp4").write_bytes(b"no video")
    return tmp_path / "videos"


def test_tables_overlays_and_the_one_that_failed(run: Callable[..., Ran], videos: Path, tmp_path: Path) -> None:
    command = ("detect", videos, "--out", tmp_path / "out", "--overlay", "--detector", "motion", "--set", "objects.min_area=20")
    code, out, err = run(*command)
    assert code == 4 and "03.mp4" in err.splitlines()[-1] and "detect 01: 24/24" in err
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["01", "24"], ["02", "24"]]
    left = {p.name for p in (tmp_path / "out").iterdir()}
    assert left == {f"{n}.{kind}" for n in ("01", "02") for kind in ("csv", "boxes.mp4", "boxes.json")}
    code, out, _ = run(*command, "--json")
    found = json.loads(out)
    assert [v["skipped"] for v in found["videos"]] == [True, True] and list(found["failed"]) == ["03"]
    assert found["videos"][0]["table"] == str(tmp_path / "out" / "01.csv")


def test_exit_codes(run: Callable[..., Ran], videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = run("detect", videos / "03.mp4", "--out", tmp_path / "out")
    assert (code, out) == (1, "") and err.count("\n") == 1
    code, _, err = run("detect", videos, "--out", tmp_path / "out", "--set", "objects.nmss=1")
    assert code == 2 and "did you mean 'objects.nms'" in err
    assert run("detect", videos)[0] == 2
    monkeypatch.setattr(normalcy, "detect", lambda **_: DetectResult("motion", [], {"03": "03.mp4: broken"}))
    assert run("detect", videos, "--out", "o")[0] == 1

    def refused(**_: object) -> DetectResult:
        raise WeightsError("w.onnx: not a YOLOX-layout model")

    monkeypatch.setattr(normalcy, "detect", refused)
    assert run("detect", videos, "--out", "o") == (1, "", "normalcy: w.onnx: not a YOLOX-layout model\n")
