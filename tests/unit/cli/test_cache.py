"""cache: what it shows, what it removes, and that it asks first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from fakes import moving_square_video, write_video
from normalcy.detection.cache import FOLDER
from normalcy.video.cache import open_cache

Ran = tuple[int, str, str]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one video in two sizes, a file of boxes, one that a kill left behind, and two things of someone else's."""
    at = tmp_path / "cache"
    monkeypatch.setenv("NORMALCY_CACHE_DIR", str(at))
    video = write_video(tmp_path / "v.mp4", moving_square_video(5, 48, 64))
    for size in ((32, 24), None):
        open_cache(video, size)
    (at / FOLDER).mkdir()
    (at / FOLDER / f"{'0' * 32}.npz").write_bytes(b"x" * 1000)
    (at / FOLDER / ".unfinished-old").write_bytes(b"x" * 10)
    (at / FOLDER / "mine.npz").write_bytes(b"mine")
    (at / "mine.txt").write_bytes(b"mine")
    return at


def left(root: Path) -> list[str]:
    return sorted(p.name for p in root.rglob("*") if p.is_file())


def answers(monkeypatch: pytest.MonkeyPatch, yes: bool) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda text, err: yes)


def test_shows_place_and_size_and_touches_nothing(run: Callable[..., Ran], root: Path) -> None:
    before = left(root)
    code, out, err = run("cache")
    assert (code, err) == (0, "")
    assert str(root) in out and "2 decoded videos" in out and "GiB" in out
    found = json.loads(run("cache", "--json")[1])
    frames = sum(p.stat().st_size for p in root.rglob("*") if p.is_file() and len(p.parent.name) == 32)
    assert (found["folder"], found["videos"], found["frame_bytes"]) == (str(root), 2, frames)
    assert (found["boxes"], found["box_bytes"], found["bytes"]) == (2, 1010, frames + 1010)
    assert found["cleared"] is False and found["free_bytes"] > 0
    assert left(root) == before


def test_clear_leaves_what_is_not_ours(run: Callable[..., Ran], root: Path) -> None:
    code, out, _ = run("cache", "--clear", "--yes")
    assert code == 0 and "removed" in out and "2 videos" in out
    assert left(root) == ["mine.npz", "mine.txt"]
    found = json.loads(run("cache", "--clear", "--json")[1])  # nothing left: nothing to ask
    assert found["cleared"] is True and found["bytes"] == 0


def test_asks_first(run: Callable[..., Ran], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = left(root)
    answers(monkeypatch, False)
    code, out, err = run("cache", "--clear")
    assert (code, out) == (1, "") and "nothing was removed" in err
    assert left(root) == before
    answers(monkeypatch, True)
    assert run("cache", "--clear")[0] == 0
    assert left(root) == ["mine.npz", "mine.txt"]


def test_where_nobody_answers_it_wants_yes(run: Callable[..., Ran], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = left(root)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, out, err = run("cache", "--clear")
    assert (code, out) == (2, "") and "--yes" in err
    assert run("cache", "--yes")[0] == 2
    assert left(root) == before


def test_no_cache_yet(run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORMALCY_CACHE_DIR", str(tmp_path / "none" / "deeper"))
    code, out, _ = run("cache")
    assert code == 0 and "0.0 MiB of 0 decoded videos" in out
    assert run("cache", "--clear")[0] == 0
    assert not (tmp_path / "none").exists()
