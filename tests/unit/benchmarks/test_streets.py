"""benchmarks/streets.py: simulated data sets, and what is found by kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import streets
from normalcy.errors import DataError
from normalcy.types import VideoScores
from normalcy.virtual.anomalies import KINDS


def test_auc_is_within_the_clip_and_of_every_readout() -> None:
    v = VideoScores("01", np.arange(4.0), np.array([0.0, 1.0, 2.0, 3.0]), {"density": np.array([3.0, 2.0, 1.0, 0.0])})
    assert streets.within(v, np.array([0, 0, 1, 1], np.uint8)) == {"fused": 1.0, "density": 0.0}
    assert streets.within(v, np.ones(4, np.uint8)) == {}


def test_the_kind_that_is_found_best_comes_first() -> None:
    trained = {"on_grass": {"fused": [0.2, 0.4], "density": [0.5]}, "cart": {"fused": [0.9], "density": [1.0]}}
    random = {"cart": {"fused": [0.25, 0.75]}}
    assert streets.table(trained, random).splitlines()[2:] == [
        "| cart | 1 | 0.90 | 0.50 | 1.00 |",
        "| on grass | 2 | 0.30 | - | 0.50 |",
    ]


@pytest.mark.slow
def test_a_finished_street_is_kept_and_an_unfinished_one_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streets, "TRAIN_FRAMES", 3)
    monkeypatch.setattr(streets, "TEST_FRAMES", 4)
    made = streets.write(tmp_path, 5, 12)
    scene = json.loads((made / "scene.json").read_text())
    assert made == tmp_path / "street5" and {k for kinds in scene["kinds"].values() for k in kinds} == set(KINDS)
    video = made / "testing/videos/01.mp4"
    video.write_bytes(b"")
    streets.write(tmp_path, 5, 12)
    assert not video.read_bytes()
    (made / "scene.json").unlink()
    streets.write(tmp_path, 5, 12)
    assert video.read_bytes()


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("")
    with pytest.raises(DataError, match="no cell of a simulated street"):
        streets.kinds_text(tmp_path, [tmp_path / "r.jsonl"])
