"""A folder of pictures that are the frames of one video."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import cv2.utils.logging as cv2_log
import numpy as np
from numpy.typing import NDArray

from normalcy.errors import SourceError, UsageError, VideoError
from normalcy.types import Frame, VideoInfo
from normalcy.video.source import VideoRef, list_pictures

_END_MARKS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}
"""First bytes -> what must stand near the end: JPEG, PNG. Some decoders fill a cut JPEG with grey and say nothing."""


class PictureFolder:
    """The pictures directly in a folder, in natural order. Same methods as a video file; frame i is at i / fps seconds.

    Grey pictures become RGB, alpha is dropped, 16-bit values keep their upper 8 bits, EXIF orientation is honoured.
    """

    def __init__(self, ref: VideoRef, fps: float) -> None:
        """Raises SourceError (missing, empty), VideoError (first picture unreadable), UsageError (fps)."""
        if not (math.isfinite(fps) and fps > 0):
            raise UsageError(f"fps of a folder of frames must be a positive number, got {fps}")
        if not ref.path.is_dir():
            raise SourceError(f"{ref.path}: no such folder")
        self._folder = ref.path
        self._paths = list_pictures(ref.path)
        if not self._paths:
            raise SourceError(f"{ref.path}: no pictures in this folder")
        h, w, _ = self._load(0).shape
        self.info = VideoInfo(ref.name, ref.path, w, h, fps, len(self._paths))

    def close(self) -> None:
        """Nothing stays open between two pictures."""

    def count(self) -> int:
        """Number of pictures, none decoded."""
        return len(self._paths)

    def frames(self, size: tuple[int, int] | None) -> Iterator[Frame]:
        """Frames in natural order, RGB, resized to ``size`` (width, height) by area averaging.

        Raises VideoError naming the picture and its frame index where one cannot be read or has another size.
        """
        own = (self.info.width, self.info.height)
        for index, path in enumerate(self._paths):
            image = self._load(index)
            found = (image.shape[1], image.shape[0])
            if found != own:
                raise VideoError(
                    f"{path}: the picture size changes from {own[0]}x{own[1]} to {found[0]}x{found[1]} at frame {index}"
                )
            if size and size != own:
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            yield Frame(index, index / self.info.fps, image)

    def _load(self, index: int) -> NDArray[np.uint8]:
        path = self._paths[index]
        try:
            return decode_picture(path)
        except OSError as e:
            reason = f"cannot be read: {e.strerror}"
        except ValueError as e:
            reason = str(e)
        raise VideoError(f"{path}: {reason}; reading stopped at frame {index}")


def decode_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of one picture. Raises OSError, or ValueError with the reason where it is no whole picture."""
    data = path.read_bytes()  # not cv2.imread, which gives no reason and fails on some names
    if not data:
        raise ValueError("the picture is empty (0 bytes)")
    for start, end in _END_MARKS.items():
        if data.startswith(start) and end not in data[-4096:]:
            raise ValueError("the picture is cut off")
    level = cv2_log.getLogLevel()
    cv2_log.setLogLevel(cv2_log.LOG_LEVEL_SILENT)  # its own complaints would go to stderr beside ours
    try:
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        image = None
    finally:
        cv2_log.setLogLevel(level)
    if image is None:
        raise ValueError("not a readable picture")
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(f"pixels of type {image.dtype} are not supported; write 8 or 16 bit")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
