"""Parts that a setting chooses by name and that have a file of their own: where each of them stands.

A new one is its file and a row here. The settings, the command line and the documentation take its name and words from here,
and ``tests/contract`` holds every part to what its kind promises. Nothing is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part stands, and what it is."""

    where: str
    """module:class"""
    words: str
    """For people: a few words behind its name."""


@dataclass(frozen=True, slots=True)
class DetectorPart(Part):
    """A detector, and what it gives and needs."""

    classes: bool = False
    """Whether boxes come with class scores."""
    weights: bool = False
    """Whether it needs a model file (``objects.weights``)."""
    ready: bool = False
    """Whether it knows boxes already, so that no frame need be left out to save time."""
    requires: tuple[str, ...] = ()
    """Distributions that it needs beside those that are always installed."""


ONNX = ("onnxruntime",)
DETECTORS: dict[str, DetectorPart] = {
    "motion": DetectorPart("normalcy.detection.motion:MotionDetector", "what moves, no weights"),
    "onnx": DetectorPart("normalcy.detection.yolox:YoloxDetector", "a YOLOX model", classes=True, weights=True, requires=ONNX),
    "both": DetectorPart(
        "normalcy.detection.union:MergedDetector",
        "a YOLOX model, and what moves beside its boxes",
        classes=True,
        weights=True,
        requires=ONNX,
    ),
    "auto": DetectorPart("normalcy.detection.choice:AutoDetector", "both where weights are found, else motion", classes=True),
    "file": DetectorPart("normalcy.detection.boxes_file:GivenBoxes", "boxes of your own", classes=True, ready=True),
}
"""``objects.detector``: see normalcy.detection.base.DetectorKind."""
CUES: dict[str, Part] = {
    "appearance": Part("normalcy.objects.cues.appearance:Appearance", "how it looks"),
    "crop_appearance": Part("normalcy.objects.cues.crop_appearance:CropAppearance", "how its crop looks to an image encoder"),
    "speed": Part("normalcy.objects.cues.speed:Speed", "how fast it is for its place"),
    "gait": Part("normalcy.objects.cues.gait:Gait", "whether it walks or glides"),
    "direction": Part("normalcy.objects.cues.direction:Direction", "which way it moves"),
    "place": Part("normalcy.objects.cues.place:Place", "where it is"),
    "dwell": Part("normalcy.objects.cues.dwell:Dwell", "how long it stays"),
    "kind": Part("normalcy.objects.cues.kind:Kind", "what the detector takes it for"),
}
"""``objects.cues``: see normalcy.objects.cues.base.Cue."""
ENCODERS: dict[str, Part] = {
    "light": Part("normalcy.nn.light:LightEncoder", "trains on two CPU cores"),
    "i3d": Part("normalcy.nn.i3d:I3D", "the paper's"),
}
"""``encoder.name``: see normalcy.nn.encoder.Encoder."""


def load_part(kind: Mapping[str, Part], name: str) -> Any:
    """The class of a name in one of the tables. Raises KeyError for a name that is not there."""
    module, _, attribute = kind[name].where.partition(":")
    return getattr(import_module(module), attribute)


def choices(kind: Mapping[str, Part]) -> str:
    """All parts of a table in words."""
    return "; ".join(f"{name}: {p.words}" for name, p in kind.items())
