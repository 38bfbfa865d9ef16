"""From normal video to a model folder."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from safetensors.numpy import load_file

import normalcy
from fakes import moving_square_video, write_video
from normalcy.errors import ConfigError, SourceError, TrainingError, UsageError, VideoError, WeightsError
from road import TINY, normal_videos, tree

FILES = {
    "README.md",
    "calibration.json",
    "calibration.safetensors",
    "config.json",
    "exemplars.safetensors",
    "model.safetensors",
}


def test_a_model_folder_is_whole_and_plain(model_dir: Path) -> None:
    assert {p.name for p in model_dir.iterdir()} == FILES | {"logs"}
    head = json.loads((model_dir / "config.json").read_text())
    assert head["config"]["train"]["steps"] == 6
    assert [v["frames"] for v in head["extra"]["trained_on"]] == [60, 60]
    assert head["extra"]["history"]["encoder"][-1]["step"] == 6
    assert "minutes of normal video" in (model_dir / "README.md").read_text()


def test_result_says_what_was_done(normal: Path, tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int | None]] = {}
    r = normalcy.train(
        normal,
        tmp_path / "m",
        preset="tiny",
        sets=TINY,
        device="cpu",
        progress=lambda stage, done, total, figures: seen.__setitem__(stage, (done, total)),
    )
    assert (r.frames, r.failed) == (120, {})
    assert 0 < r.held_frames < 60
    assert {"decode", "train", "calibrate"} <= set(r.seconds)
    assert {"encoder/train/continuity_accuracy", "encoder/val/loss"} <= set(r.figures)
    assert seen["encoder"] == (6, 6)
    assert seen["decode"] == (2, 2)
    assert "minutes of normal video" in r.threshold


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model.safetensors")


def test_same_seed_same_model_other_seed_another(normal: Path, model_dir: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        normalcy.train(normal, tmp_path / str(seed), preset="tiny", sets=TINY, device="cpu", seed=seed)
    first, again, other = weights(model_dir), weights(tmp_path / "0"), weights(tmp_path / "1")
    assert all(np.array_equal(first[k], again[k]) for k in first)
    assert not all(np.array_equal(first[k], other[k]) for k in first)
    assert (model_dir / "calibration.json").read_text() == (tmp_path / "0" / "calibration.json").read_text()


def test_a_model_is_not_overwritten_unless_forced(normal: Path, tmp_path: Path) -> None:
    def go(**more: object) -> None:
        normalcy.train(normal, tmp_path / "m", preset="tiny", sets=TINY, device="cpu", **more)  # type: ignore[arg-type]

    go()
    before = tree(tmp_path / "m")
    with pytest.raises(UsageError, match=r"already holds a trained model.*--force"):
        go(seed=1)
    assert tree(tmp_path / "m") == before
    go(seed=1, force=True)
    assert json.loads((tmp_path / "m" / "config.json").read_text())["config"]["seed"] == 1


def test_precedence_flag_over_set_over_file(normal: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("seed: 5\ntrain: {steps: 3, batch: 4}\n")
    sets = ("train.steps=2",)
    normalcy.train(normal, tmp_path / "m", preset="tiny", config=tmp_path / "c.yaml", sets=sets, seed=9, device="cpu")
    cfg = json.loads((tmp_path / "m" / "config.json").read_text())["config"]
    assert (cfg["seed"], cfg["train"]["steps"], cfg["train"]["batch"]) == (9, 2, 4)


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        (["train.stepps=3"], r"train\.stepps.*did you mean 'train\.steps'"),
        (["train.steps=0"], r"train\.steps"),
        (["steps"], "key=value"),
    ],
)
def test_wrong_settings(normal: Path, tmp_path: Path, sets: list[str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        normalcy.train(normal, tmp_path / "m", preset="tiny", sets=sets)
    assert not (tmp_path / "m").exists()


def test_wrong_names(normal: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown preset 'large'"):
        normalcy.train(normal, tmp_path / "m", preset="large")
    with pytest.raises(UsageError, match="unknown device 'gpu'"):
        normalcy.train(normal, tmp_path / "m", preset="tiny", device="gpu")
    with pytest.raises(ConfigError, match="no pretrained weights"):
        normalcy.train(normal, tmp_path / "m", preset="tiny", weights="w.safetensors")
    with pytest.raises(WeightsError, match="no such weights file"):
        normalcy.train(normal, tmp_path / "m", preset="paper", weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize("sources", [[], "nowhere", ["nowhere.mp4"]])
def test_nothing_to_train_on(tmp_path: Path, sources: list[str] | str) -> None:
    with pytest.raises(SourceError):
        normalcy.train(sources, tmp_path / "m", preset="tiny")


def test_a_missing_source_beside_a_good_one_stops_training(normal: Path, tmp_path: Path) -> None:
    """A model of less video than was asked for would look like the one that was meant."""
    with pytest.raises(SourceError, match=r"gone\.mp4"):
        normalcy.train([normal, tmp_path / "gone.mp4"], tmp_path / "m", preset="tiny")


def test_video_too_short_to_learn_from(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", moving_square_video(9, 64, 96), 25)
    with pytest.raises(TrainingError, match="9 frames"):
        normalcy.train(tmp_path / "v.mp4", tmp_path / "m", preset="tiny", sets=TINY, device="cpu")
    assert not (tmp_path / "m").exists()


def test_one_broken_video_among_good_ones_is_named(tmp_path: Path) -> None:
    folder = normal_videos(tmp_path / "n", frames=40)
    (folder / "bad.mp4").write_bytes(b"this is not video")
    r = normalcy.train(folder, tmp_path / "m", preset="tiny", sets=TINY, device="cpu")
    assert list(r.failed) == ["bad"]
    assert "bad.mp4" in r.failed["bad"]
    assert json.loads((tmp_path / "m" / "config.json").read_text())["extra"]["failed"] == dict(r.failed)


def test_a_damaged_video_is_used_and_named(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / "videos" / name, moving_square_video(60, 64, 96), options={"g": "1"})
    bad = tmp_path / "videos" / "b.mp4"
    with av.open(str(bad)) as f:
        place, size = next((p.pos, p.size) for i, p in enumerate(f.demux(video=0)) if i == 17)
    data = bytearray(bad.read_bytes())
    data[place : place + size] = bytes(b ^ 0x55 for b in data[place : place + size])
    bad.write_bytes(data)
    r = normalcy.train(tmp_path / "videos", tmp_path / "m", preset="tiny", sets=TINY, device="cpu")
    assert (r.frames, r.failed, set(r.warnings)) == (119, {}, {"b"})
    assert "1 of 60 coded pictures could not be decoded" in r.warnings["b"][0]


def test_the_only_video_is_broken(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"this is not video")
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        normalcy.train(tmp_path / "bad.mp4", tmp_path / "m", preset="tiny", sets=TINY)


def test_resume_with_other_settings_is_refused(normal: Path, tmp_path: Path) -> None:
    kept = tmp_path / "m" / "checkpoints"
    kept.mkdir(parents=True)
    (kept / "config.json").write_text("{}\n")
    (kept / "encoder.ckpt").write_bytes(b"")
    with pytest.raises(ConfigError, match="other settings"):
        normalcy.train(normal, tmp_path / "m", preset="tiny", sets=TINY, resume=True)
    with pytest.raises(UsageError, match="interrupted training"):
        normalcy.train(normal, tmp_path / "m", preset="tiny", sets=TINY)


def test_what_a_kill_left_in_the_middle_of_a_write_does_not_stop_the_next_training(normal: Path, tmp_path: Path) -> None:
    left = tmp_path / "m" / "checkpoints" / ".unfinished-killed"
    left.mkdir(parents=True)
    (left / "config.json").write_text("{")
    (left.parent / ".unfinished-too").write_bytes(b"half")
    normalcy.train(normal, tmp_path / "m", preset="tiny", sets=TINY, device="cpu")
    assert not left.parent.exists()
    normalcy.load(tmp_path / "m")


@pytest.mark.parametrize("task", ["continuity", "localisation", "estimation"])
def test_any_single_task(normal: Path, tmp_path: Path, task: str) -> None:
    off = [f"tasks.{t}=0" for t in ("continuity", "localisation", "estimation") if t != task]
    r = normalcy.train(normal, tmp_path / "m", preset="tiny", sets=[*TINY, *off, "train.steps=2"], device="cpu")
    assert {k for k in r.figures if "train/" in k and k.endswith("_loss")} == {f"encoder/train/{task}_loss"}


def test_decoder_stage_and_psnr(normal: Path, odd: Path, tmp_path: Path) -> None:
    sets = [*TINY, "train.steps=2", "decoder.steps=2", "decoder.width=8", "scoring.readouts=[psnr,density]"]
    r = normalcy.train(normal, tmp_path / "m", preset="tiny", sets=sets, device="cpu")
    assert "decoder/train/against_interpolation" in r.figures
    scored = normalcy.score(odd, tmp_path / "m", tmp_path / "out", device="cpu")
    assert (scored.videos[0].folder / "scores.csv").read_text().startswith("frame,time_s,score,psnr,density\n")


@pytest.mark.slow
def test_training_anew_learns_from_the_clips_of_events_marked_normal(model_dir: Path, odd: Path, tmp_path: Path) -> None:
    import json
    import shutil
    import time

    from normalcy.events.record import EventRecord
    from normalcy.events.store import Store

    (tmp_path / "watch" / "media").mkdir(parents=True)
    shutil.copy(odd, tmp_path / "watch" / "media" / "clip.mp4")
    store, now = Store(tmp_path / "watch"), time.time()
    store.send(EventRecord("a", "gate", 1, "end", "anomaly", "alert", now, now - 9, now - 5, 2.0, clip="media/clip.mp4"))
    store.say(["a"], verdict="normal")
    store.close()
    normalcy.retrain(model_dir, tmp_path / "new", marks=[tmp_path / "watch"], device="cpu")
    trained = json.loads((tmp_path / "new" / "config.json").read_text())["extra"]["trained_on"]
    assert [v["name"] for v in trained] == ["00", "01", "clip"]
    assert all(Path(v["source"]).exists() for v in trained)
