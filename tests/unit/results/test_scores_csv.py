from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from made_results import write_products
from normalcy.errors import DataError
from normalcy.results.maps_npy import MapsNpy
from normalcy.results.scores_csv import ScoresCsv, read_scores
from normalcy.types import FrameScore


def frame(i: int) -> FrameScore:
    return FrameScore(i, i / 25, i * 0.5, {"density": i * 1.0, "motion": -i * 1.0}, np.full((2, 3), i, np.float32))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_products(tmp_path / "v", [frame(i) for i in range(5)], [ScoresCsv, MapsNpy])
    assert (tmp_path / "v" / "scores.csv").read_text().splitlines()[0] == "frame,time_s,score,density,motion"
    s = read_scores(tmp_path / "v" / "scores.csv")
    assert s.name == "v"
    assert s.score.tolist() == [0, 0.5, 1, 1.5, 2]
    assert s.readouts["motion"].tolist() == [0, -1, -2, -3, -4]


@pytest.mark.parametrize("count", [1, 9, 10, 12345])
def test_maps_of_any_number_of_frames(tmp_path: Path, count: int) -> None:
    """The header, which says how many there are, is written over one of the same length."""
    write_products(tmp_path / "v", [frame(i % 7) for i in range(count)], [MapsNpy])
    maps = np.load(tmp_path / "v" / "maps.npy", mmap_mode="r")
    assert maps.shape == (count, 2, 3) and maps.dtype == np.float16
    assert (np.asarray(maps[:, 1, 2]) == np.arange(count) % 7).all()


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "frame,time_s,score\n0,zero,1\n", "frame,time_s,score\n0,1\n"])
def test_anything_else_is_named_as_not_a_score_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(DataError, match=r"scores\.csv"):
        read_scores(tmp_path / "scores.csv")
