"""Small frozen values that travel between the stages. Images are RGB, coordinates are pixels of the source video.

Shape legend used across the project: B batch, C channels, T frames, H height, W width, D feature channels,
N frames of a video, h and w the places of a score map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[str, int, int | None, Mapping[str, float]], None]
"""Called with (stage, done, total or None where it is not known, latest figures).

Figures of a training: ``train/NAME_loss`` and ``train/NAME_accuracy`` of each task, the same with ``val/`` on held-out video,
and ``chance/NAME``, the accuracy of guessing.
"""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in source pixels, x2 and y2 exclusive."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before it is decoded to its end."""

    name: str
    """Unique within one run; the name of the output folder."""
    path: Path
    width: int
    """Width in pixels as the picture is to be seen: pixels made square, rotation metadata applied."""
    height: int
    fps: float
    """Mean frame rate (frames per second); time stamps, not this, say when a frame was."""
    frames: int | None
    """Frame count where it is known without decoding (frame folders), else None."""
    rotation: int = 0
    """Degrees clockwise that the reader turns the picture by, from the container's metadata."""


class Piece(NamedTuple):
    """Frames start (inclusive) to stop (exclusive) of one training video of many, and the step its clips are read with."""

    video: int
    start: int
    stop: int
    step: int = 1

    @property
    def frames(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture with its place in time."""

    index: int
    """0-based position in decoding (presentation) order."""
    time_s: float
    """True presentation time in seconds on the container's clock, whose start is 0; strictly rising."""
    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB."""
    segment: int = 0
    """Counts the stretches without a gap of more than a second or a change of the picture's size. Nothing that looks at several
    frames may reach from one into the next."""

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"Frame image must be (H, W, 3) uint8, got {self.image.shape} {self.image.dtype}")

    def __repr__(self) -> str:
        h, w, _ = self.image.shape
        return f"Frame(index={self.index}, time_s={self.time_s:.3f}, {w}x{h})"


@dataclass(frozen=True, slots=True)
class Similar:
    """A normal sighting that something is compared with."""

    video: str
    """Name of the training video."""
    frame: int
    box: Box
    """x1, y1, x2, y2: x as a share of the picture's width, y of its height."""


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """How abnormal one object of one frame is."""

    track: int
    """The same number for the same object in other frames of the video."""
    box: Box
    """In source pixels."""
    score: float
    """0 is typical of normal objects of its place and size, 1 as high as the highest object of nearly any normal frame."""
    label: int
    """COCO-80 class, -1 where the detector knows none."""
    readout: str
    """Name of the readout that fired most."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What each readout adds to the score, where the level tells."""
    why: str = ""
    """In plain words; empty for an ordinary object."""
    like: Similar | None = None
    """The nearest normal sighting, for an object that has a ``why``."""


@dataclass(frozen=True, slots=True)
class FrameScore:
    """How abnormal one frame is. Higher is more abnormal; 0 is typical of normal video."""

    frame: int
    time_s: float
    score: float
    readouts: Mapping[str, float]
    """Calibrated value of each readout, same unit as the score."""
    map: NDArray[np.float32] | None = field(default=None, repr=False)
    """(h, w) fused score map on the encoder's grid; covers the whole picture."""
    objects: tuple[ObjectScore, ...] = field(default=(), repr=False)
    """The scored objects, at object level."""


@dataclass(frozen=True, slots=True)
class Event:
    """A stretch of frames above the threshold."""

    start_frame: int
    end_frame: int
    """Last frame of the event, inclusive."""
    peak_frame: int
    start_s: float
    end_s: float
    peak_s: float
    peak: float
    """Highest frame score in the event."""
    region: Box | None
    """Box around the most abnormal region at the peak frame."""
    readout: str
    """Name of the readout that fired most at the peak."""


@dataclass(frozen=True, slots=True)
class VideoScores:
    """All frame scores of one video, first frame to last. Arrays share their length N."""

    name: str
    time_s: NDArray[np.float64]
    score: NDArray[np.float64]
    readouts: Mapping[str, NDArray[np.float64]]

    def __post_init__(self) -> None:
        n = len(self.score)
        for label, a in [("time_s", self.time_s), *self.readouts.items()]:
            if a.shape != (n,):
                raise ValueError(f"{self.name}: {label} has shape {a.shape}, expected ({n},)")

    def __repr__(self) -> str:
        end = float(self.time_s[-1]) if len(self.time_s) else 0.0
        return f"VideoScores({self.name!r}, {len(self.score)} frames, {end:.1f} s, readouts={list(self.readouts)})"
