"""A mark teaches: the same event stays quiet, another still fires, and taking it back leaves no trace."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import normalcy
from fakes import write_video
from normalcy.api.load import load_model
from normalcy.api.teach import forget, lesson_of_event, teach
from normalcy.errors import DataError, ModelError
from normalcy.scoring.lesson_files import FOLDER, about_lessons, journal, stamp
from normalcy.scoring.scene import signature
from normalcy.scoring.threshold import Threshold
from road import tree
from teach_made import AT, FPS, LIMIT, odd, save_model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("teach") / "model")


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "model"))


@pytest.fixture
def video(tmp_path: Path) -> Callable[[str, np.ndarray], Path]:
    return lambda name, frames: write_video(tmp_path / name, frames, FPS)


def peak(model: Path, video: Path) -> float:
    return float(load_model(model).score(video).score[AT].max())


def test_the_same_event_again_is_quiet_and_another_is_not(folder: Path, video: Callable[..., Path]) -> None:
    event, again, other = video("event.mp4", odd()), video("again.mp4", odd(seed=2)), video("other.mp4", odd(flicker=True))
    before, other_before = peak(folder, event), peak(folder, other)
    assert before > LIMIT and other_before > LIMIT
    t = teach(folder, event, event="e1", camera="gate", device="cpu")
    assert t.before == pytest.approx(before, abs=1e-3) and t.quiet and t.threshold >= LIMIT
    threshold = load_model(folder).threshold
    assert threshold is not None and threshold.value == pytest.approx(t.threshold)
    assert peak(folder, event) < threshold.value
    assert peak(folder, again) < threshold.value  # another square walks through the picture meanwhile
    assert peak(folder, other) > threshold.value
    assert peak(folder, other) > 0.6 * other_before
    assert about_lessons(folder)[0]["event"] == "e1"


def test_a_lesson_taken_back_leaves_the_model_as_it_was(folder: Path, video: Callable[..., Path]) -> None:
    event = video("event.mp4", odd())
    files, model = tree(folder), load_model(folder)
    was, empty = model.score(event), stamp(folder)
    t = teach(folder, event, event="e1", by="someone", device="cpu")
    assert {k: v for k, v in tree(folder).items() if not k.startswith(FOLDER)} == files  # the model's own files stay
    taught = load_model(folder)
    assert taught.hash != model.hash and stamp(folder) != empty
    assert load_model(folder, taught=False).hash == model.hash
    assert lesson_of_event(folder, "e1") == t.id and t.version == 1
    assert forget(folder, t.id) == 2
    again = load_model(folder)
    assert again.hash == model.hash and again.threshold == model.threshold and stamp(folder) == empty
    np.testing.assert_array_equal(again.score(event).score, was.score)
    assert [(r["action"], r["by"]) for r in journal(folder)] == [("teach", "someone"), ("forget", "")]
    assert lesson_of_event(folder, "e1") is None
    with pytest.raises(DataError, match="no lesson"):
        forget(folder, t.id)
    with pytest.raises(DataError, match="no lesson"):
        forget(folder, "../config")


def test_a_lesson_is_of_its_camera_alone(folder: Path, video: Callable[..., Path]) -> None:
    """A model that two cameras share: video of another background is scored as before."""
    frames = odd(backdrop=12)
    event, elsewhere = video("event.mp4", odd()), video("elsewhere.mp4", frames)
    before = load_model(folder).score(elsewhere).score
    teach(folder, event, device="cpu")
    assert float(signature(frames) @ load_model(folder).lessons[0].background) < 0.5
    np.testing.assert_array_equal(load_model(folder).score(elsewhere).score, before)


def test_results_of_a_taught_model_are_others(folder: Path, video: Callable[..., Path], tmp_path: Path) -> None:
    event = video("event.mp4", odd())
    first = normalcy.score(event, folder, tmp_path / "out", device="cpu")
    assert normalcy.score(event, folder, tmp_path / "out", device="cpu").videos[0].skipped
    assert first.videos[0].events
    teach(folder, event, device="cpu")
    second = normalcy.score(event, folder, tmp_path / "out", device="cpu")
    assert not second.videos[0].skipped and not second.videos[0].events


def test_an_interval_of_the_clip_can_be_given(folder: Path, video: Callable[..., Path]) -> None:
    event = video("event.mp4", odd())
    t = teach(folder, event, start_s=1.0, end_s=1.6, device="cpu")
    assert about_lessons(folder)[0]["seconds"] == pytest.approx(0.6, abs=0.05) and t.after < t.before


def test_what_cannot_be_taught_is_said(folder: Path, video: Callable[..., Path]) -> None:
    event = video("event.mp4", odd())
    with pytest.raises(DataError, match="nothing in it"):
        teach(folder, event, start_s=50.0, device="cpu")
    t = teach(folder, event, device="cpu")
    path = folder / FOLDER / f"{t.id}.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match="damaged"):
        load_model(folder)
    forget(folder, t.id)
    load_model(folder)


def test_a_lesson_raises_the_threshold_and_never_lowers_it() -> None:
    t = Threshold(2.0, 1.0, 0.5, 4, 1.0, 0.5, "exponential")
    assert t.with_normal(0, 0.0) == t
    assert t.with_normal(1, 3.0).value > t.value and t.with_normal(1, 0.0).value >= t.value
