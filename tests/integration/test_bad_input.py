"""Every kind of bad input: one error that names the file and the reason, and finished work stays as it was."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import normalcy
from fakes import cut, moving_square_video, write_sound, write_video
from normalcy.errors import ConfigError, ModelError, OutputError, ShortVideoError, SourceError, UsageError, VideoError
from road import TINY, normal_videos, odd_video, tree


def empty_folder(p: Path) -> Path:
    (p / "empty").mkdir()
    return p / "empty"


def zero_bytes(p: Path) -> Path:
    (p / "zero.mp4").touch()
    return p / "zero.mp4"


def renamed_text(p: Path) -> Path:
    (p / "text.mp4").write_text("dear diary\n" * 100)
    return p / "text.mp4"


def truncated(p: Path) -> Path:
    return cut(write_video(p / "cut.mp4", moving_square_video(60, 64, 96), 25), 0.6)


def short(p: Path) -> Path:
    return write_video(p / "short.mp4", moving_square_video(3, 64, 96), 25)


def sound(p: Path) -> Path:
    return write_sound(p / "sound.mp4")


BAD: list[tuple[Callable[[Path], Path], type[SourceError]]] = [
    (lambda p: p / "missing.mp4", SourceError),
    (empty_folder, SourceError),
    (zero_bytes, VideoError),
    (renamed_text, VideoError),
    (truncated, VideoError),
    (short, ShortVideoError),
    (sound, VideoError),
]
IDS = [
    "missing",
    "empty-folder",
    "zero-bytes",
    "renamed-text",
    "truncated",
    "shorter-than-a-clip",
    "audio-only",
]


@pytest.mark.parametrize(("make", "kind"), BAD, ids=IDS)
def test_alone(make: Callable[[Path], Path], kind: type[SourceError], model_dir: Path, tmp_path: Path) -> None:
    bad = make(tmp_path)
    with pytest.raises(kind) as caught:
        normalcy.score(bad, model_dir, tmp_path / "out", device="cpu")
    message = str(caught.value)
    assert bad.name in message and "\n" not in message and len(message) > len(str(bad)) + 10
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("make", "kind"), BAD, ids=IDS)
def test_among_good_ones(
    make: Callable[[Path], Path], kind: type[SourceError], odd: Path, model_dir: Path, tmp_path: Path
) -> None:
    bad = make(tmp_path)
    other = odd_video(tmp_path / "other.mp4", frames=20, start=5, stop=9)
    r = normalcy.score([odd, bad, other], model_dir, tmp_path / "out", device="cpu")
    assert [v.name for v in r.videos] == ["odd", "other"]
    ((name, reason),) = r.failed.items()
    assert bad.stem in name and bad.name in reason
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["odd", "other"]


def test_a_failure_leaves_the_earlier_result(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    video = tmp_path / "v.mp4"
    shutil.copy(odd, video)
    normalcy.score(video, model_dir, tmp_path / "out", device="cpu")
    before = tree(tmp_path / "out")
    cut(video, 0.6)
    with pytest.raises(VideoError):
        normalcy.score(video, model_dir, tmp_path / "out", device="cpu")
    assert tree(tmp_path / "out") == before


def test_only_bad_ones(model_dir: Path, tmp_path: Path) -> None:
    zero_bytes(tmp_path), renamed_text(tmp_path)
    r = normalcy.score(tmp_path, model_dir, tmp_path / "out", device="cpu")
    assert (list(r.videos), sorted(r.failed)) == ([], ["text", "zero"])


def test_training_on_bad_input(tmp_path: Path) -> None:
    for bad in (empty_folder(tmp_path), zero_bytes(tmp_path), truncated(tmp_path), sound(tmp_path)):
        with pytest.raises(SourceError, match=bad.name):
            normalcy.train(bad, tmp_path / "m", preset="tiny", sets=TINY)
        assert not (tmp_path / "m").exists()  # so that the next try is not taken for an interrupted training


# -- models ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_dir, tmp_path / "copied"))


def test_model_of_a_newer_version(copied: Path, odd: Path, tmp_path: Path) -> None:
    head = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(head | {"format_version": 99}))
    with pytest.raises(ModelError, match=r"config\.json.*newer"):
        normalcy.score(odd, copied, tmp_path / "out")


def test_no_model_there(odd: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere.*normalcy train"):
        normalcy.score(odd, tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "calibration.safetensors", "calibration.json"])
def test_damaged_model(copied: Path, name: str) -> None:
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 0x55
    (copied / name).write_bytes(bytes(data))
    with pytest.raises(ModelError, match=name):
        normalcy.load(copied, "cpu")


def test_unknown_device(model_dir: Path) -> None:
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        normalcy.load(model_dir, "tpu")


def test_unknown_setting(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'scoring\.smoothing'"):
        normalcy.score(odd, model_dir, tmp_path / "out", sets=["scoring.smothing=ema"])


# -- places where nothing can be written -----------------------------------------------------------------------------------


def test_a_file_where_the_output_folder_should_be(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="out"):
        normalcy.score(odd, model_dir, tmp_path / "out", device="cpu")
    assert (tmp_path / "out").read_text() == "mine"
    with pytest.raises(OutputError, match="out"):
        normalcy.train(odd, tmp_path / "out", preset="tiny", sets=TINY)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o500)
    with pytest.raises(OutputError, match=r"out.*[Pp]ermission"):
        normalcy.score(odd, model_dir, tmp_path / "out", device="cpu")
    with pytest.raises(OutputError, match=r"out.*[Pp]ermission"):
        normalcy.train(odd, tmp_path / "out" / "m", preset="tiny", sets=TINY)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Writing beyond size fails as on a full disk (EFBIG for ENOSPC)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 100, 4000, 9000])
def test_full_disk_while_scoring(odd: Path, model_dir: Path, tmp_path: Path, room: int) -> None:
    video = tmp_path / "v.mp4"
    shutil.copy(odd, video)
    normalcy.score([odd, video], model_dir, tmp_path / "out", device="cpu")
    before = tree(tmp_path / "out")
    with files_no_larger_than(room), pytest.raises(OutputError, match="out"):
        normalcy.score([video, odd], model_dir, tmp_path / "out", device="cpu", force=True, maps=True, overlay=True)
    assert tree(tmp_path / "out") == before


def test_full_disk_while_training(tmp_path: Path) -> None:
    folder = normal_videos(tmp_path / "n", frames=40)
    normalcy.train(folder, tmp_path / "m", preset="tiny", sets=TINY, device="cpu")
    before = tree(tmp_path / "m")
    with files_no_larger_than(20_000), pytest.raises(OutputError, match="m"):
        normalcy.train(folder, tmp_path / "m", preset="tiny", sets=TINY, device="cpu", force=True, seed=4)
    after = tree(tmp_path / "m")
    assert {k: v for k, v in after.items() if "/" not in k} == {k: v for k, v in before.items() if "/" not in k}
    assert normalcy.load(tmp_path / "m", "cpu").cfg.seed == 0


def test_ctrl_c_between_videos(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    other = odd_video(tmp_path / "other.mp4", frames=20, start=5, stop=9)

    def interrupt(stage: str, done: int, total: int | None, figures: object) -> None:
        if stage == "score other":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        normalcy.score([odd, other], model_dir, tmp_path / "out", device="cpu", progress=interrupt)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["odd"]
    r = normalcy.score([odd, other], model_dir, tmp_path / "out", device="cpu")
    assert [v.skipped for v in r.videos] == [True, False]
