"""Files appear whole, all at once or not at all; lines are whole whatever happens, and several writers lose nothing."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import normalcy
from normalcy.errors import DataError, OutputError
from normalcy.files import Staging, append_line, read_lines, replacing, sweep, write_files


def test_nothing_shows_before_publish(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "a"
    with Staging(folder) as s:
        (s.path / "scores.csv").write_text("new")
        (s.path / "run.json").write_text("{}")
        assert not (folder / "scores.csv").exists()
        s.publish("run.json")
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


def test_no_moment_shows_a_finished_record_beside_files_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "run.json").write_text('{"finished": true}')
    moved: list[str] = []
    replace = Path.replace

    def spy(self: Path, target: Path) -> Path:
        if self.parent.parent == folder:
            assert json.loads((folder / "run.json").read_text()) == {"finished": False}
            moved.append(self.name)
        return replace(self, target)

    with Staging(folder) as s:
        for name in ("run.json", "a.csv", "z.png"):
            (s.path / name).write_text("new")
        monkeypatch.setattr(Path, "replace", spy)
        s.publish("run.json")
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
    killed = Staging(tmp_path, "01")
    (killed.__enter__().path / "maps.npy").write_text("half")
    with Staging(tmp_path, "02") as other:
        assert killed.path.exists(), "another video of the same folder may be at work"
        with Staging(tmp_path, "01"):
            assert not killed.path.exists() and other.path.exists()


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match=str(tmp_path / "a")), Staging(tmp_path / "a"):
        pass


def test_files_that_were_opened_are_closed_whatever_happens(tmp_path: Path) -> None:
    with Staging(tmp_path / "a") as s:
        done = s.open("a.csv")
        done.write("a,b\n")
        s.open("run.json").write("{}")
        s.publish("run.json")
    assert done.closed and (tmp_path / "a" / "a.csv").read_bytes() == b"a,b\n"
    with pytest.raises(KeyboardInterrupt), Staging(tmp_path / "b") as s:
        half = s.open("b.bin", "wb")
        raise KeyboardInterrupt
    assert half.closed and not (tmp_path / "b").exists()


def test_several_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()  # in the way of the second file
    (tmp_path / "a").write_text("old")
    write_files(tmp_path / "new", {"x": b"1", "y": b"2"})
    assert {p.name: p.read_bytes() for p in (tmp_path / "new").iterdir()} == {"x": b"1", "y": b"2"}
    with pytest.raises(OutputError, match=r"b: cannot be written"):
        write_files(tmp_path, {"b": b"new"})
    with pytest.raises(OutputError, match=r"/no/a: cannot be written"):
        write_files(tmp_path, {"a": b"new", "no/a": b"new"})
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "new"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_replacing_leaves_the_old_one_on_any_error(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(error), replacing(tmp_path / "a") as part:
        part.write_text("half")
        raise error
    with pytest.raises(error), replacing(tmp_path / "folder") as part:
        part.mkdir()
        raise error
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a", "old")]


def test_sweeping_spares_what_is_at_work(tmp_path: Path) -> None:
    old = time.time() - 7200
    for name in ("file", "folder", "busy"):
        path = tmp_path / f".unfinished-{name}"
        if name == "file":
            path.touch()
        else:
            path.mkdir()
            (path / "part").touch()
            os.utime(path / "part", (old, old) if name == "folder" else None)
        os.utime(path, (old, old))
    (tmp_path / ".other").touch()
    sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".other", ".unfinished-busy"]


def test_no_other_module_writes_under_a_final_name() -> None:
    """Whoever writes goes through normalcy.files: a module that makes temporary files or renames by itself is a second way."""
    source = Path(normalcy.__file__).parent
    strays = []
    for path in source.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
        calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
        own = {f.attr for f in calls if isinstance(f, ast.Attribute)} & {"rename", "renames", "mkdtemp", "write_text"}
        strays += [f"{path.relative_to(source)}: {n}" for n in sorted((names & {"tempfile"}) | own)]
    assert [s for s in strays if not s.startswith(("files.py:", "video/cache.py: write_text"))] == []


WRITE = """
import sys
from pathlib import Path
from normalcy.files import append_line
for i in range(20):
    append_line(Path(sys.argv[1]), {"who": int(sys.argv[2]), "i": i, "filler": "x" * 5000})
"""


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "r.jsonl"
    assert read_lines(path) == []
    append_line(path, {"a": 1})
    append_line(path, {"b": None})
    assert read_lines(path) == [(1, {"a": 1}), (2, {"b": None})]


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, str(path), str(who)]) for who in range(3)]
    assert [p.wait() for p in writers] == [0, 0, 0]
    found = [v for _, v in read_lines(path)]
    assert len(found) == 60
    for who in range(3):
        assert [v["i"] for v in found if v["who"] == who] == list(range(20))


def test_a_line_cut_short_is_passed_over_and_then_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    append_line(path, {"a": 1})
    with path.open("a") as f:
        f.write('{"a": 2')
    assert [v for _, v in read_lines(path)] == [{"a": 1}]
    append_line(path, {"a": 3})
    assert [json.loads(t) for t in path.read_text().splitlines()] == [{"a": 1}, {"a": 3}]


@pytest.mark.parametrize("line", ["no json", "[1]", "3"])
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"a": 1}\n\n' + line + "\n")
    with pytest.raises(DataError, match=r"r\.jsonl: line 3"):
        read_lines(path)


def test_what_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        append_line(tmp_path / "file" / "r.jsonl", {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_line(tmp_path / "r.jsonl", {"auc": float("nan")})
    assert not (tmp_path / "r.jsonl").exists()
