"""Results appear all at once or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from normalcy.errors import OutputError
from normalcy.files import Staging


def test_nothing_shows_before_publish(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "a"
    with Staging(folder) as s:
        (s.path / "scores.csv").write_text("new")
        (s.path / "run.json").write_text("{}")
        assert not (folder / "scores.csv").exists()
        s.publish("run.json", stale=())
    assert sorted(p.name for p in folder.iterdir()) == ["run.json", "scores.csv"]


def test_failure_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "scores.csv").write_text("old")
    with pytest.raises(RuntimeError), Staging(folder) as s:
        (s.path / "scores.csv").write_text("half")
        raise RuntimeError
    assert [(p.name, p.read_text()) for p in folder.iterdir()] == [("scores.csv", "old")]


def test_failure_leaves_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Staging(tmp_path / "a"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_record_leaves_first_and_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "run.json").write_text("old")
    moved: list[str] = []
    replace = Path.replace

    def spy(self: Path, target: Path) -> Path:
        assert not (folder / "run.json").exists()
        moved.append(self.name)
        return replace(self, target)

    with Staging(folder) as s:
        for name in ("run.json", "a.csv", "z.png"):
            (s.path / name).write_text("new")
        monkeypatch.setattr(Path, "replace", spy)
        s.publish("run.json", stale=())
    assert moved == ["a.csv", "z.png", "run.json"]


def test_stale_products_go_and_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for name in ("overlay.mp4", "notes.txt"):
        (folder / name).write_text("old")
    with Staging(folder) as s:
        (s.path / "run.json").write_text("{}")
        s.publish("run.json", stale=("overlay.mp4", "maps.npy"))
    assert sorted(p.name for p in folder.iterdir()) == ["notes.txt", "run.json"]


def test_leftovers_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    left = tmp_path / "a" / ".unfinished-abc"
    left.mkdir(parents=True)
    (left / "maps.npy").write_text("half")
    with Staging(tmp_path / "a"):
        assert not left.exists()


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match=str(tmp_path / "a")), Staging(tmp_path / "a"):
        pass
