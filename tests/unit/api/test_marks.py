"""Marks on the events of a watch: they teach the camera's model, are taken back, and are learned from anew."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from fakes import write_video
from normalcy.api.live import CameraCard, write_card
from normalcy.api.marks import figures, mark, marked_clips, model_of, retrain
from normalcy.errors import DataError, UsageError
from normalcy.events.record import EventRecord
from normalcy.events.sinks.jsonl import read_events
from normalcy.events.store import Store
from normalcy.scoring.lesson_files import lesson_ids
from normalcy.types import FrameScore
from teach_made import FPS, odd, save_model, scene


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("marks") / "model")


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "model"))


@pytest.fixture
def watched(tmp_path: Path, folder: Path) -> Path:
    """A watch folder with one anomaly that has a clip, one that has none, and a lost camera."""
    out = tmp_path / "watch"
    (out / "media").mkdir(parents=True)
    write_video(out / "media" / "a.mp4", odd(), 25.0)
    store = Store(out)
    now = time.time()
    store.send(EventRecord("a", "gate", 1, "end", "anomaly", "alert", now, now - 9, now - 5, 2.0, clip="media/a.mp4"))
    store.send(EventRecord("b", "gate", 1, "end", "anomaly", "alert", now, now - 20, now - 15, 3.0, clip="media/gone.mp4"))
    store.send(EventRecord("c", "gate", 1, "end", "lost", "alert", now, now - 30, now - 25))
    store.close()
    write_card(out, CameraCard("gate", "file", str(folder.resolve()), "", "frame", None, "", {}, []))
    return out


def test_normal_teaches_and_anything_else_takes_it_back(watched: Path, folder: Path) -> None:
    assert model_of(watched, "gate") == folder.resolve() and model_of(watched, "other") is None
    first = mark(watched, "a", "normal", by="me", device="cpu")
    assert first.lesson is not None and first.event.verdict == "normal" and first.lesson.quiet
    assert mark(watched, "a", "normal", device="cpu").note == "it was taught already"
    assert len(lesson_ids(folder)) == 1
    second = mark(watched, "a", "anomaly", device="cpu")
    assert second.forgotten == first.lesson.id and lesson_ids(folder) == []
    third = mark(watched, "a", None, device="cpu")
    assert third.event.verdict is None and third.forgotten is None


def test_what_cannot_teach_is_said_and_the_mark_is_kept(watched: Path, folder: Path) -> None:
    assert "no clip" in mark(watched, "b", "normal", device="cpu").note
    assert "only anomalies" in mark(watched, "c", "normal", device="cpu").note
    (watched / "cameras" / "gate.json").write_text("damaged")
    unknown = mark(watched, "a", "normal", device="cpu")
    assert "not known" in unknown.note and unknown.event.verdict == "normal"
    with pytest.raises(DataError, match="no event"):
        mark(watched, "z", "normal")
    with pytest.raises(UsageError, match="no events here"):
        mark(watched / "media", "a", "normal")
    assert lesson_ids(folder) == []


def test_figures_and_clips_follow_the_marks(watched: Path) -> None:
    mark(watched, "a", "normal", model=watched / "nowhere")
    mark(watched, "b", "anomaly", model=watched / "nowhere")
    assert marked_clips(watched) == [watched / "media" / "a.mp4"]
    told = figures(watched)
    assert [(w["true"], w["false"]) for w in told["weeks"]] == [(1, 1)]
    assert told["budgets"]["gate"]


def test_training_anew_says_what_it_lacks(watched: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder of its own"):
        retrain(folder, folder)
    with pytest.raises(DataError, match="none is named"):
        retrain(folder, tmp_path / "new")


def test_a_running_watch_takes_up_what_was_taught(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same event comes twice; between the two someone teaches it."""
    from normalcy.api import camera
    from normalcy.api.teach import teach
    from normalcy.api.watch import watch

    monkeypatch.setattr(camera, "TAUGHT_S", 0.0)
    once = odd()
    video = write_video(tmp_path / "gate.mp4", np.concatenate([once, scene(90, 3), once, scene(40, 4)]), FPS)
    clip = write_video(tmp_path / "clip.mp4", once, FPS)

    def events(out: Path, taught: bool) -> list[float]:
        said: list[str] = []

        def scored(name: str, s: FrameScore, wall: float) -> None:
            if taught and s.frame == 80:
                teach(folder, clip, device="cpu")

        watch([str(video)], out, model=folder, fast=True, device="cpu", scored=scored, tell=said.append)
        assert any("taught" in line for line in said) == taught
        return [e.start_time for e in read_events(out / "events.jsonl") if e.type == "new" and e.kind == "anomaly"]

    assert len(events(tmp_path / "untaught", taught=False)) == 2
    assert len(events(tmp_path / "taught", taught=True)) == 1
    (card,) = (tmp_path / "taught" / "cameras").glob("*.json")
    assert model_of(tmp_path / "taught", card.stem) == folder.resolve()
