"""Bad input on the real road: one clear line that names the file and the reason, the documented code, finished work intact."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes import cut, moving_square_video, write_sound, write_video
from normalcy.cli import main
from peers import wait_for
from road import TINY, normal_videos, odd_video, own_cache, tree

pytestmark = pytest.mark.slow
SETS = [part for s in TINY for part in ("--set", s)]
Ran = tuple[int, str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("road")
    with own_cache(folder / "cache"):
        yield folder


@pytest.fixture(scope="module")
def model(place: Path) -> Path:
    sources = normal_videos(place / "normal")
    with pytest.raises(SystemExit) as e:
        main(["train", str(sources), "--out", str(place / "model"), "--preset", "tiny", *SETS])
    assert e.value.code == 0
    return place / "model"


def missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def folder_of_text(folder: Path) -> Path:
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("hello")
    return folder / "notes"


def zero_bytes(folder: Path) -> Path:
    (folder / "zero.mp4").touch()
    return folder / "zero.mp4"


def text_renamed(folder: Path) -> Path:
    (folder / "text.mp4").write_text("this is no video\n" * 50)
    return folder / "text.mp4"


def truncated(folder: Path) -> Path:
    return cut(odd_video(folder / "cut.mp4"), 0.6)


def too_short(folder: Path) -> Path:
    return write_video(folder / "short.mp4", moving_square_video(3, 64, 96))


def sound_only(folder: Path) -> Path:
    return write_sound(folder / "sound.mp4")


BAD = {
    missing: "no such file or folder",
    empty_folder: "the folder is empty",
    folder_of_text: "nothing in this folder is video",
    zero_bytes: "empty",
    text_renamed: "not a video",
    truncated: "cut off",
    too_short: "3 frames",
    sound_only: "no video",
}


def says_one_thing(err: str, path: Path, reason: str) -> None:
    """One line of normalcy's own, at the end; lines of progress may stand before it."""
    lines = [line for line in err.splitlines() if line.startswith("normalcy: ")]
    assert len(lines) == 1, err
    assert err.splitlines()[-1] == lines[0]
    assert str(path) in lines[0]
    assert reason in lines[0]
    assert "Traceback" not in err


@pytest.mark.parametrize("bad", BAD, ids=lambda b: b.__name__)
def test_score_refuses(bad, run, model: Path, tmp_path: Path) -> None:
    path = bad(tmp_path)
    code, out, err = run("score", path, "--model", model, "--out", tmp_path / "out", "--json")
    assert (code, out) == (1, "")
    says_one_thing(err, path, BAD[bad])
    assert not list((tmp_path / "out").rglob("*.csv*"))


@pytest.mark.parametrize("bad", BAD, ids=lambda b: b.__name__)
def test_train_refuses(bad, run, place: Path, tmp_path: Path) -> None:
    path = bad(tmp_path)
    code, out, err = run("train", path, "--out", tmp_path / "model", "--preset", "tiny", *SETS)
    assert (code, out) == (1, "")
    says_one_thing(err, path, BAD[bad])
    assert not (tmp_path / "model" / "config.json").exists()


def test_one_bad_file_does_not_stop_a_batch(run, model: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    good = [odd_video(videos / "a.mp4", seed=1), odd_video(videos / "z.mp4", seed=2)]
    bad = text_renamed(videos)
    code, out, err = run("score", videos, "--model", model, "--out", tmp_path / "out", "--json")
    assert code == 4
    result = json.loads(out)
    assert [v["name"] for v in result["videos"]] == [p.stem for p in good]
    assert list(result["failed"]) == [bad.stem]
    says_one_thing(err, bad, "not a video")
    for v in result["videos"]:
        assert len((tmp_path / "out" / v["name"] / "scores.csv").read_text().splitlines()) == 61


def test_a_missing_path_does_not_stop_a_batch(run, model: Path, tmp_path: Path) -> None:
    good = odd_video(tmp_path / "a.mp4")
    code, out, err = run("score", tmp_path / "nowhere", good, "--model", model, "--out", tmp_path / "out")
    assert code == 4
    assert (tmp_path / "out" / "a" / "scores.csv").exists()
    says_one_thing(err, tmp_path / "nowhere", "no such file or folder")
    assert out.splitlines()[1].startswith("a ")


def test_training_goes_on_without_a_bad_file_and_says_so(run, place: Path, tmp_path: Path) -> None:
    videos = normal_videos(tmp_path / "videos", count=1)
    bad = zero_bytes(videos)
    code, out, err = run("train", videos, "--out", tmp_path / "model", "--preset", "tiny", *SETS, "--json")
    assert code == 4
    assert list(json.loads(out)["failed"]) == [bad.stem]
    assert f"{bad}" in err
    assert (tmp_path / "model" / "model.safetensors").exists()


def test_the_output_folder_is_a_file(run, model: Path, place: Path, tmp_path: Path) -> None:
    good, taken = odd_video(tmp_path / "a.mp4"), tmp_path / "taken"
    taken.write_text("mine")
    code, out, err = run("score", good, "--model", model, "--out", taken)
    assert (code, out) == (1, "")
    says_one_thing(err, taken, "exists")
    code, out, err = run("train", place / "normal", "--out", taken, "--preset", "tiny", *SETS)
    assert (code, out) == (1, "")
    says_one_thing(err, taken, "")
    assert taken.read_text() == "mine"


def test_no_write_permission(run, model: Path, tmp_path: Path, monkeypatch) -> None:
    """As the tests may run as root, whom no mode stops, the refusal itself is made up."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    real = Path.mkdir

    def refuse(self: Path, *a: object, **k: object) -> None:
        if self.is_relative_to(locked):
            raise PermissionError(13, "Permission denied", str(self))
        real(self, *a, **k)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refuse)
    code, out, err = run("score", odd_video(tmp_path / "a.mp4"), "--model", model, "--out", locked / "out")
    assert (code, out) == (1, "")
    says_one_thing(err, locked / "out", "Permission denied")


def limited(megabytes: float) -> Callable[[], None]:
    """Files of this process cannot grow beyond this: the error comes from the kernel at a write, as on a full disk."""

    def set_limit() -> None:
        size = int(megabytes * 2**20)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return set_limit


def real(*argv: str | Path, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "normalcy", *(str(a) for a in argv)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, preexec_fn=before)


def test_a_disk_that_fills_up_while_scoring(model: Path, tmp_path: Path) -> None:
    first, second = odd_video(tmp_path / "a.mp4"), odd_video(tmp_path / "b.mp4", seed=3)
    out = tmp_path / "out"
    assert real("score", first, "--model", model, "--out", out, "--maps").returncode == 0
    before = tree(out)
    done = real("score", first, second, "--model", model, "--out", out, "--maps", before=limited(0.002))
    assert done.returncode == 1
    assert done.stdout == ""
    says_one_thing(done.stderr, out / "b", "File too large")
    assert tree(out) == before


def test_a_disk_that_fills_up_while_caching(place: Path, tmp_path: Path) -> None:
    videos = normal_videos(tmp_path / "videos", count=1, frames=200)
    done = real("train", videos, "--out", tmp_path / "m", "--preset", "tiny", *SETS, before=limited(1))
    assert done.returncode == 1
    says_one_thing(done.stderr, place / "cache", "File too large")


def test_a_model_of_a_newer_version(run, model: Path, tmp_path: Path) -> None:
    newer = shutil.copytree(model, tmp_path / "newer")
    head = json.loads((newer / "config.json").read_text())
    (newer / "config.json").write_text(json.dumps(head | {"format_version": head["format_version"] + 1}))
    code, out, err = run("score", odd_video(tmp_path / "a.mp4"), "--model", newer, "--out", tmp_path / "out")
    assert (code, out) == (1, "")
    says_one_thing(err, newer / "config.json", "newer Normalcy")


def test_no_model(run, tmp_path: Path) -> None:
    code, _, err = run("score", odd_video(tmp_path / "a.mp4"), "--model", tmp_path / "none", "--out", tmp_path / "out")
    assert code == 1
    says_one_thing(err, tmp_path / "none", "")


@pytest.mark.parametrize("setting", ["clip.lenght=6", "scoring.stride=0", "clip.length=6"])
def test_a_setting_that_scoring_cannot_take(setting: str, run, model: Path, tmp_path: Path) -> None:
    video = odd_video(tmp_path / "a.mp4")
    code, out, err = run("score", video, "--model", model, "--out", tmp_path / "out", "--set", setting)
    assert (code, out) == (2, "")
    says_one_thing(err, Path(setting.partition("=")[0]), "")


def test_a_model_is_not_replaced_unasked(run, model: Path, place: Path) -> None:
    before = tree(model)
    code, _, err = run("train", place / "normal", "--out", model, "--preset", "tiny", *SETS)
    assert code == 2
    says_one_thing(err, model, "--force")
    assert tree(model) == before


def test_a_finished_video_is_left_alone(run, model: Path, tmp_path: Path) -> None:
    video, out = odd_video(tmp_path / "a.mp4"), tmp_path / "out"
    command = ("score", video, "--model", model, "--out", out)
    assert run(*command)[0] == 0
    before = tree(out)
    code, text, _ = run(*command)
    assert code == 0
    assert "done before" in text
    assert tree(out) == before
    assert run(*command, "--force")[0] == 0
    assert tree(out) != before


def test_labels_of_another_length_name_both_files(run, model: Path, tmp_path: Path) -> None:
    import numpy as np

    out, labels = tmp_path / "out", tmp_path / "labels"
    labels.mkdir()
    np.save(labels / "a.npy", np.zeros(59, dtype=np.uint8))
    assert run("score", odd_video(tmp_path / "a.mp4"), "--model", model, "--out", out)[0] == 0
    code, text, err = run("eval", "--scores", out, "--labels", labels)
    assert (code, text) == (1, "")
    says_one_thing(err, labels / "a.npy", str(out / "a" / "scores.csv"))


def test_ctrl_c_keeps_a_state_to_go_on_from(place: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    long = ["--preset", "tiny", *SETS, "--set", "train.steps=1000000", "--set", "train.checkpoint_s=0.2"]
    command = ["train", str(place / "normal"), "--out", str(out), *long]
    child = subprocess.Popen([sys.executable, "-m", "normalcy", *command], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not (out / "checkpoints" / "encoder.ckpt").exists():
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130
    assert "--resume" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert (out / "checkpoints" / "encoder.ckpt").exists()
    again = real(*command)
    assert again.returncode == 2
    says_one_thing(again.stderr, out, "--resume")


def test_ctrl_c_while_detect_draws_and_the_same_command_goes_on(place: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "1.mp4", moving_square_video(30, 64, 96))
    write_video(tmp_path / "videos" / "2.mp4", moving_square_video(400, 480, 640))
    out = tmp_path / "out"
    command = ["detect", str(tmp_path / "videos"), "--out", str(out), "--overlay"]
    child = subprocess.Popen(
        [sys.executable, "-m", "normalcy", *command],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where the tests run in the background
    )
    try:
        # The second one's film grows: drawing has begun.
        wait_for(lambda: (out / "1.boxes.json").is_file() and list(out.glob(".unfinished-*/.unfinished-*")), 60)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130
    assert "the same command goes on" in err.splitlines()[-1] and "Traceback" not in err
    assert sorted(p.name for p in out.iterdir()) == ["1.boxes.json", "1.boxes.mp4", "1.csv"]
    again = real(*command)
    assert again.returncode == 0, again.stderr
    assert "done before" in again.stdout.splitlines()[1] and (out / "2.boxes.mp4").is_file()
