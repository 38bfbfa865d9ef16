"""Every benchmark layout through the whole road: list, train, score, evaluate. And a table of the paper on one of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import layouts
from layouts import Truth
from normalcy.api.benchmark import BenchmarkResult, benchmark, table_text
from normalcy.data import catalogue
from normalcy.errors import DataError
from normalcy.evaluation.motion import PICTURE
from normalcy.experiments.reproduce import reproduce
from normalcy.presets import load_config
from normalcy.training.run import fit
from road import tree

STEPS = ("train.steps=2", "train.batch=2", "encoder.width=4")
LAYOUTS: dict[str, tuple[str, Callable[[Path], Truth]]] = {
    "folder": ("folder", lambda p: layouts.make_folder(p, scenes=True)),
    "ped1": ("ped1", lambda p: layouts.make_ucsd(p, which=1)),
    "ped2": ("ped2", lambda p: layouts.make_ucsd(p, which=2)),
    "avenue": ("avenue", layouts.make_avenue),
    "avenue 7.3": ("avenue", lambda p: layouts.make_avenue(p, v73=True)),
    "shanghaitech": ("shanghaitech", layouts.make_shanghaitech),
    "shanghaitech frames": ("shanghaitech", lambda p: layouts.make_shanghaitech(p, train_frames=True)),
    "ucf_crime": ("ucf_crime", layouts.make_ucf_crime),
    "ucf_crime lists": ("ucf_crime", lambda p: layouts.make_ucf_crime(p, variant=True)),
    "nwpu": ("nwpu", layouts.make_nwpu),
    "ubnormal": ("ubnormal", layouts.make_ubnormal),
    "umn": ("umn", layouts.make_umn),
}


def train(name: str, root: Path, out: Path) -> None:
    data = catalogue.load(name, root, require=("train",))
    fit([replace(v.ref, name=v.name) for v in data.train], out, load_config("tiny", sets=STEPS), "cpu")


def judged(name: str, root: Path, model: Path, out: Path, **more: bool) -> BenchmarkResult:
    return benchmark(name, root, model, out, resamples=10, device="cpu", **more)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on the plain layout's made-up training videos, which are the same in every test."""
    folder = tmp_path_factory.mktemp("plain")
    train("folder", layouts.make_folder(folder / "data").root, folder / "model")
    return folder / "model"


@pytest.mark.parametrize("layout", [k if k == "folder" else pytest.param(k, marks=pytest.mark.slow) for k in LAYOUTS])
def test_train_score_and_eval(layout: str, tmp_path: Path) -> None:
    name, make = LAYOUTS[layout]
    truth = make(tmp_path / "data")
    train(name, truth.root, tmp_path / "model")
    result = judged(name, truth.root, tmp_path / "model", tmp_path / "out")

    lengths = {n: len(y) for n, y in truth.labels.items()}
    assert result.split["test_frames"] == sum(lengths.values())
    assert result.split["abnormal_frames"] == sum(int(y.sum()) for y in truth.labels.values())
    assert {n: len((tmp_path / "out" / n / "scores.csv").read_text().splitlines()) - 1 for n in lengths} == lengths
    names = [r.name for r in result.evaluation.rows]
    assert names[0] == "fused"
    assert {"random (mean of 20)", "constant", "position", *PICTURE} < set(names)
    one_class = {n for n, y in truth.labels.items() if y.min() == y.max()}
    assert {n for n, auc in result.evaluation.per_video.items() if auc is None} == one_class
    assert (result.evaluation.pixel is not None) == bool(truth.masks)
    assert (result.evaluation.region is not None) == bool(truth.masks)
    assert bool(result.evaluation.sizes) == bool(truth.masks)
    assert result.evaluation.alarms is not None

    stored = json.loads((tmp_path / "out" / "results.json").read_text())
    assert stored["rows"][0]["values"]["micro_auc"] == result.evaluation.rows[0].values["micro_auc"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(n in page for n in lengths)
    assert (tmp_path / "out" / "results.csv").read_text().startswith("name,protocol,peeked,micro_auc")
    assert (tmp_path / "out" / "results.txt").read_text() == table_text(result)


def test_second_run_scores_nothing_again_and_says_the_same(tmp_path: Path, model: Path) -> None:
    truth = layouts.make_folder(tmp_path / "data", tests=3)
    first = judged("folder", truth.root, model, tmp_path / "out")
    before = tree(tmp_path / "out" / "02")
    (tmp_path / "out" / "01" / "run.json").unlink()  # a run that was stopped in its first video
    second = judged("folder", truth.root, model, tmp_path / "out")
    assert (first.skipped, second.skipped) == (0, 2)
    assert tree(tmp_path / "out" / "02") == before
    once, again = ({k: v for k, v in r.to_dict().items() if k not in ("seconds", "skipped")} for r in (first, second))
    assert again == once
    assert judged("folder", truth.root, model, tmp_path / "out", force=True).skipped == 0


def test_video_that_cannot_be_scored_leaves_no_result_and_keeps_the_others(tmp_path: Path, model: Path) -> None:
    truth = layouts.make_folder(tmp_path / "data", tests=3)
    (truth.root / "testing" / "videos" / "02.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"1 of 3 test videos could not be scored \(02\)"):
        judged("folder", truth.root, model, tmp_path / "out")
    assert (tmp_path / "out" / "01" / "run.json").exists()
    assert (tmp_path / "out" / "03" / "run.json").exists()
    assert not (tmp_path / "out" / "results.json").exists()
    (truth.root / "testing" / "videos" / "02.mp4").unlink()
    with pytest.raises(DataError, match="not a complete copy"):
        judged("folder", truth.root, model, tmp_path / "out")
    part = judged("folder", truth.root, model, tmp_path / "out", partial=True)
    assert part.skipped == 2
    assert any("2 of 3 listed test videos" in n for n in part.notes)


def test_labels_of_another_length_stop_it(tmp_path: Path, model: Path) -> None:
    truth = layouts.make_folder(tmp_path / "data")
    path = truth.root / "testing" / "labels" / "01.npy"
    np.save(path, np.load(path)[:-1])
    with pytest.raises(DataError, match="off by one"):
        judged("folder", truth.root, model, tmp_path / "out")


@pytest.mark.slow
def test_a_table_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    truth = layouts.make_folder(tmp_path / "data")

    def go() -> list[str]:
        said: list[str] = []
        reproduce(
            "table2",
            truth.root,
            tmp_path / "out",
            dataset="folder",
            preset="tiny",
            sets=(*STEPS, "scoring.readouts=[density, continuity, motion]"),
            only=("FP", "CJ", "control"),
            device="cpu",
            resamples=10,
            say=said.append,
        )
        return said

    first = go()
    assert [s.split(" T=")[0] for s in first] == ["folder FP", "folder CJ", "folder control"]
    lines = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    outcomes = [json.loads(s) for s in lines]
    assert [o["readouts"] for o in outcomes] == [["density", "psnr"], ["density", "continuity"], ["density", "continuity"]]
    beside = {*PICTURE, "random (mean of 20)", "constant", "position"}
    assert set(outcomes[0]["parts"]["all"]["baselines"]) == beside
    stored = json.loads((tmp_path / "out" / "table2.json").read_text())
    assert all("motion" in c["dropped"] for c in stored["cells"])
    models = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "cells").glob("*/model/model.safetensors")}
    assert len(models) == 3
    assert go() == first
    # killed after the model was trained and before the cell was written down
    (tmp_path / "out" / "results.jsonl").write_text(lines[0] + "\n" + lines[1][:40])
    again = go()
    assert [s.split(";")[0] for s in again] == [s.split(";")[0] for s in first]
    assert {p: p.stat().st_mtime_ns for p in models} == models
    markdown = (tmp_path / "out" / "table2.md").read_text()
    for text in ("| FP | 4 |", "| untrained encoder | 4 |", "| motion (by row) |", "hardware:", "2-8 %", "psnr` added"):
        assert text in markdown


@pytest.mark.slow
def test_untrained_encoder_keeps_the_weights_that_it_drew(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    from normalcy.experiments.paper import TABLES
    from normalcy.experiments.rows import configure
    from normalcy.nn.build import build_network

    truth = layouts.make_folder(tmp_path / "data")
    row = next(r for r in TABLES["table2"].rows if r.untrained)
    cfg = configure(TABLES["table2"], row, "tiny", STEPS, 3).cfg
    data = catalogue.load("folder", truth.root)
    fit([v.ref for v in data.train], tmp_path / "model", cfg, "cpu")
    trained = load_file(tmp_path / "model" / "model.safetensors")
    from lightning import seed_everything

    seed_everything(cfg.seed, workers=True, verbose=False)
    drawn = build_network(cfg).state_dict()
    weights = [k for k in drawn if k.startswith("encoder.") and k.endswith("weight")]
    assert weights
    for name in weights:
        torch.testing.assert_close(trained[name], drawn[name], rtol=0, atol=1e-7)
