"""The newest picture of a camera at a size to look at, taken no more often than someone asks."""

from __future__ import annotations

import threading
import time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
WIDTH = 640
EVERY_S = 1.0
ASKED_S = 10.0
"""For so long after someone asked, pictures are taken."""


class Convertible(Protocol):
    """A decoded picture."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    def convert(self, size: tuple[int, int]) -> Image:
        """(H, W, 3) RGB at (width, height)."""
        ...


class Still:
    """Thread-safe. One thread offers pictures, others ask for the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = self._taken = float("-inf")
        self._image: Image | None = None

    def ask(self) -> None:
        """Someone looks: take pictures for a while."""
        self._asked = time.monotonic()

    def offer(self, picture: Convertible) -> None:
        """A picture was decoded; it costs something only where one is due."""
        now = time.monotonic()
        if now - self._asked > ASKED_S or now - self._taken < EVERY_S:
            return
        scale = min(1.0, WIDTH / picture.width)
        image = picture.convert((max(2, round(picture.width * scale)), max(2, round(picture.height * scale))))
        with self._lock:
            self._taken, self._image = now, image

    def newest(self) -> Image | None:
        """(H, W, 3) RGB, once for each picture; None where there is none that is new."""
        with self._lock:
            image, self._image = self._image, None
        return image
