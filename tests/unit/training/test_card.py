"""The model card says what was learned, from what, and how far to trust it."""

from __future__ import annotations

from typing import Any

import pytest

from made_models import tiny_config
from normalcy.scoring.threshold import Threshold
from normalcy.training.card import card

THRESHOLD = Threshold(2.345, 1.0, 0.05, 7, 1.5, 0.2, "exponential")


def facts(videos: int = 2, **figures: float) -> dict[str, Any]:
    return {
        "trained_on": [{"name": f"video{i}", "frames": 1500, "fps": 25.0} for i in range(videos)],
        "held_out": [{"video": "video1", "frames": [1200, 1500]}],
        "figures": figures,
        "device": "cpu",
        "precision": "bf16",
        "torch": "9.9",
    }


def test_what_it_learned_from() -> None:
    text = card(tiny_config(), facts(), THRESHOLD)
    assert text.startswith("# ") and text.endswith("\n")
    assert "2 normal videos, 3000 frames (2.0 minutes): video0, video1." in text
    assert "300 of these frames were held out" in text
    assert "No label was used" in text
    for part in (
        "`tiny`",
        "`light`",
        "clips of 4 frames at step 1",
        "density, frame_density, velocity",
        "bf16",
        "torch 9.9",
        "Seed 0",
    ):
        assert part in text


def test_the_alarm_and_what_it_rests_on() -> None:
    text = card(tiny_config(), facts(), THRESHOLD)
    assert f"2.345. {THRESHOLD.sentence()}" in text
    assert "3.0 minutes of normal video" in text


def test_accuracies_stand_beside_chance() -> None:
    figures = {"encoder/val/continuity_accuracy": 0.8765, "encoder/val/continuity_loss": 0.5}
    text = card(tiny_config("clip.length=6"), facts(**figures), THRESHOLD)
    assert "- val/continuity_accuracy: 0.876" in text or "- val/continuity_accuracy: 0.877" in text
    assert "continuity_loss" not in text
    assert "localisation 0.250" in text
    assert "no task with an accuracy was on" in card(tiny_config(), facts(), THRESHOLD)


@pytest.mark.parametrize(("sets", "words"), [(("clip.fps=10",), "about 10 per second"), (("clip.step=3",), "step 3")])
def test_the_rate_of_clips(sets: tuple[str, ...], words: str) -> None:
    assert words in card(tiny_config(*sets), facts(), THRESHOLD)


def test_many_videos_are_not_all_named() -> None:
    text = card(tiny_config(), facts(videos=25), THRESHOLD)
    assert "video19 and 5 more." in text and "video20" not in text
