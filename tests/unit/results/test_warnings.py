"""What a reader of the scores is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_results import context
from normalcy.results.warnings import warnings_of
from normalcy.scoring.settings import Alarm
from normalcy.video.damage import Damage


def test_nothing_to_say(tmp_path: Path) -> None:
    with context(tmp_path / "v", ["density"]) as c:
        assert warnings_of(c, 50, 0, Damage()) == []


@pytest.mark.parametrize(("fps", "says"), [(3.0, "moves more"), (7.0, "moves less"), (26.0, None), (50.0, None)])
def test_another_rate_than_the_training(tmp_path: Path, fps: float, says: str | None) -> None:
    """Clips are read with a step, so twice the rate of the training is no other rate."""
    with context(tmp_path / "v", ["density"], fps=fps, sets=["clip.fps=5"]) as c:
        told = warnings_of(c, 50, 0, Damage())
    assert (says is None and not told) or (says is not None and says in told[0])


def test_frames_that_repeat_or_are_missing(tmp_path: Path) -> None:
    with context(tmp_path / "v", ["density"]) as c:
        (repeated, jump) = warnings_of(c, 50, 2, Damage(pictures=50, long_steps=1, steps=49))
    assert "2 of 50 frames repeat" in repeated
    assert "1 of 49 time steps" in jump


def test_a_folder_of_frames_and_a_moved_threshold(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    with context(tmp_path / "v", ["density"], tmp_path / "frames", alarm=Alarm(None, "", "it was moved")) as c:
        told = warnings_of(c, 50, 0, Damage())
    assert told[0] == "it was moved" and "25 frames/s were assumed" in told[1]
