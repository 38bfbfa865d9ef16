"""The last seconds of a camera as it sent them: clips cut from them without encoding again, and the picture of any moment."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.errors import OutputError
from normalcy.video.clip import REMUXED, Clip, EncodedClip, RemuxedClip

Image = NDArray[np.uint8]
CLIPS = 32
"""Clips whose begin is remembered."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One packet of the camera, or one picture as a JPEG or PNG file has it."""

    data: bytes = field(repr=False)
    pts: int | None
    dts: int | None
    base: Fraction
    """Seconds per unit of pts and dts."""
    key: bool
    """Whether decoding can begin here."""
    time_s: float
    """On the camera's time axis, to within the decoder's delay."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What all packets of one connection have in common."""

    fps: float
    """About; for pictures that carry no time."""
    codec: str | None = None
    """Name of the packets' codec; None: every entry is a picture file."""
    extradata: bytes | None = field(default=None, repr=False)
    """What a decoder needs before the first packet."""
    template: Any = field(default=None, repr=False)
    """A stream (PyAV) that an output's stream is made like; it outlives the connection."""
    upright: Callable[[Image], Image] = field(default=lambda image: image, repr=False)


class Ring:
    """Keeps at least ``keep_s`` seconds back to a key frame, never more than ``most_bytes``. Thread-safe.

    paint: is applied to every picture that leaves here (privacy masks). With it clips are always encoded anew.
    """

    def __init__(self, keep_s: float, most_bytes: int = 64 * 2**20, paint: Callable[[Image], Image] | None = None) -> None:
        self._keep_s, self._most = keep_s, most_bytes
        self._paint = paint
        self._lock = threading.RLock()
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._shown: deque[tuple[float, int | None]] = deque()
        self._segment: Segment | None = None
        self._clips: dict[str, tuple[Clip, float]] = {}
        """Name -> clip that is being written, and the time it ends at."""
        self._begins: dict[str, float] = {}

    def begin(self, segment: Segment | None) -> None:
        """A new connection or size: clips end here, and what was kept is let go. None: the connection is gone."""
        with self._lock:
            for name in list(self._clips):
                self._finish(name)
            self._segment = segment
            self._entries.clear()
            self._shown.clear()
            self._bytes = 0

    def add(self, entry: Entry) -> None:
        """Take the next packet."""
        with self._lock:
            self._entries.append(entry)
            self._bytes += len(entry.data)
            self._trim(entry.time_s)
            for name, (clip, until_s) in list(self._clips.items()):
                if entry.time_s > until_s:
                    self._finish(name)
                else:
                    self._write(name, clip, entry)

    def shown(self, time_s: float, pts: int | None) -> None:
        """Say that the picture of this time was decoded from the packet with this stamp."""
        with self._lock:
            self._shown.append((time_s, pts))
            while self._shown and self._shown[0][0] < time_s - self._keep_s - 1.0:
                self._shown.popleft()

    def start_clip(self, name: str, path: Path, from_s: float, until_s: float) -> None:
        """Begin a video at the key frame before from_s (or the oldest one there is), to grow until until_s.

        The file appears under its name once it is whole. Raises OutputError where it cannot be written, or nothing is there.
        """
        with self._lock:
            if self._segment is None or not self._entries:
                raise OutputError(f"{path}: no clip: the camera sends nothing")
            entries = list(self._since_key(lambda e: e.time_s <= from_s))
            remux = self._segment.codec in REMUXED and self._paint is None
            make = RemuxedClip if remux else EncodedClip
            clip = make(path, self._segment, self._paint)
            self._clips[name] = clip, until_s
            self._begins = dict(list(self._begins.items())[-CLIPS:])
            if entries:
                self._begins[name] = entries[0].time_s
            for e in entries:
                if name not in self._clips:
                    return
                if e.time_s > until_s:
                    self._finish(name)
                    return
                self._write(name, clip, e)

    def began(self, name: str) -> float | None:
        """The time of a clip's first picture while it is being written, and of clips that ended not long ago."""
        with self._lock:
            return self._begins.get(name)

    def end_clip(self, name: str, until_s: float) -> None:
        """Set the time at which a clip ends; it may have passed already. Unknown names are passed over."""
        with self._lock:
            if name in self._clips:
                self._clips[name] = self._clips[name][0], until_s
                if self._entries and self._entries[-1].time_s > until_s:
                    self._finish(name)

    def writes(self, name: str) -> bool:
        """Whether a clip of that name is being written."""
        with self._lock:
            return name in self._clips

    def picture(self, time_s: float) -> Image | None:
        """(H, W, 3) RGB as the camera showed it then, upright and painted; None where the packets are gone."""
        with self._lock:
            segment, entries, pts = self._segment, list(self._entries), self._stamp_at(time_s)
        if segment is None or not entries or time_s < entries[0].time_s - 1.0:
            return None
        if segment.codec is None:
            best = min(entries, key=lambda e: abs(e.time_s - time_s))
            return self._painted(decode_file(best.data))
        target = next((e for e in entries if e.pts == pts), None) if pts is not None else None
        target = target or min(entries, key=lambda e: abs(e.time_s - time_s))
        at = entries.index(target)
        first = max((i for i, e in enumerate(entries[: at + 1]) if e.key), default=None)
        if first is None:
            return None
        image = _decode(segment, entries[first:], target.pts)
        return None if image is None else self._painted(image)

    def _painted(self, image: Image) -> Image:
        return image if self._paint is None else self._paint(image)

    def _stamp_at(self, time_s: float) -> int | None:
        best = min(self._shown, key=lambda s: abs(s[0] - time_s), default=None)
        return None if best is None else best[1]

    def _since_key(self, early: Callable[[Entry], bool]) -> Iterator[Entry]:
        entries = list(self._entries)
        keys = [i for i, e in enumerate(entries) if e.key]
        start = max((i for i in keys if early(entries[i])), default=keys[0] if keys else None)
        return iter(entries[start:] if start is not None else [])

    def _trim(self, now_s: float) -> None:
        """Let go of whole groups of pictures at the old end."""
        while self._bytes > self._most or self._second_key_s() < now_s - self._keep_s:
            while True:
                self._bytes -= len(self._entries.popleft().data)
                if not self._entries or self._entries[0].key:
                    break
            if not self._entries:
                return

    def _second_key_s(self) -> float:
        keys = (e.time_s for i, e in enumerate(self._entries) if e.key and i > 0)
        return next(keys, float("inf"))

    def _write(self, name: str, clip: Clip, entry: Entry) -> None:
        try:
            clip.add(entry)
        except OutputError:
            del self._clips[name]

    def _finish(self, name: str) -> None:
        clip, _ = self._clips.pop(name)
        with suppress(OutputError):  # the event stands without its clip
            clip.close()


def decode_file(data: bytes) -> Image:
    """(H, W, 3) RGB of an encoded picture."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def segment_of(stream: Any, fps: float, upright: Callable[[Image], Image]) -> Segment:
    """What is to be kept of an input stream: all of it, since the stream is gone with its connection."""
    holder: Any = av.open(io.BytesIO(), "w", format="matroska")  # never written: it owns the copy of the stream's parameters
    template = holder.add_stream_from_template(stream, opaque=True)
    context = stream.codec_context
    return Segment(fps, context.name, context.extradata, template, upright)


def decoder_of(segment: Segment) -> Any:
    """A decoder of its own for the packets of a segment."""
    decoder: Any = av.CodecContext.create(segment.codec, "r")
    decoder.extradata = segment.extradata
    decoder.thread_count = 1
    return decoder


def packet_of(entry: Entry) -> Any:
    """A packet as PyAV has it."""
    packet: Any = av.Packet(entry.data)
    packet.pts, packet.dts, packet.time_base = entry.pts, entry.dts, entry.base
    packet.is_keyframe = entry.key
    return packet


def _decode(segment: Segment, entries: list[Entry], pts: int | None) -> Image | None:
    """The picture with stamp pts, or the last one that came out on the way there."""
    decoder, best = decoder_of(segment), None
    for entry in [*entries, None]:
        try:
            frames = decoder.decode(None if entry is None else packet_of(entry))
        except (av.FFmpegError, ValueError):
            continue
        for frame in frames:
            best = frame
            if pts is None or (frame.pts is not None and frame.pts >= pts):
                return segment.upright(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8))
    return None if best is None else segment.upright(np.asarray(best.to_ndarray(format="rgb24"), dtype=np.uint8))
