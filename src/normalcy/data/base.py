"""What every benchmark reader yields: training videos without labels, test videos with lazy labels, masks and tracks.

A training video has no field that could hold a label, so nothing that learns can see one. Readers only list files;
labels, masks and tracks are read when they are asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from normalcy.errors import DataError
from normalcy.video.reader import count_frames
from normalcy.video.source import VideoRef

Labels = NDArray[np.uint8]
"""(N,) uint8, one per frame: 1 abnormal, 0 normal."""
Masks = NDArray[np.bool_]
"""(N, H, W) bool: pixels that belong to an anomaly, in source pixels."""
Tracks = NDArray[np.float64]
"""(K, 6) float64, rows track_id, frame (0-based), x1, y1, x2, y2 in source pixels (x2, y2 exclusive)."""

Part = Literal["train", "test", "labels", "masks"]
"""What a task can require: footage to train on, footage to test on, frame labels, pixel masks."""
ONE_SCENE = "all"
"""Scene of every video where the data set has a single camera, or names none."""


@dataclass(frozen=True, slots=True)
class TrainVideo:
    """One normal video to learn from."""

    name: str
    ref: VideoRef
    scene: str = ONE_SCENE

    @property
    def present(self) -> bool:
        """Whether the footage is on disk."""
        return self.ref.path.exists()


@dataclass(frozen=True, slots=True)
class TestVideo:
    """One video to be judged on. ``labels()``, ``masks()`` and ``tracks()`` read their files and may raise DataError."""

    __test__: ClassVar[bool] = False  # the name is the field's word; it is not a test case

    name: str
    ref: VideoRef
    """Where the footage is, or would be: see :attr:`present`."""
    labels: Callable[[], Labels]
    scene: str = ONE_SCENE
    masks: Callable[[], Masks] | None = None
    tracks: Callable[[], Tracks] | None = None
    listed_frames: int | None = None
    """Frame count that the annotation itself states, where it states one beside the labels (UCF-Crime lists)."""
    labelled: bool = True
    """Whether the label set covers this video; without, ``labels()`` raises DataError."""
    needs_footage: bool = False
    """Whether the length of the labels is known from the footage alone, so that ``labels()`` fails without it."""
    reaches: int = 0
    """Frames that the annotated ranges need at least (0: labels are one value per frame, nothing can overhang)."""

    @property
    def present(self) -> bool:
        """Whether the footage is on disk."""
        return self.ref.path.exists()


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that the layout defines and that is not there."""

    part: Part
    what: str
    """What is missing and where it was looked for."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One benchmark as found on disk. Videos are in natural order of their names."""

    name: str
    root: Path
    train: tuple[TrainVideo, ...]
    test: tuple[TestVideo, ...]
    label_source: str
    """Which label set the test labels come from; part of every result."""
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def scenes(self) -> tuple[str, ...]:
        """Scene keys of all videos, sorted, each once."""
        return tuple(sorted({v.scene for v in self.train} | {v.scene for v in self.test}))

    def require(self, parts: Iterable[Part]) -> None:
        """Raise DataError naming everything that is missing of ``parts``; do nothing when all of it is there."""
        wanted = set(parts)
        wanted |= {"labels"} if "test" in wanted else set()  # footage without labels cannot be tested on
        lines = [g.what for g in self.gaps if g.part in wanted]
        if lines:
            raise DataError(f"{self.root}: not a complete copy of {self.name}. Missing: " + "; ".join(lines))

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}, train={len(self.train)}, test={len(self.test)}, scenes={len(self.scenes)}, "
            f"labels={self.label_source!r}, gaps={len(self.gaps)})"
        )


class Reader(Protocol):
    """A function that lists one layout. ``labels`` chooses the label set; None is the reader's default."""

    def __call__(self, root: Path, labels: str | None = None) -> Dataset: ...


def once(load: Callable[[], Labels]) -> Callable[[], Labels]:
    """``load`` with its (small) result kept, read-only: frame labels are asked for by several metrics."""

    @functools.cache
    def cached() -> Labels:
        labels = load()
        labels.setflags(write=False)
        return labels

    return cached


def frame_count(ref: VideoRef) -> int:
    """Exact frame count, decoded once per file and session: labels from ranges and the check both need it.

    Raises SourceError or VideoError as :func:`normalcy.video.reader.count_frames`.
    """
    if ref.kind == "frames" or not ref.path.is_file():
        return count_frames(ref)
    stat = ref.path.stat()
    return _decoded_count(ref, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=4096)
def _decoded_count(ref: VideoRef, mtime_ns: int, size: int) -> int:
    return count_frames(ref)


def find_gaps(
    train: Sequence[TrainVideo], test: Sequence[TestVideo], train_at: str, test_at: str, labels_at: str, masks_at: str
) -> tuple[Gap, ...]:
    """What the listed videos lack; the ``*_at`` texts say where the layout keeps each part."""
    gaps: list[Gap] = []
    if not train:
        gaps.append(Gap("train", f"training videos ({train_at})"))
    if not test:
        gaps += [Gap("test", f"test videos ({test_at})"), Gap("labels", f"test labels ({labels_at})")]
    absent = [v.name for v in train if not v.present]
    if absent:
        gaps.append(
            Gap("train", f"footage of {len(absent)} of {len(train)} training videos: {abbreviate(absent)} ({train_at})")
        )
    absent = [v.name for v in test if not v.present]
    if absent:
        gaps.append(Gap("test", f"footage of {len(absent)} of {len(test)} test videos: {abbreviate(absent)} ({test_at})"))
    bare = [v.name for v in test if not v.labelled]
    if bare:
        gaps.append(Gap("labels", f"labels of {len(bare)} of {len(test)} test videos: {abbreviate(bare)} ({labels_at})"))
    if not any(v.masks for v in test):
        gaps.append(Gap("masks", f"pixel masks ({masks_at})"))
    return tuple(gaps)


def abbreviate(names: Iterable[str], limit: int = 6) -> str:
    """A readable list of names, cut after ``limit``."""
    items = list(names)
    return ", ".join(items[:limit]) + (f" and {len(items) - limit} more" if len(items) > limit else "")
