"""The doctor finds, and never falls over what it finds."""

from __future__ import annotations

import importlib.metadata
import json
import os
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from normalcy.api import doctor
from normalcy.detection import weights
from normalcy.detection.weights import KNOWN
from normalcy.video import codecs


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NORMALCY_CACHE_DIR", str(tmp_path / "cache" / "frames"))
    return tmp_path / "cache" / "frames"


def look(name: str) -> doctor.Check:
    (check,) = doctor.examine([name]).checks
    return check


def test_a_machine_that_runs_the_tests_is_fit() -> None:
    report = doctor.examine()
    checks = {c.name: c for c in report.checks}
    assert report.ok
    parts = ["normalcy", "python", "cores", "torch", "gpu", "video", "cache", "speed", "precision", "runtimes"]
    assert list(checks) == [*parts, *(f"extra {e}" for e in doctor.EXTRAS), *(f"weights {w}" for w in KNOWN)]
    assert "H.264 in and out" in checks["video"].found
    assert "clips/s with 1 thread" in checks["speed"].found
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True


def test_looking_leaves_nothing_behind(own_cache: Path, tmp_path: Path) -> None:
    assert str(own_cache) in look("cache").found
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("normalcy.api.doctor.check_writable", refuse)
    check = look("cache")
    assert check.ok is False
    assert check.found.endswith("cannot be written: Permission denied")
    assert "NORMALCY_CACHE_DIR" in check.advice
    assert not doctor.Report([check]).ok


def test_a_cache_below_a_file_cannot_be_written(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NORMALCY_CACHE_DIR", str(tmp_path / "file" / "frames"))
    assert look("cache").ok is False


def test_little_space_is_said(monkeypatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**20))
    check = look("cache")
    assert check.ok is None
    assert "free some space" in check.advice


def test_a_broken_library_is_a_finding(monkeypatch) -> None:
    def broken() -> float:
        raise ImportError("libfoo.so.3: cannot open\nshared object file")

    monkeypatch.setattr("os.getloadavg", broken)
    check = look("cores")
    assert check.ok is False
    assert check.found == "does not work: libfoo.so.3: cannot open shared object file"


def test_missing_codecs_are_a_fault(monkeypatch) -> None:
    monkeypatch.setattr("normalcy.video.codecs.missing_codecs", lambda: ["h264 decoder"])
    check = look("video")
    assert check.ok is False
    assert "without h264 decoder" in check.found


def test_an_unknown_codec_is_noticed(monkeypatch) -> None:
    import av

    real = av.Codec
    monkeypatch.setattr(codecs.av, "Codec", lambda name, mode: real("no-such-codec" if mode == "w" else name, mode))
    assert codecs.missing_codecs() == ["libx264 encoder"]


def test_an_extra_that_is_not_installed_says_how_to_get_it(monkeypatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    check = look("extra log")
    assert check.ok is None
    assert check.advice == "pip install tensorboard"


def test_the_extras_are_those_of_the_package() -> None:
    file = Path(__file__).parents[3] / "pyproject.toml"
    extras = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(doctor.EXTRAS) == set(extras) - {"dev", "docs"}
    for extra, (package, _) in doctor.EXTRAS.items():
        assert any(r.startswith(package) for r in extras[extra])


@pytest.mark.parametrize(("alone", "together", "ok"), [(0.1, 0.05, True), (0.1, 0.4, None)])
def test_threads_that_slow_down_are_said(monkeypatch, alone, together, ok) -> None:
    import torch

    threads, now = [1], [0.0]

    class Encoder(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            now[0] += alone if threads[-1] == 1 else together
            return x

    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: threads.append(n))
    monkeypatch.setattr("normalcy.nn.build.build_encoder", lambda cfg: Encoder())
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    check = look("speed")
    assert check.ok is ok
    assert ("train.threads=1" in check.advice) is (ok is None)
    assert threads[-1] == 2


def test_a_busy_machine_is_said(monkeypatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (1000.0, 0.0, 0.0))
    assert look("cores").ok is None
    assert 1 <= doctor.usable_cores() <= (os.cpu_count() or 1)


def test_weights_are_named_with_where_they_are_or_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "weights_folders", lambda: [tmp_path])
    monkeypatch.setattr(doctor, "weights_folders", lambda: [tmp_path])
    lacking = look("weights yolox_nano")
    assert lacking.ok is None and str(tmp_path) in lacking.found and lacking.advice == "normalcy weights yolox_nano"
    (tmp_path / "yolox_nano.onnx").write_bytes(b"x")
    there = look("weights yolox_nano")
    assert there.ok is True and str(tmp_path / "yolox_nano.onnx") in there.found
