"""One connection to a camera: packets and pictures as they come, until it ends or fails.

Files, addresses and webcams give pictures through the same few lines, so what a stream scores is what its file scores.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.errors import SourceError, VideoError
from normalcy.video.address import from_environment, hidden
from normalcy.video.convert import Converter, Turn, shown_size, turn_of
from normalcy.video.demux import OPEN
from normalcy.video.pictures import decode_picture
from normalcy.video.ring import Entry, Segment, segment_of
from normalcy.video.source import list_pictures

Image = NDArray[np.uint8]
Kind = Literal["rtsp", "http", "webcam", "file", "pictures"]
NO_STAMPS = frozenset(("mpjpeg", "mjpeg"))
"""Formats that carry no time: a picture was when it came."""
POLL_S = 0.1
"""Seconds between two looks into a folder that grows."""
USUAL_RATE = 25.0
MOTIONLESS = Turn(False, False, False, 0)


@dataclass(frozen=True, slots=True)
class Target:
    """What is watched."""

    kind: Kind
    text: str
    """With its login: never shown."""
    shown: str

    def __repr__(self) -> str:
        return f"Target({self.kind}, {self.shown})"


def target_of(source: str) -> Target:
    """What SOURCE stands for: an rtsp:// or http:// address (``${NAME}`` is taken from the environment), a webcam (its number,
    or /dev/video0), a video file, or a folder of pictures that grows.

    Raises SourceError where it is none of these, ConfigError for a variable that is not set.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source):
        text = from_environment(source)
        scheme = text.partition("://")[0].lower()
        if scheme in ("rtsp", "rtsps"):
            return Target("rtsp", text, hidden(text))
        if scheme in ("http", "https"):
            return Target("http", text, hidden(text))
        raise SourceError(f"{hidden(text)}: cannot watch {scheme}:// addresses; rtsp://, http:// and https:// can be watched")
    if source.isdecimal() or source.startswith("/dev/video"):
        return Target("webcam", source, source)
    path = Path(source).expanduser()
    if path.is_dir():
        return Target("pictures", str(path), str(path))
    if path.is_file():
        return Target("file", str(path), str(path))
    raise SourceError(f"{path}: no such file or folder, and no address of a camera")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a connection, not yet converted."""

    width: int
    """Upright."""
    height: int
    stamp_s: float | None
    """As the stream has it, on a time axis of its own; None where it carries no time."""
    pts: int | None
    convert: Callable[[tuple[int, int]], Image]
    """(width, height) -> (height, width, 3) RGB, upright."""


class Connection(Protocol):
    """An open source."""

    rate: float | None
    """Frames per second that the source states; None where it states none that can be believed."""
    damaged: int
    """Packets that could not be decoded so far."""

    def segment(self) -> Segment:
        """What its packets have in common."""
        ...

    def read(self) -> Iterator[tuple[Entry | None, list[Picture]]]:
        """What comes: a packet, and the pictures that it completed. Ends where the source ends; raises what fails."""
        ...

    def close(self) -> None: ...


def connect(target: Target, open_s: float, read_s: float, alive: Callable[[], bool]) -> Connection:
    """Open it. open_s, read_s: give up after so long. alive: is asked while nothing comes whether to go on waiting.

    Raises VideoError, without the login.
    """
    if target.kind == "webcam":
        return Webcam(target)
    if target.kind == "pictures":
        return GrowingFolder(target, alive)
    return Container(target, open_s, read_s)


class Container:
    """Whatever FFmpeg opens: RTSP over TCP, MJPEG and HLS over HTTP, files."""

    def __init__(self, target: Target, open_s: float, read_s: float) -> None:
        self.damaged = 0
        self._shown = target.shown
        self._turn: Turn | None = None
        options = {"rtsp_transport": "tcp"} if target.kind == "rtsp" else {}
        name = f"file:{target.text}" if target.kind == "file" else target.text
        timeout = None if target.kind == "file" else (open_s, read_s)
        try:
            self._container: Any = av.open(name, options=options, timeout=timeout, **OPEN)
        except Exception as e:  # whatever the demuxer throws: the address is tried again
            raise VideoError(f"{self._shown}: cannot be opened: {reason(e)}") from None
        try:
            streams = [s for s in self._container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
            if not streams:
                raise VideoError(f"{self._shown}: no video in this stream")
            self._stream = streams[0]
            self._stream.codec_context.thread_count = 1  # no delay, and cores are for other cameras
        except BaseException:
            self._container.close()
            raise
        self._stamped = self._container.format.name not in NO_STAMPS
        rates = (self._stream.average_rate, self._stream.guessed_rate)
        self.rate = next((float(r) for r in rates if r and 0 < float(r) <= 240), None) if self._stamped else None
        self._converters: dict[tuple[int, int], Converter] = {}

    def segment(self) -> Segment:
        return segment_of(self._stream, self.rate or USUAL_RATE, lambda image: (self._turn or MOTIONLESS).apply(image))

    def read(self) -> Iterator[tuple[Entry | None, list[Picture]]]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except Exception as e:
                raise VideoError(f"{self._shown}: {reason(e)}") from None
            if packet is None:
                return
            entry = self._entry(packet) if packet.size else None
            try:
                frames = packet.decode()
            except Exception:  # damage is passed over: the camera goes on
                self.damaged += 1
                frames = []
            yield entry, [self._picture(f) for f in frames]

    def _entry(self, packet: Any) -> Entry:
        return Entry(bytes(packet), packet.pts, packet.dts, packet.time_base, packet.is_keyframe, 0.0)

    def _picture(self, frame: Any) -> Picture:
        if self._turn is None:
            self._turn = turn_of(frame)
        turn = self._turn
        w, h = shown_size(frame.width, frame.height, self._stream.sample_aspect_ratio, turn)
        stamp: float | None = time.monotonic()
        if self._stamped:
            base = frame.time_base or self._stream.time_base
            stamp = None if frame.pts is None else frame.pts * base.numerator / base.denominator

        def convert(size: tuple[int, int]) -> Image:
            # As normalcy.video.decode converts files, to the bit.
            return self._converters.setdefault(size, Converter(size, turn, None))(frame)

        return Picture(w, h, stamp, frame.pts, convert)

    def close(self) -> None:
        self._container.close()


class Webcam:
    """A camera of this machine, through OpenCV."""

    rate: float | None = None
    damaged = 0

    def __init__(self, target: Target) -> None:
        self._shown = target.shown
        self._capture: Any = cv2.VideoCapture(int(target.text) if target.text.isdecimal() else target.text)
        if not self._capture.isOpened():
            raise VideoError(f"{self._shown}: no camera can be opened there")

    def segment(self) -> Segment:
        return Segment(USUAL_RATE)

    def read(self) -> Iterator[tuple[Entry | None, list[Picture]]]:
        while True:
            there, bgr = self._capture.read()
            if not there:
                return
            now = time.monotonic()
            _, data = cv2.imencode(".jpg", bgr)
            entry = Entry(data.tobytes(), None, None, Fraction(1, 1000), True, 0.0)
            yield entry, [_of_array(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8), now)]

    def close(self) -> None:
        self._capture.release()


class GrowingFolder:
    """Pictures that a camera or a program puts into a folder, from now on, in natural order."""

    rate: float | None = None
    damaged = 0

    def __init__(self, target: Target, alive: Callable[[], bool]) -> None:
        self._folder, self._alive = Path(target.text), alive
        self._seen = {p.name for p in list_pictures(self._folder)}

    def segment(self) -> Segment:
        return Segment(USUAL_RATE)

    def read(self) -> Iterator[tuple[Entry | None, list[Picture]]]:
        failed: dict[str, int] = {}
        while True:
            for path in list_pictures(self._folder):
                if path.name in self._seen:
                    continue
                try:
                    image, data, stamp = decode_picture(path), path.read_bytes(), path.stat().st_mtime
                except (OSError, ValueError):  # still being written, or damaged for good
                    failed[path.name] = failed.get(path.name, 0) + 1
                    if failed[path.name] < 20:
                        break  # the order stays
                    self.damaged += 1
                else:
                    yield Entry(data, None, None, Fraction(1, 1000), True, 0.0), [_of_array(image, stamp)]
                failed.pop(path.name, None)
                self._seen.add(path.name)
            self._seen &= {p.name for p in list_pictures(self._folder)}  # a folder that is cleared must not fill the memory
            if not self._alive():
                return
            time.sleep(POLL_S)
            yield None, []

    def close(self) -> None:
        return


def _of_array(image: Image, stamp_s: float) -> Picture:
    h, w = image.shape[:2]

    def convert(size: tuple[int, int]) -> Image:
        if size == (w, h):
            return image
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    return Picture(w, h, stamp_s, None, convert)


def reason(e: Exception) -> str:
    """Why FFmpeg failed, without the address that its messages repeat."""
    if isinstance(e, av.error.ExitError):
        return "no answer in time"
    return str(getattr(e, "strerror", None) or type(e).__name__)
