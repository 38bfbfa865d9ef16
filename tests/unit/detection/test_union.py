"""A model's boxes, and motion boxes beside them."""

from __future__ import annotations

import numpy as np

from normalcy.config import ObjectsConfig
from normalcy.detection.boxes import Boxes
from normalcy.detection.motion import MotionDetector
from normalcy.detection.union import MergedDetector
from objects_help import Scripted, boxes, textured


def walk(known: Boxes, frames: int = 12) -> tuple[MergedDetector, list[Boxes]]:
    """A bright thing of 12x30 pixels that comes in at (20, 40), seen by a model that always says ``known``, and by motion."""
    first = Scripted([known] * (10 + frames))
    both = MergedDetector(first, MotionDetector(ObjectsConfig()))
    both.reset("01", 10.0)
    ground, found = textured(120, 160), []
    for t in range(-10, frames):
        image = ground.copy()
        if t >= 0:
            image[40:70, 20 + 4 * t : 32 + 4 * t] = (230, 200, 180)
        found.append(both.push(image))
    del found[:10]
    both.finish()
    assert first.ended
    return both, found


def test_what_the_model_does_not_know_has_a_box_by_its_motion() -> None:
    person = boxes((100, 80, 110, 110), score=0.9, label=0)
    _, found = walk(person)
    for t, b in enumerate(found[1:], start=1):
        assert b.label_N.tolist() == [0, -1] and b.xyxy_N4[0].tolist() == [100, 80, 110, 110]
        assert np.abs(b.xyxy_N4[1] - [20 + 4 * t, 40, 32 + 4 * t, 70]).max() <= 3


def test_what_the_model_has_is_not_found_twice() -> None:
    _, found = walk(boxes((19, 39, 90, 71), score=0.9, label=0))
    assert [len(b) for b in found] == [1] * 12


def test_without_a_model_box_it_is_motion_alone() -> None:
    _, found = walk(Boxes.none())
    assert [len(b) for b in found] == [1] * 12


def test_the_key_is_of_both_parts() -> None:
    both, _ = walk(Boxes.none(), 1)
    assert "scripted" in both.key and MotionDetector(ObjectsConfig()).key in both.key
