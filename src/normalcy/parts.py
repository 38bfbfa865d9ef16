"""Parts that a setting chooses by name and that have a file of their own: where each of them stands.

A new one is its file and a line here. The settings, the command line and the documentation take their names from here, and
``tests/contract`` holds every part to what its kind promises. Nothing is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

DETECTORS = {
    "auto": "normalcy.detection.choice:AutoDetector",
    "motion": "normalcy.detection.motion:MotionDetector",
    "onnx": "normalcy.detection.yolox:YoloxDetector",
    "both": "normalcy.detection.union:MergedDetector",
    "file": "normalcy.detection.boxes_file:GivenBoxes",
}
"""``objects.detector``: see normalcy.detection.base.DetectorKind."""
ENCODERS = {"light": "normalcy.nn.light:LightEncoder", "i3d": "normalcy.nn.i3d:I3D"}
"""``encoder.name``: see normalcy.nn.encoder.Encoder."""


def part(kind: Mapping[str, str], name: str) -> Any:
    """The class of a name in one of the tables. Raises KeyError for a name that is not there."""
    module, _, attribute = kind[name].partition(":")
    return getattr(import_module(module), attribute)
