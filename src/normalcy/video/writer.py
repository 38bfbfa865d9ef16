"""Writing H.264 video that any player and browser shows."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from normalcy.errors import OutputError, UsageError
from normalcy.files import put, remove, unfinished

_TICKS = 90_000
"""Time stamps per second: exact for all usual frame rates."""


class VideoWriter:
    """An mp4 (H.264, yuv420p, CRF 20, index in front) that appears under its name only when it is complete.

    Use as a context manager: on an exception nothing is left behind and an older file of that name stays. Odd sizes get
    their last column or row doubled (yuv420p needs even ones).
    """

    def __init__(self, path: str | Path, size: tuple[int, int], fps: float) -> None:
        """size: (width, height) of the pictures to come; fps: spacing of frames written without a time of their own.

        Raises UsageError for an impossible size or rate, OutputError where the folder cannot be written to.
        """
        w, h = size
        if w < 1 or h < 1 or not 0 < fps <= 1000:
            raise UsageError(f"{path}: cannot write video of {w}x{h} at {fps} frames/s")
        self._path, self._size, self._fps = Path(path), (w, h), fps
        self._last: int | None = None
        self._container: Any = None
        self._temporary = unfinished(self._path)
        try:
            self._temporary.open("xb").close()  # for the plain reason where the folder is missing or closed to us
            self._open()
        except (av.FFmpegError, OSError) as e:
            self.discard()
            raise self._failed(e) from e

    def _open(self) -> None:
        w, h = self._size
        self._container = av.open(f"file:{self._temporary}", "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream("libx264", rate=Fraction(self._fps).limit_denominator(1001))
        self._stream.width, self._stream.height = w + w % 2, h + h % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": "20", "preset": "veryfast"}
        self._stream.codec_context.time_base = Fraction(1, _TICKS)

    def write(self, image: NDArray[np.uint8], time_s: float | None = None) -> None:
        """Append one (H, W, 3) uint8 RGB picture, shown from ``time_s`` on; None: one frame period after the last.

        Stamps that do not grow are moved up by one tick (1/90000 s). Raises ValueError for another shape, OutputError
        where writing fails.
        """
        w, h = self._size
        if image.shape != (h, w, 3) or image.dtype != np.uint8:
            raise ValueError(f"expected a ({h}, {w}, 3) uint8 picture, got {image.shape} {image.dtype}")
        if w % 2 or h % 2:
            image = np.pad(image, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = self._stamp(time_s), Fraction(1, _TICKS)
        self._encode(frame)

    def _stamp(self, time_s: float | None) -> int:
        first = self._last is None
        if time_s is None:
            ticks = 0 if self._last is None else self._last + round(_TICKS / self._fps)
        else:
            ticks = round(time_s * _TICKS)
        self._last = ticks if first else max(ticks, (self._last or 0) + 1)
        return self._last

    def _encode(self, frame: Any) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as e:
            self.discard()
            raise self._failed(e) from e

    def close(self) -> None:
        """Finish the file and give it its name. Without any picture written: OutputError, no file. Safe to call twice."""
        if self._container is None:
            return
        if self._last is None:
            self.discard()
            raise OutputError(f"{self._path}: no picture was written to this video")
        self._encode(None)
        try:
            container, self._container = self._container, None
            container.close()
            put(self._temporary, self._path)
        except (av.FFmpegError, OSError) as e:
            self.discard()
            raise self._failed(e) from e

    def discard(self) -> None:
        """Stop and leave nothing behind. Safe to call twice."""
        container, self._container = self._container, None
        if container is not None:
            # The file is thrown away: that it cannot be finished does not matter.
            with suppress(av.FFmpegError, OSError, ValueError):
                container.close()
        remove(self._temporary)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _failed(self, e: Exception) -> OutputError:
        return OutputError(f"{self._path}: cannot write the video: {getattr(e, 'strerror', None) or e}")
