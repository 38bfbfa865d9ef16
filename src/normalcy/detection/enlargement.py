"""How much frames are enlarged before a model searches them: so that people come out at the height that it sees best."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.boxes import PERSON
from normalcy.detection.yolox import SHORT_SIDE, YoloxDetector
from normalcy.errors import SourceError
from normalcy.video.reader import VideoReader
from normalcy.video.source import VideoRef

PERSON_PX = 60.0
"""Height on the model's canvas at which a person, also seen from behind or half hidden, is still found."""
SMALL = 25.0
"""Percentile of people's heights that gets PERSON_PX: the far end of the scene counts, not its middle."""
TRIED = (480, 720)
"""Short sides that people are looked for at."""
SURE = 0.3
FEW = 10
"""Fewer people than this say nothing about a scene; then all boxes do, or nothing is changed."""
LARGEST = 1_000_000
"""Pixels of canvas at most: about 70 ms of one core for YOLOX-nano."""
VIDEOS, FRAMES, SPAN = 8, 24, 225
"""So many frames in all, of so many videos at most, from the first SPAN frames of each."""

Image = NDArray[np.uint8]
Progress = Callable[[int, int], None]
"""Called with the frames looked at and how many there will be at most."""


def choose_short_side(cfg: ObjectsConfig, videos: Sequence[VideoRef], progress: Progress | None = None) -> int:
    """The short side that frames of such video should be searched at.

    Never below 480, which costs little and which small things need, nor so large that a canvas has more than LARGEST pixels.
    Looks at few frames: the first seconds of some of the videos. Those that cannot be read are passed over.
    Raises UsageError, WeightsError from the detector.
    """
    images: list[Image] = []
    for image in _some_frames(videos):
        images.append(image)
        if progress is not None:
            progress(len(images), FRAMES)
    if not images:
        return SHORT_SIDE
    heights = max((_heights(cfg, side, images) for side in TRIED), key=len)
    if len(heights) < FEW:
        return SHORT_SIDE
    short, long = np.median([sorted(i.shape[:2]) for i in images], axis=0)
    largest = int(np.sqrt(LARGEST * short / long))
    wanted = round(PERSON_PX / max(float(np.percentile(heights, SMALL)), 1.0) * float(short))
    return max(min(wanted, largest), SHORT_SIDE)


def _some_frames(videos: Sequence[VideoRef]) -> Iterator[Image]:
    chosen = np.unique(np.linspace(0, len(videos) - 1, min(VIDEOS, len(videos))).round().astype(int))
    apart = SPAN * len(chosen) // FRAMES
    for i in chosen:
        try:
            with VideoReader(videos[i]) as reader:
                for frame in itertools.islice(reader, 0, SPAN, apart):
                    yield frame.image
        except SourceError:  # training says what is wrong with it
            continue


def _heights(cfg: ObjectsConfig, side: int, images: Sequence[Image]) -> NDArray[np.float32]:
    """Heights of the people found in frames searched at one short side, of all objects where there are hardly any people."""
    detector = YoloxDetector(cfg.model_copy(update={"short_side": side, "min_score": SURE, "tiles": 1}))
    found = [detector.push(image) for image in images]
    heights, label = (
        np.concatenate(a) for a in zip(*((b.xyxy_N4[:, 3] - b.xyxy_N4[:, 1], b.label_N) for b in found), strict=True)
    )
    return heights[label == PERSON] if (label == PERSON).sum() >= FEW else heights
