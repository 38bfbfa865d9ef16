"""The object level from command to judgement, on the simulated scene with the motion detector."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import normalcy
from normalcy.api.levels import frame_part
from normalcy.api.load import load_model
from normalcy.cli import app, exits
from normalcy.clips.sampling import step_at
from normalcy.errors import ConfigError, ModelError, UsageError
from normalcy.objects import both_levels
from normalcy.objects.both_levels import BothModel
from normalcy.objects.model import ObjectModel
from normalcy.presets import load_config
from normalcy.results.objects_csv import read_objects
from normalcy.scoring.crossfit import threshold_of
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.normal_video import NormalVideo
from normalcy.scoring.threshold import Threshold
from normalcy.types import Piece
from normalcy.video.reader import VideoReader
from normalcy.virtual.generate import write_dataset

pytestmark = pytest.mark.slow
SMALL = ("encoder.width=4", "objects.side=16")
FEW = ("objects.method=tubes", "objects.detector=motion", "train.steps=8", "objects.batch=4", *SMALL)
RATES = ("clip.fps=5", "objects.fps=10")
BACKBONE = ("tasks.arrow=1", "tasks.irregularity=1", "tasks.middle=1")


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder data set: two normal clips, two with anomalies, with labels and masks."""
    root = tmp_path_factory.mktemp("scene") / "data"
    write_dataset(root, 1, train_clips=2, train_frames=80, test_clips=2, test_frames=50, size=(160, 120), fps=10.0)
    return root


def trained(root: Path, out: Path, level: str, *sets: str) -> Path:
    normalcy.train(root / "training", out, preset="tiny", level=level, sets=[*FEW, *sets], device="cpu")
    return out


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="") as f:
        return list(csv.DictReader(f))


@pytest.fixture(scope="session")
def objects(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(scene, tmp_path_factory.mktemp("objects") / "m", "object", *BACKBONE)


@pytest.fixture(scope="session")
def both(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames in clips of five a second, objects of ten, as with the default preset."""
    return trained(scene, tmp_path_factory.mktemp("both") / "m", "both", *RATES)


def test_the_command_needs_no_flag_but_when_it_trains(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = [a for s in FEW for a in ("--set", s)]
    model, out = tmp_path / "m", tmp_path / "out"
    train = ["train", str(scene / "training"), "--out", str(model), "--level", "object", "--preset", "tiny", *few]
    assert exits.run(app, train) == 0
    assert exits.run(app, ["eval", "--dataset", "folder", "--root", str(scene), "--model", str(model), "--out", str(out)]) == 0
    assert "fused" in capsys.readouterr().out
    result = json.loads((out / "results.json").read_text())
    ours = result["rows"][0]["values"]
    assert 0.0 <= ours["rbdc"] <= 1.0 and 0.0 <= ours["tbdc"] <= 1.0
    assert {"readout flow", "readout density", "readout continuity"} <= {r["name"] for r in result["rows"]}
    assert "the detector 'motion'" in result["protocol"]
    assert "object" in (model / "README.md").read_text()


def test_files_of_a_scored_video(scene: Path, objects: Path, tmp_path: Path) -> None:
    video = sorted((scene / "testing" / "videos").iterdir())[0]
    first = normalcy.score(video, objects, tmp_path, overlay=True, device="cpu")
    folder = first.videos[0].folder
    frames = table(folder)
    found = list(read_objects(folder / "objects.csv"))
    assert len(frames) == first.videos[0].frames == 50
    assert {f for f, _ in found} <= set(range(50)) and len(found) > 20
    assert all(0 <= o.box[0] < o.box[2] <= 160 and 0 <= o.box[1] < o.box[3] <= 120 for _, o in found)
    assert (folder / "overlay.mp4").exists() and not (folder / "maps.npy").exists()
    assert normalcy.score(video, objects, tmp_path, device="cpu").videos[0].skipped
    (folder / "objects.csv").unlink()
    assert not normalcy.score(video, objects, tmp_path, device="cpu").videos[0].skipped


def test_events_list_their_tracks_with_a_box_in_every_frame(scene: Path, objects: Path, tmp_path: Path) -> None:
    video = sorted((scene / "testing" / "videos").iterdir())[1]
    model = normalcy.load(objects, "cpu")
    assert model.threshold is not None
    model.threshold = replace(model.threshold, value=-1.0)  # alarms whatever a model of eight steps says
    folder = normalcy.score(video, model, tmp_path, device="cpu").videos[0].folder
    events = json.loads((folder / "events.json").read_text())["events"]
    assert events
    of_track: dict[int, dict[int, list[float]]] = {}
    for frame, o in read_objects(folder / "objects.csv"):
        of_track.setdefault(o.track, {})[frame] = [round(v, 2) for v in o.box]
    for e in events:
        assert e["tracks"]
        for t in e["tracks"]:
            seen = {f: b for f, b in of_track[t["track"]].items() if e["start_frame"] <= f <= e["end_frame"]}
            assert {b[0]: b[1:5] for b in t["boxes"]} == seen
            assert t["peak"] == max(b[5] for b in t["boxes"]) or abs(t["peak"] - max(b[5] for b in t["boxes"])) < 1e-4


@pytest.mark.parametrize("which", ["objects", "both"])
def test_pushed_frames_give_the_scores_of_the_file(
    which: str, scene: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model_dir = request.getfixturevalue(which)
    video = sorted((scene / "testing" / "videos").iterdir())[0]
    folder = normalcy.score(video, model_dir, tmp_path, device="cpu").videos[0].folder
    filed = np.array([float(r["score"]) for r in table(folder)])
    with VideoReader(video) as reader:
        scorer = normalcy.load(model_dir, "cpu").scorer(reader.info)
        live = [s for frame in reader for s in scorer.push(frame)] + scorer.finish()
    np.testing.assert_allclose([s.score for s in live], filed, atol=2e-5)


def test_clips_of_objects_have_their_own_rate(both: Path) -> None:
    model = load_model(both)
    assert isinstance(model, BothModel)
    assert (model.frame.cfg.level_fps, model.objects.cfg.level_fps) == (5.0, 10.0)
    assert [step_at(10.0, m.cfg) for m in (model.frame, model.objects)] == [2, 1]
    assert "at about 10 per second" in (both / "objects" / "README.md").read_text()


def test_both_is_the_mean_of_the_two_levels(scene: Path, both: Path, tmp_path: Path) -> None:
    video = sorted((scene / "testing" / "videos").iterdir())[0]
    folder = normalcy.score(video, both, tmp_path, device="cpu").videos[0].folder
    rows = table(folder)
    a, b, fused = (np.array([float(r[n]) for r in rows]) for n in ("frame", "objects", "score"))
    np.testing.assert_allclose(fused, (a + b) / 2, atol=1e-5)
    assert a.std() > 0 and b.std() > 0
    assert "object_flow" in rows[0] and "velocity" in rows[0]
    model = load_model(both)
    assert isinstance(model, BothModel)
    alone = load_model(both / "objects")
    assert isinstance(alone, ObjectModel)
    other = normalcy.score(video, both / "objects", tmp_path / "alone", device="cpu").videos[0].folder
    np.testing.assert_allclose(b, [float(r["score"]) for r in table(other)], atol=1e-5)


def test_both_without_its_inner_model_is_an_error(both: Path, tmp_path: Path) -> None:
    broken = tmp_path / "m"
    shutil.copytree(both, broken)
    shutil.rmtree(broken / "objects")
    with pytest.raises(ModelError, match="objects: not a model folder"):
        normalcy.load(broken)


def test_a_finished_model_is_not_overwritten(scene: Path, both: Path) -> None:
    before = (both / "config.json").read_bytes()
    with pytest.raises(UsageError, match="already holds a trained model"):
        trained(scene, both, "both")
    assert (both / "config.json").read_bytes() == before


def test_resume_goes_on_with_the_frame_level_when_the_objects_are_done(scene: Path, both: Path, tmp_path: Path) -> None:
    half = tmp_path / "m"
    shutil.copytree(both / "objects", half / "objects")
    kept = (half / "objects" / "model.safetensors").stat().st_mtime_ns
    normalcy.train(scene / "training", half, preset="tiny", level="both", sets=[*FEW, *RATES], device="cpu", resume=True)
    assert (half / "objects" / "model.safetensors").stat().st_mtime_ns == kept
    assert isinstance(load_model(half), BothModel)


def test_crops_along_tracks_go_the_whole_road(scene: Path, tmp_path: Path) -> None:
    model = trained(scene, tmp_path / "m", "object", "objects.tracked=true")
    video = sorted((scene / "testing" / "videos").iterdir())[0]
    assert normalcy.score(video, model, tmp_path / "out", device="cpu").videos[0].frames == 50


def test_settings_that_scoring_may_change(scene: Path, both: Path, tmp_path: Path) -> None:
    video = sorted((scene / "testing" / "videos").iterdir())[0]
    done = normalcy.score(video, both, tmp_path, sets=["scoring.smoothing=none", "objects.threads=1"], device="cpu")
    assert done.videos[0].frames == 50
    with pytest.raises(ConfigError, match=r"objects\.side.*train anew"):
        normalcy.score(video, both, tmp_path, sets=["objects.side=64"], device="cpu")


def test_the_frame_part_of_both_has_the_papers_tasks() -> None:
    sets = ["level=both", *(f"tasks.{n}=0" for n in ("continuity", "localisation", "estimation")), *BACKBONE]
    t = frame_part(load_config("tiny", sets=sets)).tasks
    assert (t.continuity, t.localisation, t.estimation, t.arrow, t.irregularity, t.middle) == (1, 1, 1, 0, 0, 0)
    kept = frame_part(load_config("tiny", sets=["level=both", "tasks.continuity=0", "tasks.arrow=1"])).tasks
    assert (kept.continuity, kept.localisation, kept.arrow) == (0, 1, 0)


def test_the_threshold_of_both_rests_on_video_that_neither_level_was_fitted_on(
    scene: Path, both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "m"
    shutil.copytree(both / "objects", out / "objects")  # the object level is trained already
    tests: list[tuple[tuple[FrameModel, ObjectModel], Piece]] = []

    def noted(footage: NormalVideo, tested: Any, score: Any) -> Threshold:
        tests.extend(tested)
        return threshold_of(footage, tested, score)

    monkeypatch.setattr(both_levels, "threshold_of", noted)
    normalcy.train(scene / "training", out, preset="tiny", level="both", sets=[*FEW, *RATES], device="cpu", resume=True)
    assert [p.video for _, p in tests] == [0, 1]
    for models, p in tests:
        assert all({q.video for q in model.fitted_on} == {1 - p.video} for model in models)
    model = load_model(out)
    assert isinstance(model, BothModel) and model.threshold is not None
    assert model.threshold.normal_hours == pytest.approx(160 / 10 / 3600)
