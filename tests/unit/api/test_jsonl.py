"""Files of one JSON object per line: whole lines whatever happens, and several writers at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from normalcy.errors import DataError, OutputError
from normalcy.files import append_line, read_lines

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
