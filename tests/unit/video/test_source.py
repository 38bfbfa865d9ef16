from __future__ import annotations

import os
from pathlib import Path

import pytest

from normalcy.errors import SourceError
from normalcy.video.source import VideoRef, as_ref, expand, expand_all


def touch(*paths: Path) -> None:
    for p in paths:
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(b"x")


def names(refs: list[VideoRef]) -> list[str]:
    return [r.name for r in refs]


def test_one_file(tmp_path):
    touch(tmp_path / "walk.mp4")
    assert expand(tmp_path / "walk.mp4") == [VideoRef("walk", tmp_path / "walk.mp4", "file")]


def test_folder_of_videos_in_natural_order_one_level(tmp_path):
    touch(*(tmp_path / n for n in ("v10.mp4", "v2.MP4", "v1.avi", ".hidden.mp4", "notes.txt", "below/deep.mp4")))
    assert names(expand(str(tmp_path))) == ["v1", "v2", "v10"]


def test_folder_of_frames_is_one_video(tmp_path):
    touch(*(tmp_path / "Test001" / n for n in ("1.tif", "2.tif", ".DS_Store")))
    assert expand(tmp_path / "Test001") == [VideoRef("Test001", tmp_path / "Test001", "frames")]


def test_folder_of_frame_folders_ucsd_layout(tmp_path):
    touch(*(tmp_path / d / "001.tif" for d in ("Test010", "Test002", "Test002_gt", ".Test003")))
    touch(tmp_path / "Test004" / "readme.txt", tmp_path / "UCSDped1.m")
    refs = expand(tmp_path)
    assert names(refs) == ["Test002", "Test010"]
    assert {r.kind for r in refs} == {"frames"}


def test_inner_videos_folder_is_used_only_if_there_is_nothing_else(tmp_path):
    touch(tmp_path / "videos" / "01.mp4", tmp_path / "labels" / "01.npy")
    assert [r.path for r in expand(tmp_path)] == [tmp_path / "videos" / "01.mp4"]
    touch(tmp_path / "own.mp4")
    assert names(expand(tmp_path)) == ["own"]


def test_glob(tmp_path):
    touch(*(tmp_path / n for n in ("a10.mp4", "a9.mp4", "b1.mp4", "a1.txt")))
    assert names(expand(str(tmp_path / "a*"))) == ["a9", "a10"]
    touch(*(tmp_path / "s" / d / "1.png" for d in ("T2", "T1", "T1_gt")))
    assert names(expand(str(tmp_path / "s" / "T*"))) == ["T1", "T2"]
    assert names(expand(str(tmp_path / "**" / "b*.mp4"))) == ["b1"]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path):
    touch(tmp_path / "cam[1].mp4", tmp_path / "cam1.mp4")
    assert names(expand(str(tmp_path / "cam[1].mp4"))) == ["cam[1]"]


def test_list_is_relative_to_itself(tmp_path):
    touch(tmp_path / "d" / "a.mp4", tmp_path / "e" / "b.mp4", tmp_path / "e" / "c.mp4")
    (tmp_path / "d" / "list.txt").write_bytes(b"\xef\xbb\xbf# cameras\r\na.mp4\r\n\r\n../e/*.mp4\r\n")
    assert names(expand(f"@{tmp_path}/d/list.txt")) == ["a", "b", "c"]


def test_list_errors_name_list_and_line(tmp_path):
    (tmp_path / "l.txt").write_text("# one\ngone.mp4\n")
    with pytest.raises(SourceError, match=r"l\.txt, line 2: .*gone\.mp4: no such file"):
        expand(f"@{tmp_path}/l.txt")
    (tmp_path / "l.txt").write_text("@l.txt\n")
    with pytest.raises(SourceError, match="a list inside a list"):
        expand(f"@{tmp_path}/l.txt")
    (tmp_path / "l.txt").write_text("#\n")
    with pytest.raises(SourceError, match="names no video"):
        expand(f"@{tmp_path}/l.txt")
    with pytest.raises(SourceError, match=r"none\.txt: this list cannot be read: No such file"):
        expand(f"@{tmp_path}/none.txt")


@pytest.mark.parametrize(
    ("make", "ask", "reason"),
    [
        ([], "gone.mp4", "no such file or folder"),
        (["d/"], "d", "the folder is empty"),
        (["d/.hidden.mp4"], "d", "the folder is empty"),
        (["d/a.txt", "d/e/b.txt"], "d", "nothing in this folder is video"),
        (["d/videos/a.txt"], "d", "nothing in this folder is video"),
        (["a.png"], "a.png", "a single picture is not a video"),
        (["a.txt"], "a.txt", "a text file is not a video"),
        ([], "*.mp4", "nothing matches"),
        (["a.txt", "b.txt"], "*.txt", "none of the 2 matches is video"),
        (["f/1.png"], "f/*.png", "give the folder itself"),
        ([], "", "empty source"),
    ],
)
def test_errors_name_the_path_and_the_reason(tmp_path, make, ask, reason):
    for m in make:
        (tmp_path / m).mkdir() if m.endswith("/") else touch(tmp_path / m)
    source = str(tmp_path / ask) if ask else ""
    with pytest.raises(SourceError) as e:
        expand(source)
    assert reason in str(e.value) and source in str(e.value)
    assert "\n" not in str(e.value)


def test_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SourceError, match="cannot be listed: Permission denied"):
        expand(tmp_path)


def test_names_are_unique_and_say_where_from(tmp_path):
    for split in ("training", "testing"):
        touch(tmp_path / split / "videos" / "01.mp4", tmp_path / split / "videos" / "02.mp4")
    touch(tmp_path / "solo.mp4")
    sources = [tmp_path / "training", tmp_path / "testing" / "videos" / "01.mp4", tmp_path / "solo.mp4"]
    assert names(expand_all(sources)) == ["training_videos_01", "02", "testing_videos_01", "solo"]
    touch(tmp_path / "a" / "x.mp4", tmp_path / "b" / "x.mp4")
    assert names(expand_all([tmp_path / "a", tmp_path / "b"])) == ["a_x", "b_x"]


def test_same_stem_in_one_folder_gets_numbers(tmp_path):
    touch(tmp_path / "x.avi", tmp_path / "x.mp4", tmp_path / "X.mkv", tmp_path / "x_2.mp4")
    got = names(expand(tmp_path))
    assert got == ["x", "X_3", "x_4", "x_2"] and len({n.casefold() for n in got}) == 4


def test_a_prefixed_name_never_takes_another_videos_name(tmp_path):
    touch(tmp_path / "a" / "x.mp4", tmp_path / "b" / "x.mp4", tmp_path / "a_x.mp4")
    got = names(expand_all([tmp_path / "a", tmp_path / "b", tmp_path / "a_x.mp4"]))
    assert got == ["a_x", "b_x", "a_x_2"]


def test_given_twice_taken_once(tmp_path):
    touch(tmp_path / "x.mp4")
    assert names(expand_all([tmp_path, tmp_path / "x.mp4", os.path.relpath(tmp_path / "x.mp4")])) == ["x"]


def test_as_ref(tmp_path):
    touch(tmp_path / "x.mp4", tmp_path / "f.1" / "1.png")
    assert as_ref(str(tmp_path / "x.mp4")).kind == "file"
    assert as_ref(tmp_path / "f.1") == VideoRef("f.1", tmp_path / "f.1", "frames")
    ref = VideoRef("n", tmp_path, "file")
    assert as_ref(ref) is ref
    with pytest.raises(SourceError, match="no such file"):
        as_ref(tmp_path / "gone")
