"""One video file, decoded frame by frame with PyAV: exact count, true time stamps, rotation honoured, damage reported."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from normalcy.errors import SourceError, VideoError
from normalcy.types import Frame, VideoInfo
from normalcy.video.container import cut_off
from normalcy.video.source import VideoRef

RESTART_S = 1.0
"""A time stamp that falls back by more than this starts a new count (joined recordings); by less it is jitter."""
_JOINABLE = frozenset(("mpegts", "mpeg", "h264", "hevc", "m4v", "mpegvideo", "mjpeg"))
"""Stream formats that may begin and end anywhere: they declare no length."""
_DECLARES_DURATION = frozenset(("matroska", "webm", "flv"))
_FALLBACK_FPS = 25.0
# PyAV 19 reads any metadata; before, one tag that is not UTF-8 makes a good file unreadable unless told otherwise.
_OPEN: dict[str, Any] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}


class Turn(NamedTuple):
    """What the container's display matrix asks for: first transpose, then mirror."""

    transpose: bool
    mirror_x: bool
    mirror_y: bool
    degrees: int
    """The rotation in it, clockwise, a multiple of 90."""

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) as stored -> as it is to be seen."""
        out: Any = cv2.transpose(image) if self.transpose else image
        if self.mirror_x or self.mirror_y:
            out = cv2.flip(out, -1 if self.mirror_x and self.mirror_y else int(self.mirror_x))
        return np.ascontiguousarray(out, dtype=np.uint8)


def turn_of(frame: Any) -> Turn:
    """Read a frame's display matrix (FFmpeg: 3x3 of 16.16 fixed point, row vectors). Angles go to the nearest right angle."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if not data:
        return Turn(False, False, False, 0)
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(data), np.int32).reshape(3, 3).astype(int).tolist()
    transpose = abs(b) + abs(c) > abs(a) + abs(d)
    degrees = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
    return Turn(True, c < 0, b < 0, degrees) if transpose else Turn(False, a < 0, d < 0, degrees)


class Clock:
    """Time stamps as stored -> seconds from 0, never decreasing.

    A missing stamp continues at the mean rate. A stamp that falls back by more than RESTART_S belongs to a recording that was
    joined on: the count goes on from where it was, so that no stretch of frames shares one stamp.
    """

    def __init__(self, period_s: float) -> None:
        self._period = period_s
        self._last: float | None = None
        self._offset: float | None = None

    def __call__(self, stamp_s: float | None) -> float:
        """stamp_s: the frame's own stamp in seconds, or None."""
        expected = 0.0 if self._last is None else round(self._last + self._period, 9)
        if stamp_s is None:
            self._last = expected
            return expected
        if self._offset is None or (self._last is not None and stamp_s + self._offset < self._last - RESTART_S):
            self._offset = expected - stamp_s
        self._last = max(round(stamp_s + self._offset, 9), self._last or 0.0)  # 1.56, not 1.5599999999999998
        return self._last


class VideoFile:
    """A video file, opened. Decodes once from front to back; memory does not grow with length.

    When a file counts as broken (VideoError), and when not:

    - Its container declares more bytes than there are (MP4/MOV, AVI, Matroska/WebM): cut off, refused on opening.
    - A packet cannot be decoded, or the last one is cut: refused, naming the frame index where reading stopped.
    - An MP4/MOV delivers fewer packets, by more than one, than its sample index lists after edit lists; a Matroska or FLV
      stream ends more than max(1 s, 1 %) before its declared duration: cut off. Frame counts and durations in metadata decide
      nothing else: they are often off by a frame, and edit lists hide frames from them.
    - The size of the picture changes.
    - MPEG-TS/PS and raw streams declare no length and may begin and end anywhere: what can be decoded is the video. Pictures
      before the first key frame are not there, and a cut last one is no error.
    - A picture that the decoder repaired (some damage inside) stays: it has its place in time.
    """

    def __init__(self, ref: VideoRef) -> None:
        """Raises SourceError (no such file) or VideoError (see above), naming the file."""
        self._path = ref.path
        _check(ref)
        self._container = _open(ref)
        try:
            self._stream = _pick(self._container, ref)
            self._stream.thread_type = "AUTO"
            self._fps = _rate(self._stream)
            self._index = 0  # frames decoded so far
            self._decoded = self._decode()
            self._first = next(self._decoded)
        except BaseException:
            self._container.close()
            raise
        frame = self._first[0]
        self._turn = turn_of(frame)
        w, h = (frame.height, frame.width) if self._turn.transpose else (frame.width, frame.height)
        self.info = VideoInfo(ref.name, ref.path, w, h, self._fps, None, self._turn.degrees)

    def close(self) -> None:
        """Release the file. Safe to call twice."""
        self._decoded.close()
        self._container.close()

    def count(self) -> int:
        """Decode what is left without converting it; how many frames the file has if nothing was read before."""
        return 1 + sum(1 for _ in self._decoded)

    def frames(self, size: tuple[int, int] | None) -> Iterator[Frame]:
        """Frames in presentation order, RGB, turned upright, resized to ``size`` (width, height) by area averaging."""
        reformatter = VideoReformatter()
        w, h = size or (self.info.width, self.info.height)
        if self._turn.transpose:
            w, h = h, w
        index = 0
        pending: tuple[Any, float] | None = self._first
        while pending is not None:
            frame, time_s = pending
            # One thread: the same picture on any number of cores, and decoding already uses the others.
            rgb = reformatter.reformat(frame, w, h, "rgb24", interpolation=Interpolation.AREA, threads=1)
            yield Frame(index, time_s, self._turn.apply(np.asarray(rgb.to_ndarray(), dtype=np.uint8)))
            index += 1
            pending = next(self._decoded, None)

    def _decode(self) -> Generator[tuple[Any, float]]:
        """Decoded frames with their time in seconds; raises VideoError where the file is broken."""
        clock = Clock(1.0 / self._fps)
        size: tuple[int, int] | None = None
        packets = 0
        end_s, cut = 0.0, False
        for packet in self._demux():
            if packet.size:
                packets, cut = packets + 1, packet.is_corrupt
                end_s = max(end_s, _packet_end(packet))
            try:
                frames = packet.decode()
            except av.FFmpegError as e:
                raise self._broken(e) from e
            for frame in frames:
                size = size or (frame.width, frame.height)
                if (frame.width, frame.height) != size:
                    raise VideoError(
                        f"{self._path}: the picture size changes from {size[0]}x{size[1]} to {frame.width}x{frame.height} "
                        f"at frame {self._index}; split the file there"
                    )
                base = frame.time_base or self._stream.time_base
                yield frame, clock(None if frame.pts is None else frame.pts * base.numerator / base.denominator)
                self._index += 1
        if cut and not self._format_in(_JOINABLE):
            raise self._short("its last picture is incomplete")
        self._check_end(packets, end_s)
        if not self._index:
            raise VideoError(f"{self._path}: not one frame could be decoded")

    def _demux(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError as e:
                raise self._broken(e) from e
            yield packet

    def _check_end(self, packets: int, end_s: float) -> None:
        if self._format_in({"mov"}):
            listed = len(self._stream.index_entries)
            if packets + 1 < listed:
                raise self._short(f"its index lists {listed} pictures and {packets} are there")
        if self._format_in(_DECLARES_DURATION):
            declared = self._declared_duration()
            if declared - end_s > max(1.0, 0.01 * declared):
                raise self._short(f"it declares {declared:.1f} s and ends at {end_s:.1f} s")

    def _declared_duration(self) -> float:
        """Seconds that the container states for this very stream; 0 where it states none."""
        tag = self._stream.metadata.get("DURATION", "")
        try:
            hours, minutes, seconds = tag.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            alone = len(self._container.streams) == 1  # else the duration may be that of the sound
            return (self._container.duration or 0) / 1e6 if alone else 0.0

    def _format_in(self, names: frozenset[str] | set[str]) -> bool:
        return not names.isdisjoint(self._container.format.name.split(","))

    def _broken(self, error: Any) -> VideoError:
        return VideoError(f"{self._path}: damaged: reading stopped at frame {self._index} ({error.strerror})")

    def _short(self, why: str) -> VideoError:
        return VideoError(f"{self._path}: the file is cut off: reading stopped at frame {self._index}; {why}")


def _check(ref: VideoRef) -> None:
    """What can be said of the file before FFmpeg sees it, with better reasons than FFmpeg gives."""
    path = ref.path
    if not path.exists():
        raise SourceError(f"{path}: no such file")
    if not path.is_file():
        raise SourceError(f"{path}: not a regular file")
    try:
        if path.stat().st_size == 0:
            raise VideoError(f"{path}: the file is empty (0 bytes)")
        reason = cut_off(path)
    except OSError as e:
        raise VideoError(f"{path}: cannot be read: {e.strerror}") from e
    if reason:
        raise VideoError(f"{path}: {reason}")


def _open(ref: VideoRef) -> Any:
    # "file:" keeps a name with a colon from being taken for an address; opened so, FFmpeg itself lets a playlist
    # reach local files only.
    try:
        container = av.open(f"file:{ref.path}", **_OPEN)
    except av.error.InvalidDataError as e:
        raise VideoError(f"{ref.path}: not a video, or damaged from its beginning") from e
    except (av.FFmpegError, UnicodeError) as e:
        raise VideoError(f"{ref.path}: cannot be opened: {getattr(e, 'strerror', None) or e}") from e
    names = container.format.name
    if names.endswith("_pipe") or names in ("image2", "tty"):
        container.close()
        raise VideoError(f"{ref.path}: not a video: its content is {container.format.long_name}")
    return container


def _pick(container: Any, ref: VideoRef) -> Any:
    """The first real video stream (a cover picture is none)."""
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if streams:
        return streams[0]
    what = "sound only" if container.streams.audio else "no pictures"
    raise VideoError(f"{ref.path}: no video in this file: it holds {what}")


def _rate(stream: Any) -> float:
    """Mean frames per second; a fallback where the container gives none or a clock tick instead."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < float(rate) <= 1000:
            return float(rate)
    return _FALLBACK_FPS


def _packet_end(packet: Any) -> float:
    stamp = packet.pts if packet.pts is not None else packet.dts
    if stamp is None:
        return 0.0
    base = packet.time_base
    return float((stamp + (packet.duration or 0)) * base.numerator / base.denominator)
