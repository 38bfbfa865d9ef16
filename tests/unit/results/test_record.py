"""By its record a result is known as finished: the same video, the same key, all products there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import numbered_frames, write_frames, write_video
from normalcy.errors import VideoError
from normalcy.files import Staging
from normalcy.results.record import Record
from normalcy.video.source import VideoRef, as_ref

KEY = {"model": "f00", "settings": {"a": 1}}


def put(folder: Path, video: Path, *names: str, key: dict[str, object] = KEY, force: bool = False) -> None:
    record = Record(folder / "run.json", as_ref(video), key)
    with Staging(folder) as files:
        for name in names:
            files.open(name).write("x")
        record.publish(files, {"frames": 5, "source": {"width": 64}}, ["a.csv", "b.mp4"], force=force)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "v.mp4", numbered_frames(5))


def known(folder: Path, video: Path, key: dict[str, object] = KEY, products: tuple[str, ...] = ("a.csv",)) -> bool:
    return Record(folder / "run.json", as_ref(video), key).finished(products) is not None


def test_a_record_says_what_the_result_rests_on(video: Path, tmp_path: Path) -> None:
    put(tmp_path / "out", video, "a.csv")
    content = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (content["finished"], content["frames"], content["key"]) == (True, 5, KEY)
    assert (content["source"]["width"], content["source"]["bytes"]) == (64, video.stat().st_size)
    assert known(tmp_path / "out", video)
    assert not known(tmp_path / "out", video, {**KEY, "model": "beef"})
    assert not known(tmp_path / "out", video, products=("a.csv", "b.mp4"))


def edited(video: Path) -> None:
    data = video.read_bytes()
    video.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


CHANGES: list[tuple[Callable[[Path], object], bool]] = [
    (lambda v: v.touch(), True),  # another time, the same bytes
    (edited, False),
    (lambda v: write_video(v, numbered_frames(6)), False),
]


@pytest.mark.parametrize(("change", "same"), CHANGES)
def test_the_video_has_to_be_the_same(change: Callable[[Path], object], same: bool, video: Path, tmp_path: Path) -> None:
    put(tmp_path / "out", video, "a.csv")
    change(video)
    assert known(tmp_path / "out", video) is same


def test_a_moved_video_and_a_folder_of_frames(video: Path, tmp_path: Path) -> None:
    put(tmp_path / "out", video, "a.csv")
    (tmp_path / "elsewhere").mkdir()
    assert known(tmp_path / "out", Path(shutil.move(video, tmp_path / "elsewhere" / "v.mp4")))
    frames = write_frames(tmp_path / "f", numbered_frames(3))
    put(tmp_path / "out2", frames, "a.csv")
    assert known(tmp_path / "out2", frames)
    (frames / "1.png").unlink()
    assert not known(tmp_path / "out2", frames)
    with pytest.raises(VideoError, match="cannot be read"):
        Record(tmp_path / "x.json", VideoRef("v", video, "file"), KEY)


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_the_one_that_was_read(video: Path, tmp_path: Path) -> None:
    record = Record(tmp_path / "out" / "run.json", as_ref(video), KEY)
    edited(video)
    with Staging(tmp_path / "out") as files:
        files.open("a.csv").write("of the old frames")
        record.publish(files, {}, ["a.csv"], force=False)
    assert not known(tmp_path / "out", video)


@pytest.mark.parametrize(("key", "force", "stays"), [(KEY, False, True), (KEY, True, False), ({"model": "beef"}, False, False)])
def test_what_an_earlier_run_left_stays_with_the_same_result_only(
    key: dict[str, object], force: bool, stays: bool, video: Path, tmp_path: Path
) -> None:
    put(tmp_path / "out", video, "a.csv", "b.mp4")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    put(tmp_path / "out", video, "a.csv", key=key, force=force)
    assert (tmp_path / "out" / "b.mp4").exists() is stays
    assert (tmp_path / "out" / "notes.txt").exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"finished": true}', '{"finished": false}'])
def test_a_damaged_record_is_none(damage: str, video: Path, tmp_path: Path) -> None:
    put(tmp_path / "out", video, "a.csv")
    (tmp_path / "out" / "run.json").write_text(damage)
    assert not known(tmp_path / "out", video)
