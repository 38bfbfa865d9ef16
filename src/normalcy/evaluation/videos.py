"""Scored test videos beside their truth: what scoring left of each, joined with labels, masks and tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.data.base import TestVideo
from normalcy.data.files import difference
from normalcy.errors import DataError
from normalcy.results.layout import MAPS, OBJECTS, SCORES
from normalcy.results.objects_csv import detections
from normalcy.results.scored import ScoredVideo
from normalcy.results.scores_csv import read_scores
from normalcy.scoring.localise import regions
from normalcy.types import Event, VideoScores
from normalcy.video.reader import probe

BOX_LEVEL = 0.5
"""Map value above which connected places become a box for RBDC and TBDC: half of what nearly every normal place stays under.
Fixed for all data sets; low, so that the curve has false positives to spend."""

Loader = Callable[[], NDArray[Any]]
"""Reads an array when it is called."""


@dataclass(frozen=True, slots=True)
class ScoredTestVideo:
    """One scored test video beside its truth. What is None is not there, and what needs it is not measured."""

    scores: VideoScores
    """Times are NaN where they are not known; only alarms need them."""
    labels: NDArray[np.uint8]
    """(N,) 0 or 1."""
    masks: Loader | None = None
    """(N, H, W) bool, true anomalies."""
    tracks: Loader | None = None
    """(T, 6) boxes of true anomalies in source pixels, as :func:`normalcy.metrics.region.region_metrics` takes them."""
    maps: Loader | None = None
    """(N, h, w) score maps that cover the whole picture."""
    boxes: Callable[[tuple[int, int] | None], NDArray[np.float64]] | None = None
    """Picture size (width, height), None for that of the source -> (D, 6) frame, x1, y1, x2, y2, score of what was detected."""
    events: Sequence[Event] | None = None
    """What the event detector reported; None where there was no threshold."""

    @property
    def name(self) -> str:
        """The data set's name for it."""
        return self.scores.name


def join(test: Sequence[TestVideo], scored: Sequence[ScoredVideo], alarmed: bool) -> list[ScoredTestVideo]:
    """The videos of a data set with what scoring left of each. alarmed: whether a threshold was set, so that events mean
    something. Raises DataError naming both sides where a video's lengths differ."""
    by_name = {v.name: v for v in scored}
    out = []
    for v in test:
        folder = by_name[v.name].folder
        scores, labels = read_scores(folder / SCORES, v.name), v.labels()
        n, m = len(scores.score), len(labels)
        if n != m:
            raise DataError(
                f"{v.ref.path} has {n} frames, the labels of {v.name} have {m} ({difference(m, n, 'label')}); "
                "normalcy datasets check says more"
            )
        events = by_name[v.name].events if alarmed else None
        maps = map_loader(folder / MAPS)
        out.append(ScoredTestVideo(scores, labels, v.masks, v.tracks, maps, _detected(v, folder), events))
    return out


def _detected(v: TestVideo, folder: Path) -> Callable[[tuple[int, int] | None], NDArray[np.float64]]:
    """The scored objects, at object level; else the regions of every frame's map."""

    def boxes(size: tuple[int, int] | None) -> NDArray[np.float64]:
        if (folder / OBJECTS).is_file():
            return detections(folder / OBJECTS)
        if size is None:
            info = probe(v.ref)
            size = info.width, info.height
        maps = map_loader(folder / MAPS)()
        rows = [(i, *box, peak) for i, m in enumerate(maps) for box, peak in regions(m, size, BOX_LEVEL)]
        return np.array(rows, dtype=np.float64).reshape(-1, 6)

    return boxes


class Lazy(Mapping[str, NDArray[Any]]):
    """Arrays by name that are read when they are used, and not kept."""

    def __init__(self, loaders: Mapping[str, Loader]) -> None:
        self._loaders = loaders

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._loaders[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)


def map_loader(path: Path) -> Loader:
    """Reads (N, h, w) float32 maps when called. Raises DataError naming the file."""

    def read() -> NDArray[Any]:
        try:
            return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
        except (OSError, ValueError) as e:
            raise DataError(f"{path}: is not a file of score maps: {e}") from e

    return read
