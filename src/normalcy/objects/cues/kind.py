"""What sort of thing it is, in the detector's words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.cues.base import Arrays, Cue
from normalcy.objects.sightings import Floats, Sightings
from normalcy.objects.usual import UsualSpeed


class Kind(Cue):
    """How rare its class is among the tracks of normal video, in nats."""

    name = "kind"
    words = "is of a kind that is rare here"

    def __init__(self) -> None:
        self._label_K = np.zeros(0, np.int64)
        self._tracks_K = np.zeros(0)

    def fit(self, s: Sightings, usual: UsualSpeed) -> None:
        pairs = np.unique(np.stack([s.label_N, s.track_N], axis=1), axis=0)
        self._label_K, count = np.unique(pairs[:, 0], return_counts=True)
        self._tracks_K = count.astype(np.float64)

    def value(self, s: Sightings, usual: UsualSpeed) -> Floats:
        tracks = np.zeros(len(s))
        for label, count in zip(self._label_K.tolist(), self._tracks_K.tolist(), strict=True):
            tracks[s.label_N == label] = count
        return np.asarray(-np.log((tracks + 1) / (self._tracks_K.sum() + 2)))

    def state(self) -> Arrays:
        return {"label": self._label_K.astype(np.float32), "tracks": self._tracks_K.astype(np.float32)}

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._label_K, self._tracks_K = arrays["label"].astype(np.int64), arrays["tracks"].astype(np.float64)
