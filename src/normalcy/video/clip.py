"""One clip of a camera as a video file: its packets as they are, or encoded anew where they cannot be put in an mp4."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from normalcy.errors import OutputError
from normalcy.files import put, remove, unfinished
from normalcy.video.writer import VideoWriter

if TYPE_CHECKING:
    from normalcy.video.ring import Entry, Segment

REMUXED = frozenset(("h264", "hevc", "av1", "vp9", "mpeg4"))
"""Codecs that players and browsers take in an mp4."""
JUMP_S = 5.0
"""A step of the stamps beyond this is a fault of the stream: the clip goes on one frame later."""
Image = NDArray[np.uint8]


class Clip(Protocol):
    """A video file in the making. It appears under its name when closed."""

    def add(self, entry: Entry) -> None:
        """Append a packet. Raises OutputError; the file is then given up."""
        ...

    def close(self) -> None:
        """Finish the file. Raises OutputError."""
        ...


class RemuxedClip:
    """Packets copied into an mp4; begins with a key frame."""

    def __init__(self, path: Path, segment: Segment, paint: object = None) -> None:
        self._path = path
        self._part = unfinished(path)
        self._period = Fraction(1) / Fraction(segment.fps).limit_denominator(1001)
        self._last: Fraction | None = None
        self._shift = Fraction(0)
        self._begun = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._container: Any = av.open(f"file:{self._part}", "w", format="mp4", options={"movflags": "+faststart"})
            self._stream = self._container.add_stream_from_template(segment.template, opaque=True)
        except (av.FFmpegError, OSError, ValueError) as e:
            self._discard()
            raise self._failed(e) from e

    def add(self, entry: Entry) -> None:
        if not self._begun and not entry.key:
            return
        stamp = entry.dts if entry.dts is not None else entry.pts
        if stamp is None:
            dts = pts = Fraction(0) if self._last is None else self._last + self._period
        else:
            dts = stamp * entry.base
            pts = dts if entry.pts is None else entry.pts * entry.base
            if self._last is None:
                self._shift = -dts
            elif not 0 < dts + self._shift - self._last < JUMP_S:
                self._shift = self._last + self._period - dts
            dts, pts = dts + self._shift, pts + self._shift
        self._last, self._begun = dts, True
        packet: Any = av.Packet(entry.data)
        packet.time_base = Fraction(1, 90_000)
        packet.dts, packet.pts = round(dts * 90_000), round(max(pts, dts) * 90_000)
        packet.is_keyframe, packet.stream = entry.key, self._stream
        try:
            self._container.mux(packet)
        except (av.FFmpegError, OSError, ValueError) as e:
            self._discard()
            raise self._failed(e) from e

    def close(self) -> None:
        if not self._begun:
            self._discard()
            raise OutputError(f"{self._path}: no clip: no key frame came")
        try:
            self._container.close()
            put(self._part, self._path)
        except (av.FFmpegError, OSError, ValueError) as e:
            self._discard()
            raise self._failed(e) from e

    def _discard(self) -> None:
        container = getattr(self, "_container", None)
        if container is not None:
            with suppress(av.FFmpegError, OSError, ValueError):
                container.close()
        remove(self._part)

    def _failed(self, e: Exception) -> OutputError:
        return OutputError(f"{self._path}: cannot write the clip: {getattr(e, 'strerror', None) or e}")


class EncodedClip:
    """Packets or picture files decoded, painted over where asked, and encoded."""

    def __init__(self, path: Path, segment: Segment, paint: Callable[[Image], Image] | None = None) -> None:
        from normalcy.video.ring import decoder_of

        self._segment, self._paint = segment, paint
        self._path, self._start = path, 0.0
        self._decoder = None if segment.codec is None else decoder_of(segment)
        self._writer: VideoWriter | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise OutputError(f"{path}: cannot write the clip: {e.strerror or e}") from e

    def add(self, entry: Entry) -> None:
        from normalcy.video.ring import decode_file, packet_of

        if self._decoder is None:
            self._write(decode_file(entry.data), entry.time_s)
            return
        try:
            frames = self._decoder.decode(packet_of(entry))
        except (av.FFmpegError, ValueError):
            return
        for frame in frames:
            image = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
            self._write(self._segment.upright(image), entry.time_s)

    def _write(self, image: Image, time_s: float) -> None:
        if self._writer is None:
            self._writer = VideoWriter(self._path, (image.shape[1], image.shape[0]), self._segment.fps)
            self._start = time_s
        self._writer.write(image if self._paint is None else self._paint(image), time_s - self._start)

    def close(self) -> None:
        if self._writer is None:
            raise OutputError(f"{self._path}: no clip: no picture could be decoded")
        self._writer.close()
