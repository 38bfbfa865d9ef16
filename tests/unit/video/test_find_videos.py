"""One source or several, found one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import moving_square_video, write_video
from normalcy.errors import SourceError
from normalcy.video.source import VideoRef, as_list, find_videos


def test_one_source_or_several() -> None:
    assert as_list("a") == ["a"]
    assert as_list(Path("a")) == [Path("a")]
    assert as_list(["a", Path("b")]) == ["a", Path("b")]
    with pytest.raises(SourceError, match="no source"):
        as_list([])


def test_find_keeps_what_is_there(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / "01.mp4", moving_square_video(4, 64, 96))
    refs, failed = find_videos([tmp_path / "a", tmp_path / "gone", tmp_path / "b"])
    assert [r.name for r in refs] == ["a_01", "b_01"]  # names are unique over all sources
    assert list(failed) == [str(tmp_path / "gone")]
    with pytest.raises(SourceError, match="gone"):
        find_videos(tmp_path / "gone")


def test_a_video_under_a_name_of_its_own(tmp_path: Path) -> None:
    """As data sets give them: the name stays, and one file may stand under two."""
    video = write_video(tmp_path / "01.mp4", moving_square_video(4, 64, 96))
    named = [VideoRef(name, video, "file") for name in ("Test001", "Test002")]
    refs, failed = find_videos(named)
    assert refs == named and not failed
    assert [r.name for r in find_videos([named[0], video])[0]] == ["Test001", "01"]
