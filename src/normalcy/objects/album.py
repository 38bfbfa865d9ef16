"""Where the normal sightings of a model were seen, and which of them a picture is kept of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.cues.base import Novelty
from normalcy.objects.normal import Normal
from normalcy.objects.sightings import EDGE, Floats, Sightings
from normalcy.scoring.exemplars import Exemplar, Wanted, chosen_tracks


@dataclass(frozen=True, slots=True)
class Album:
    """Where the normal sightings of a model were seen, by row."""

    videos: list[str]
    video_N: NDArray[np.int64]
    frame_N: NDArray[np.int64]
    box_N4: Floats
    """x as a share of the width, y of the height."""
    label_N: NDArray[np.int64] | None = None
    """COCO-80 class, -1 where the detector knows none; None in models of before."""

    @classmethod
    def of(cls, s: Sightings, videos: Sequence[str]) -> Self:
        """videos: names, by number."""
        return cls(list(videos), s.video_N, s.frame_N, s.box_N4, s.label_N)

    def row_of(self, video: str, frame: int, box: Sequence[float]) -> int | None:
        """The sighting of this video and frame whose box is nearest to this one."""
        if video not in self.videos:
            return None
        rows = np.flatnonzero((self.video_N == self.videos.index(video)) & (self.frame_N == frame))
        if not len(rows):
            return None
        return int(rows[np.abs(self.box_N4[rows] - np.array(box)).sum(axis=1).argmin()])


def wanted_of(normal: Normal, album: Album, scene: int, most: int) -> list[Wanted]:
    """Of each remembered track its best view, whole and large; of at most ``most`` tracks, spread over places and kinds."""
    memory = normal.locality
    row = memory.row_M
    compared = np.ones(len(row), np.bool_)
    for cue in normal.cues:
        if isinstance(cue, Novelty) and len(cue.rows):
            compared &= np.isin(row, cue.rows)
    box = album.box_N4[row]
    height = box[:, 3] - box[:, 1]
    whole = (box > EDGE).all(axis=1) & (box < 1 - EDGE).all(axis=1)
    # What every cue can be compared with comes first, then what the border does not cut, then what is large.
    order = np.lexsort((height, whole, compared, memory.track_M))
    best = order[np.r_[np.diff(memory.track_M[order]) > 0, True]] if len(order) else order
    label = np.full(len(best), -1, np.int64) if album.label_N is None else album.label_N[row[best]]
    out = []
    for k in chosen_tracks(memory.place_MP[best], label, most).tolist():
        r = int(row[best[k]])
        x1, y1, x2, y2 = (min(max(float(v), 0.0), 1.0) for v in album.box_N4[r])
        out.append(Wanted(int(album.video_N[r]), int(album.frame_N[r]), (x1, y1, x2, y2), scene, r, int(label[k])))
    return out


def most_like(
    normal: Normal, album: Album, row: int, parts: dict[str, float], exemplars: Sequence[Exemplar], n: int
) -> list[Exemplar]:
    """The n pictures of normal objects that are nearest to normal sighting ``row`` by the cue that spoke loudest of an object.

    parts: what each cue added to the object's score. exemplars: of this scene's objects. Nearest first.
    """
    if not exemplars:
        return []
    rows = np.array([e.row for e in exemplars])
    for cue in sorted(normal.cues, key=lambda c: -parts.get(c.name, 0.0)):
        if not isinstance(cue, Novelty):
            continue
        own, others = cue.known(np.array([row])), cue.known(rows)
        if np.isfinite(own).all() and own.shape[1]:
            apart = np.linalg.norm(others - own, axis=1)
            order = np.argsort(np.where(np.isfinite(apart), apart, np.inf), kind="stable")
            return [exemplars[i] for i in order[:n].tolist()]
    where = np.array([e.box for e in exemplars], dtype=np.float64)
    order = np.abs(where - album.box_N4[row]).sum(axis=1).argsort(kind="stable")
    return [exemplars[i] for i in order[:n].tolist()]
