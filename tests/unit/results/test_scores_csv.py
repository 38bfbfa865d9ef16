from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from normalcy.errors import DataError, OutputError
from normalcy.results.scores_csv import ScoreWriter, read_scores
from normalcy.types import FrameScore


def frame(i: int) -> FrameScore:
    return FrameScore(i, i / 25, i * 0.5, {"density": i * 1.0, "motion": -i * 1.0}, np.full((2, 3), i, np.float32))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    with ScoreWriter(tmp_path / "v", ["density", "motion"], maps=True) as w:
        for i in range(5):
            w.write(frame(i))
    assert (tmp_path / "v" / "scores.csv").read_text().splitlines()[0] == "frame,time_s,score,density,motion"
    s = read_scores(tmp_path / "v" / "scores.csv")
    assert s.name == "v"
    assert s.score.tolist() == [0, 0.5, 1, 1.5, 2]
    assert s.readouts["motion"].tolist() == [0, -1, -2, -3, -4]
    maps = np.load(tmp_path / "v" / "maps.npy", mmap_mode="r")
    assert maps.shape == (5, 2, 3)
    assert maps[3].tolist() == [[3, 3, 3], [3, 3, 3]]
    assert sorted(p.name for p in (tmp_path / "v").iterdir()) == ["maps.npy", "scores.csv"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    with ScoreWriter(tmp_path, ["density", "motion"]) as w:
        w.write(frame(1))
    before = (tmp_path / "scores.csv").read_text()
    with pytest.raises(RuntimeError), ScoreWriter(tmp_path, ["density", "motion"], maps=True) as w:
        w.write(frame(2))
        raise RuntimeError("the video broke off")
    assert (tmp_path / "scores.csv").read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["scores.csv"]


def test_a_file_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("not a folder")
    with pytest.raises(OutputError, match="v: cannot write scores"):
        ScoreWriter(tmp_path / "v", ["density"])


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "frame,time_s,score\n0,zero,1\n", "frame,time_s,score\n0,1\n"])
def test_anything_else_is_named_as_not_a_score_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(DataError, match=r"scores\.csv"):
        read_scores(tmp_path / "scores.csv")
