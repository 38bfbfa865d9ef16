"""export and what it leaves: the same scores without PyTorch, and a clear line for whatever cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import normalcy
from fakes import write_video
from made_models import fitted_model, square_frames, tiny_config, windows_of
from normalcy.api import export as exporting
from normalcy.api import speed
from normalcy.config import Config
from normalcy.errors import ConfigError, ModelError, UsageError
from normalcy.exported import graph
from normalcy.exported.model import Exported, ExportedModel
from normalcy.exported.windows import GraphWindows, area_mean
from normalcy.nn.bundle import save_bundle
from normalcy.nn.stored import read_stored
from normalcy.results.scores_csv import read_scores
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.lesson import Lesson
from normalcy.scoring.scene import signature
from road import own_cache
from without_torch import normalcy_without_torch

pytest.importorskip("onnx", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")
READOUTS = "scoring.readouts=[density,frame_density,velocity,motion]"


def saved(folder: Path, *sets: str) -> FrameModel:
    cfg = tiny_config(READOUTS, *sets)
    model = fitted_model(cfg)
    model.trained_fps = 25.0
    arrays, scalars = model.state()
    save_bundle(folder, model.network, cfg, {**arrays, **scalars}, "# A model\n", {"steps": 20})
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "m"
    saved(folder)
    return folder


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    out = trained.parent / "exported"
    result = normalcy.export(trained, out, format="onnx")
    assert result.difference["onnxruntime"] < 1e-5 and result.files == {"pair.onnx": (out / "pair.onnx").stat().st_size}
    return out


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "c.mp4", square_frames(50, seed=3, speed=4.0), 25.0)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path) -> Any:
    with own_cache(tmp_path / "cache"):
        yield


def test_windows_and_readings_are_those_of_pytorch(trained: Path, exported: Path) -> None:
    by_torch, by_graph = normalcy.load(trained, "cpu"), normalcy.load(exported, runtime="onnxruntime")
    assert isinstance(by_torch, FrameModel) and isinstance(by_graph, ExportedModel)
    images = square_frames(40, seed=5, speed=5.0)
    for a, b in zip(windows_of(by_torch, images), windows_of(by_graph, images), strict=True):
        assert isinstance(b, GraphWindows)
        assert b.pooled == pytest.approx(a.pooled.numpy(), abs=1e-5)
        assert b.motion == pytest.approx(a.motion.numpy(), abs=1e-6) and (b.velocity == a.velocity).all()
        x, y = by_torch.read(a), by_graph.read(b)
        assert y.values == pytest.approx(x.values, rel=1e-5, abs=1e-4) and y.maps == pytest.approx(x.maps, rel=1e-4, abs=1e-4)
    assert by_torch.describe() == by_graph.describe() and by_torch.words == by_graph.words
    assert by_graph.hash and by_graph.hash != by_torch.hash and by_graph.runtime == "onnxruntime"


def test_lessons_count_as_in_pytorch(trained: Path, exported: Path) -> None:
    by_torch, by_graph = normalcy.load(trained, "cpu"), normalcy.load(exported, runtime="onnxruntime")
    assert isinstance(by_torch, FrameModel) and isinstance(by_graph, ExportedModel)
    images = square_frames(40, seed=5, speed=5.0)
    windows = windows_of(by_torch, images)
    unusual = np.zeros((len(windows[0]), *windows[0].grid), bool)
    unusual[:, 1:4, 2:6] = True
    kept = {r.name: r.lesson(windows[0], unusual) for r in by_torch.readouts}
    arrays = {f"{n}.{k}": a for n, own in kept.items() for k, a in (own or {}).items()}
    arrays |= {"motion.level": np.full((32, 32), 0.5, np.float32)}
    assert {"density.feature", "frame_density.feature", "velocity.pair"} <= set(arrays)
    lesson = Lesson("x", signature(images), arrays, {})
    taught_torch, taught_graph = (m.with_lessons([lesson]).at(images) for m in (by_torch, by_graph))
    changed = 0.0
    for a, b in zip(windows_of(by_torch, images), windows_of(by_graph, images), strict=True):
        x, y, before = taught_torch.read(a), taught_graph.read(b), by_torch.read(a)
        assert y.values == pytest.approx(x.values, rel=1e-4, abs=1e-3)
        changed += np.abs(before.values - x.values).sum(axis=0)
    assert (changed > 0.1).all(), changed


def test_scores_are_the_same_without_pytorch_being_there(
    trained: Path, exported: Path, clip: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    assert run("score", clip, "--model", trained, "--out", tmp_path / "torch", "--maps")[0] == 0
    argv = ("score", clip, "--model", exported, "--out", tmp_path / "free", "--maps")
    for runtime in ("auto", "onnxruntime"):
        code, said = normalcy_without_torch(*argv, "--runtime", runtime, "--force")
        assert code == 0, said
    a, b = (read_scores(tmp_path / k / "c" / "scores.csv") for k in ("torch", "free"))
    assert b.score == pytest.approx(a.score, abs=1e-3) and a.score.std() > 0.05
    told = json.loads((tmp_path / "free" / "c" / "run.json").read_text())
    assert told["runtime"] == "onnxruntime" and told["precision"] == "fp32"
    assert json.loads((tmp_path / "torch" / "c" / "run.json").read_text())["runtime"] == "torch"
    code, said = normalcy_without_torch("score", clip, "--model", trained, "--out", tmp_path / "none")
    assert code == 2 and "PyTorch is not installed" in said and "normalcy export" in said


def test_pictures_of_several_sizes(trained: Path, exported: Path, tmp_path: Path) -> None:
    by_torch, by_graph = normalcy.load(trained, "cpu"), normalcy.load(exported, runtime="onnxruntime")
    for size in ((96, 48), (48, 96)):
        video = write_video(
            tmp_path / f"{size[0]}.mp4", np.repeat(np.repeat(square_frames(30), 2, 1), 2, 2)[:, : size[1], : size[0]]
        )
        assert by_graph.score(video).score == pytest.approx(by_torch.score(video).score, abs=1e-3)


def test_an_export_is_checked_against_pytorch(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from normalcy.exported import convert

    real = convert.module_of

    def other(name: str, network: Any, kind: str) -> Any:
        module = real(name, network, kind)
        module.layers[0].bias.data += 0.05
        return module

    monkeypatch.setattr(convert, "module_of", other)
    with pytest.raises(ModelError, match=r"gives other scores than PyTorch.*nothing was written"):
        normalcy.export(trained, tmp_path / "x", format="onnx")
    assert not (tmp_path / "x").exists()


def test_clips_and_labels_give_the_change_of_auc(
    trained: Path, clip: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    np.save(labels / "c.npy", (np.arange(50) > 25).astype(np.uint8))
    argv = ("export", trained, "--out", tmp_path / "x", "--format", "onnx", "--clips", clip, "--labels", labels)
    code, out, err = run(*argv)
    assert code == 0, err
    assert "AUC of the frame level: torch" in out and "50 frames of c" in out
    assert "AUC of the frame level by onnxruntime" in (tmp_path / "x" / "README.md").read_text()
    code, out, err = run(*argv)
    assert code == 2 and "already holds a model" in err
    assert run(*argv, "--force")[0] == 0


BAD: list[tuple[dict[str, Any], str]] = [
    ({"format": "tflite"}, "export as openvino or onnx"),
    ({"precision": "int8"}, "give some with --clips"),
    ({"format": "onnx", "precision": "bf16"}, "computes no bf16"),
    ({"labels": "x"}, "labels are of clips"),
    ({"clips": ["/nowhere.mp4"]}, "no such file"),
]


@pytest.mark.parametrize(("options", "why"), BAD)
def test_what_cannot_be_exported(options: dict[str, Any], why: str, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(normalcy.errors.NormalcyError, match=why):
        normalcy.export(trained, tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()


def test_models_that_cannot_be_exported(trained: Path, exported: Path, tmp_path: Path) -> None:
    for model, out, why in ((exported, tmp_path / "x", "already exported"), (trained, trained, "is the model itself")):
        with pytest.raises(UsageError, match=why):
            normalcy.export(model, out)
    saved(tmp_path / "m", "scoring.readouts=[continuity]")
    with pytest.raises(UsageError, match="readout continuity cannot be exported"):
        normalcy.export(tmp_path / "m", tmp_path / "x")


def test_a_missing_detector_is_named(trained: Path, tmp_path: Path) -> None:
    stored = read_stored(trained)
    objects = stored.config.objects.model_copy(update={"detector": "onnx", "weights": str(tmp_path / "gone.onnx")})
    cfg = stored.config.model_copy(update={"level": "both", "objects": objects})
    with pytest.raises(normalcy.errors.NormalcyError, match=r"gone\.onnx"):
        exporting._check(replace(stored, config=cfg), tmp_path / "x", False)


def test_runtimes_that_are_not_there(
    trained: Path,
    exported: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., tuple[int, str, str]],
) -> None:
    def error(folder: Path, runtime: str) -> str:
        code, _, err = run("score", clip, "--model", folder, "--out", tmp_path / "o", "--runtime", runtime)
        assert code == 2 and err.count("\n") == 1, err
        return err

    assert "needs an exported model" in error(trained, "onnxruntime")
    assert "unknown runtime 'tensorrt'" in error(exported, "tensorrt")
    monkeypatch.setattr(graph, "installed", lambda name: False)
    assert "onnxruntime is not installed: pip install" in error(exported, "onnxruntime")
    from normalcy.exported import model

    monkeypatch.setattr(model, "installed", lambda name: False)
    assert "none of the runtimes" in error(exported, "auto")
    with pytest.raises(UsageError, match="run on the CPU"):
        normalcy.load(exported, "cuda", "onnxruntime")


def test_other_versions_and_damage(exported: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(exported, tmp_path / "m"))
    (copy / "pair.onnx").write_bytes((copy / "pair.onnx").read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"pair\.onnx: damaged"):
        normalcy.load(copy)
    (copy / "pair.onnx").unlink()
    with pytest.raises(ModelError, match=r"pair\.onnx: missing"):
        normalcy.load(copy)
    stored = read_stored(exported)
    with pytest.raises(ModelError, match=r"another version of Normalcy \(export format 9"):
        Exported.of(replace(stored, export={**stored.export, "format": 9}))
    with pytest.raises(ModelError, match="cannot be read"):
        Exported.of(replace(stored, export={"format": 1}))
    with pytest.raises(ModelError, match=r"onnxruntime .* cannot read it"):
        graph.open_graph(graph.GraphFile("x.onnx", b"nothing"), "onnxruntime", 1)


def test_precision_is_the_exports(exported: Path) -> None:
    model = normalcy.load(exported, runtime="onnxruntime")
    scoring = model.cfg.scoring.model_copy(update={"precision": "bf16"})
    with pytest.raises(ConfigError, match="was exported with precision fp32"):
        model.with_config(model.cfg.model_copy(update={"scoring": scoring}))


def test_int8_in_pytorch_is_refused(exported: Path) -> None:
    from normalcy.api.load import _runtime

    stored = read_stored(exported)
    with pytest.raises(UsageError, match="exported with precision int8"):
        _runtime(replace(stored, export={**stored.export, "precision": "int8"}), "cpu", "torch")


def test_a_processor_without_bf16_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = pytest.importorskip("openvino", reason="needs the extra export")

    class Plain:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino, "Core", Plain)
    with pytest.raises(UsageError, match="this processor computes no bf16"):
        graph.open_graph(graph.GraphFile("x.xml", b"", b"", "bf16"), "openvino", 1)


def test_the_fastest_runtime_is_measured_once_and_kept(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"torch": 3.0, "onnxruntime": 2.0, "openvino": 1.0}
    runs: list[str] = []

    def known(works: Any) -> dict[str, float]:
        runs.append("x")
        return {n: times[n] for n in works}

    monkeypatch.setattr(speed, "_times", known)
    stored = read_stored(exported)
    there = Exported.of(stored).available()
    best = min(there, key=lambda n: times[n])
    assert speed.fastest(stored) == best == speed.fastest(stored) and len(runs) == 1
    (told,) = speed.measured()
    assert told.best == best and "torch takes" in told.sentence()
    times |= {"torch": 0.5}
    (speed._path()).write_text("damaged")
    assert speed.measured() == [] and speed.fastest(stored) == "torch" and len(runs) == 2


def test_bf16_is_taken_where_it_is_faster_and_said_where_it_is_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    def config(precision: str) -> Config:
        return tiny_config(f"scoring.precision={precision}")

    model = fitted_model(tiny_config(READOUTS))
    for bf16, want in ((0.5, "bf16"), (0.99, "fp32"), (4.0, "fp32")):
        monkeypatch.setattr(speed, "measured", list)
        monkeypatch.setattr(speed, "_times", lambda works, bf16=bf16: {"fp32": 1.0, "bf16": bf16})
        assert speed.resolved(config("auto"), model.network).scoring.precision == want
    assert "4.0 times as long" in (speed.slower_bf16(config("bf16"), model.network) or "")
    assert speed.slower_bf16(config("fp32"), model.network) is None


def test_measuring_runs_both_precisions() -> None:
    model = fitted_model(tiny_config(READOUTS))
    m = speed.precision_here(model.cfg, model.network)
    assert set(m.seconds) == {"fp32", "bf16"} and all(s > 0 for s in m.seconds.values())


def test_area_mean_is_adaptive_average_pooling() -> None:
    import torch
    from torch.nn import functional as F

    x = np.random.default_rng(0).normal(size=(37, 50)).astype(np.float32)
    for grid in ((5, 7), (37, 50), (1, 3)):
        want = F.adaptive_avg_pool2d(torch.from_numpy(x)[None, None], grid)[0, 0].numpy()
        assert area_mean(x, grid) == pytest.approx(want, abs=1e-5)
