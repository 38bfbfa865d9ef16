"""Frames and untrained objects together, from command to files, on the simulated scene with motion boxes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import normalcy
from normalcy.api.load import load_model
from normalcy.errors import NormalcyError
from normalcy.objects.both_levels import BothModel
from normalcy.objects.seen_model import SeenModel
from normalcy.results.objects_csv import read_objects
from normalcy.scoring.frame_model import FrameModel
from normalcy.video.writer import VideoWriter
from normalcy.virtual.generate import write_dataset

pytestmark = pytest.mark.slow
FEW = ("train.steps=4", "objects.detector=motion")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scene") / "data"
    write_dataset(root, 1, train_clips=3, train_frames=80, test_clips=2, test_frames=60, size=(160, 120), fps=10.0)
    return root


@pytest.fixture(scope="module")
def both(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("both") / "m"
    result = normalcy.train(scene / "training", out, preset="tiny", level="both", sets=FEW, device="cpu")
    assert any("twice as fast" in line for line in result.notices)
    return out


def test_the_folder_holds_both_levels_and_the_self_test(both: Path) -> None:
    model = load_model(both)
    assert isinstance(model, BothModel) and isinstance(model.objects, SeenModel)
    assert model.objects.selftest is not None and model.hash
    assert "twice as fast" in (both / "README.md").read_text(encoding="utf-8")
    assert not (both / "objects").exists()
    assert not [p for p in both.rglob("*") if p.suffix in (".pkl", ".pt")]


def test_scores_say_which_objects_and_why(both: Path, scene: Path, tmp_path: Path) -> None:
    r = normalcy.score(scene / "testing" / "videos", both, tmp_path, device="cpu")
    for v in r.videos:
        with (tmp_path / v.name / "scores.csv").open(newline="") as f:
            rows = list(csv.DictReader(f))
        assert len(rows) == 60
        assert all(float(row["score"]) >= max(float(row["objects"]), 0) - 1e-3 for row in rows)
        objects = list(read_objects(tmp_path / v.name / "objects.csv"))
        assert objects and all(set(o.parts) == set(load_model(both).objects.names) for _, o in objects[:5])  # type: ignore[attr-defined]
        told = [o for _, o in objects if o.why]
        assert all(o.like is not None and o.like.video for o in told if o.why)
        json.loads((tmp_path / v.name / "events.json").read_text())


def test_objects_alone_and_causal(scene: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    normalcy.train(scene / "training", out, preset="tiny", level="object", sets=FEW, device="cpu")
    model = load_model(out)
    assert isinstance(model, SeenModel) and model.threshold is not None
    video = next((scene / "testing" / "videos").glob("*.mp4"))
    ahead = model.score(video)
    cfg = model.cfg.model_copy(update={"scoring": model.cfg.scoring.model_copy(update={"smoothing": "ema"})})
    back = model.with_config(cfg).score(video)
    assert len(ahead.score) == len(back.score) == 60
    assert np.isfinite(ahead.score).all() and not np.allclose(ahead.score, back.score)


def test_a_camera_where_nothing_is_ever_found_keeps_the_frame_level(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    still = rng.integers(60, 120, (120, 160, 3), dtype=np.uint8)
    (tmp_path / "v").mkdir()
    for k in range(2):
        with VideoWriter(tmp_path / "v" / f"{k}.mp4", (160, 120), 10.0) as w:
            for _ in range(60):
                w.write(still)
    with pytest.warns(UserWarning, match="no object was found"):
        normalcy.train(tmp_path / "v", tmp_path / "m", preset="tiny", level="both", sets=FEW, device="cpu")
    assert isinstance(load_model(tmp_path / "m"), FrameModel)
    with pytest.raises(NormalcyError, match="found no object"):
        normalcy.train(tmp_path / "v", tmp_path / "n", preset="tiny", level="object", sets=FEW, device="cpu")
