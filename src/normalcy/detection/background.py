"""What a fixed camera shows where nothing is: the median of samples of the last seconds, and how far pixels stray from it."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLES = 24
STALE = 0.2
"""The median is taken anew when this share of the samples is."""

Image = NDArray[np.uint8]


class Background:
    """The median of frames of the last ``memory_s`` seconds, and how far they stray from it. Early on it takes every frame."""

    def __init__(self, first: Image, fps: float, memory_s: float) -> None:
        self.image: Image = first
        """(h, w, 3) uint8."""
        self.noise: NDArray[np.float32] = np.zeros(first.shape[:2], np.float32)
        """(h, w) standard deviation in grey levels, by the median of differences: what passes by does not raise it."""
        self._samples = [first]
        self._count, self._every, self._new = 1, 1, 0
        self._slowest = max(1, round(memory_s * fps / SAMPLES))

    def add(self, image: Image, without: NDArray[np.bool_] | None = None) -> None:
        """Take in the next frame. without: (h, w) where it shows things that are not to become background."""
        self._count += 1
        if self._count % self._every:
            return
        if without is not None and without.any():
            image = image.copy()
            image[without] = self.image[without]
        self._samples.append(image)
        self._new += 1
        if len(self._samples) > SAMPLES:
            if self._every < self._slowest:  # reach further back: every second one goes, and fewer come
                self._samples = self._samples[::2]
                self._every = min(2 * self._every, self._slowest)
            else:
                self._samples.pop(0)
        if self._new >= STALE * len(self._samples):
            self._refresh()

    def _refresh(self) -> None:
        self._new = 0
        self.image = middle(self._samples)
        self.noise = (1.4826 * middle([largest(cv2.absdiff(s, self.image)) for s in self._samples])).astype(np.float32)


def middle(images: Sequence[Image]) -> Image:
    """At each place the value in the middle of the images', the higher of two middle ones.

    By exchanging whole images, smaller values against larger ones, in the order of a sorting network (Batcher 1968): twenty
    times as fast as selecting place by place.
    """
    ranks = [i.copy() for i in images]
    spare = np.empty_like(ranks[0])
    for low, high in _exchanges(len(images)):
        np.minimum(ranks[low], ranks[high], out=spare)
        np.maximum(ranks[low], ranks[high], out=ranks[high])
        ranks[low], spare = spare, ranks[low]
    return ranks[len(images) // 2]


@functools.cache
def _exchanges(n: int) -> list[tuple[int, int]]:
    """The exchanges of Batcher's odd-even merge sort of n values that its middle output depends on."""
    network = []
    p = 1
    while p < n:
        k = p
        while k:
            for j in range(k % p, n - k, 2 * k):
                network += [(i, i + k) for i in range(j, min(j + k, n - k)) if i // (2 * p) == (i + k) // (2 * p)]
            k //= 2
        p *= 2
    needed, kept = {n // 2}, []
    for pair in reversed(network):
        if needed & set(pair):
            needed |= set(pair)
            kept.append(pair)
    return kept[::-1]


def largest(image: Image) -> Image:
    """(h, w, 3) -> (h, w) largest channel."""
    r, g, b = cv2.split(image)
    return np.asarray(cv2.max(cv2.max(r, g), b), dtype=np.uint8)
