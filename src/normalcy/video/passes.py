"""One pass of the decoder over a file: packets in, decoded frames with their own stamps out, and a ledger of what was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from normalcy.errors import VideoError
from normalcy.video.damage import Damage
from normalcy.video.demux import open_file, packets, pick_stream, rate_of, reason
from normalcy.video.frame_num import FrameNumbers
from normalcy.video.ledger import REORDER, Ledger, shows_picture

UNBOUNDED = frozenset(("mpegts", "mpeg", "h264", "hevc", "m4v", "mpegvideo", "mjpeg"))
"""Stream formats that may begin and end anywhere: they declare no length."""
BY_DECODING_TIME = frozenset(("avi",))
"""Formats that store no time of presentation: FFmpeg counts packets, and what it gives as presentation is guessed."""
_SEEKS_BACK_S = (0, 2, 20, 10**6)
"""Seconds before a key picture that are gone back to until it is found: some containers only guess where a time lies."""


class Picture(NamedTuple):
    """A decoded frame."""

    frame: Any
    stamp: float | None
    """Its own time stamp in seconds, on the container's clock; None where it has none."""
    lost: int
    """Pictures known to be missing before it."""
    hole: bool
    """Whether an unknown number is missing about here."""


class DamageFoundError(Exception):
    """The threaded pass met damage: decode again, one packet at a time."""


class Pass:
    """A file opened for one pass from front to back.

    threads: decode on all cores. Then the first sign of damage raises DamageFoundError, since a threaded decoder says neither
    which packet it failed on, nor repairs pictures in the same way on every machine. Without, damage is recorded, or with
    ``strict`` refused. per_frame: packets for each frame (2 where fields are packets of their own), for streams without stamps.
    """

    def __init__(
        self, path: Path, damage: Damage, place: Callable[[float], float], threads: bool, strict: bool, per_frame: float = 1.0
    ) -> None:
        """Raises VideoError where the file cannot be opened as video."""
        self._path, self._damage, self._place, self._threads, self._strict = path, damage, place, threads, strict
        self._container = open_file(path)
        try:
            self.stream = pick_stream(self._container, path)
        except BaseException:
            self._container.close()
            raise
        self._codec = self.stream.codec_context
        self._codec.thread_type = "AUTO" if threads else "NONE"
        if not threads:
            self._codec.thread_count = 1
            self._codec.copy_opaque = True  # each frame then knows the number of its packet
        self.format: frozenset[str] = frozenset(self._container.format.name.split(","))
        self.period_s = 1.0 / rate_of(self.stream)
        self._base: Fraction = self.stream.time_base
        self._per_frame = per_frame
        self._by_dts = not self.format.isdisjoint(BY_DECODING_TIME)
        self._tick: int | None = None  # where the stream has no stamps: ticks of decoding time from packet to packet
        self._shift: int | None = None  # by how much a frame's decoding time is behind its place
        self._firsts: dict[int, int] = {}  # decoding times of the packets before the first frame
        self.packets = 0
        """Packets read so far, the empty ones aside."""
        self.coded = 0
        """Those that hold a picture to show."""
        self._numbers = FrameNumbers() if "h264" in self.format else None
        self._gone = 0  # pictures without even a packet, by those numbers
        self.bytes = 0
        """Their sizes in all."""
        self._fields = False
        self._last_packet_s = float("-inf")
        self.last_s: float | None = None
        self.first_error: Exception | None = None
        self.ended_short = False
        """Whether the last packet read was cut by the end of the file."""
        self.end_s = 0.0
        """Where the last packet ends, on the container's clock."""
        self.delivered = 0

    @property
    def start_s(self) -> float | None:
        """The container's start on its own clock: the earliest stamp of any stream. None where it has none."""
        return None if self._container.start_time is None else self._container.start_time / 1e6

    def declared_s(self) -> float:
        """Seconds that the container states for this very stream; 0 where it states none."""
        tag = self.stream.metadata.get("DURATION", "")
        try:
            hours, minutes, seconds = tag.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            if "mov" in self.format:
                return float((self.stream.duration or 0) * self._base) + (self.start_s or 0.0)
            # Beside sound, the duration may be that of the sound.
            return (self._container.duration or 0) / 1e6 if self.alone else 0.0

    @property
    def alone(self) -> bool:
        """Whether the file holds no other stream."""
        return len(self._container.streams) == 1

    def close(self) -> None:
        """Release the file. Safe to call twice."""
        self._container.close()

    def pictures(self) -> Iterator[Picture]:
        """Decoded frames in presentation order. Raises VideoError (strict), DamageFoundError (threads)."""
        return self._fast() if self._threads else self._careful()

    def _fast(self) -> Iterator[Picture]:
        """No accounts are kept: there is nothing to account for in a sound file."""
        for item in self.sound_packets():
            if self.packets == 1:
                self._firsts[0] = item.dts or 0
            yield from self._sound(item)
        yield from self._sound(None)
        if self._lacks_pictures():
            raise DamageFoundError
        self._damage.pictures = self.packets

    def sound_packets(self) -> Iterator[Any]:
        """The coded packets in stored order, counted and not decoded. Raises DamageFoundError at the first sign of damage."""
        for item in packets(self._container, self.stream):
            if isinstance(item, Exception) or item.is_corrupt or (self.packets == 0 and not item.is_keyframe):
                raise DamageFoundError
            if not item.size:
                continue
            if self._numbers is not None and self._numbers.missing(bytes(item)):
                raise DamageFoundError
            self._count(item)
            yield item

    def from_key(self, stamp: int, dts: int, wanted: int) -> Iterator[Any]:
        """Decoded frames from a key picture on, those before ``wanted`` left out. All stamps in ticks of the stream.

        stamp, dts: its times of presentation and of decoding. Raises DamageFoundError where it cannot be found again, and for
        whatever is not sound.
        """
        for item in chain(self._at_key(stamp, dts), [None]):
            try:
                frames = self._codec.decode(item)
            except Exception as e:
                raise DamageFoundError from e
            for frame in frames:
                if frame.pts is None:
                    raise DamageFoundError
                if frame.pts >= wanted:  # what lies before may need pictures before the key
                    if frame.is_corrupt:
                        raise DamageFoundError
                    yield frame

    def _at_key(self, stamp: int, dts: int) -> Iterator[Any]:
        for back in _SEEKS_BACK_S:
            self._container.seek(dts - round(back / self._base), stream=self.stream, backward=True)
            found = False
            for item in packets(self._container, self.stream):
                if isinstance(item, Exception) or item.is_corrupt:
                    raise DamageFoundError
                if not item.size:
                    continue
                found = found or (item.is_keyframe and item.pts == stamp)
                if found:
                    yield item
                elif (item.pts if item.dts is None else item.dts or 0) > max(stamp, dts):
                    break  # by the index of its container it lies further back
            if found:
                return
        raise DamageFoundError

    def _lacks_pictures(self) -> bool:
        """Whether fewer pictures came than there were packets for, at the end or, in a stream without stamps, anywhere."""
        if self.last_s is not None and not self._by_dts:
            return self._last_packet_s - self.last_s > 0.75 * self.period_s
        return not self._fields and self.delivered < self.coded

    def _sound(self, packet: Any) -> Iterator[Picture]:
        try:
            frames = self._codec.decode(packet)
        except Exception as e:
            raise DamageFoundError from e
        for frame in frames:
            if frame.is_corrupt:
                raise DamageFoundError
            if self.delivered == 0:
                self._begin_at(frame, 0)
            self.delivered += 1
            self._fields |= frame.interlaced_frame
            stamp = self._stamp(frame)
            self.last_s = stamp if self.last_s is None or (stamp is not None and stamp > self.last_s) else self.last_s
            yield Picture(frame, stamp, 0, False)

    def _careful(self) -> Iterator[Picture]:
        """Every packet has a number, every frame the number of its packet."""
        ledger = Ledger(self._damage, self.stream.codec_context.name, not self._by_dts, self._place)
        hole_until = -1
        for item in packets(self._container, self.stream):
            if isinstance(item, Exception):
                self._refuse(item)
                self._damage.unreadable += 1
                hole_until = self.packets + REORDER
                continue
            if not item.size:
                continue  # a dropped picture: it leaves its hole in time
            number = self.packets
            self._miss(item)
            self._count(item)
            if item.is_corrupt:
                hole_until = number + REORDER
            self._number(item, number)
            if not item.is_discard:
                stamp = _seconds(self._packet_stamp(item), self._base)
                ledger.send(number, stamp, item.size, item.is_keyframe, item.is_corrupt)
            try:
                frames = self._codec.decode(item)
            except Exception as e:
                if not self.ended_short:  # else the end of the file is to be named, not the picture
                    self._refuse(e)
                ledger.fail(number)
                hole_until = number + REORDER
                continue
            yield from self._deliver(frames, ledger, hole_until)
            ledger.settle(number - REORDER)
        try:
            frames = self._codec.decode(None)
        except Exception as e:  # what was held back is lost with it
            self.first_error = self.first_error or e
            frames = []
        yield from self._deliver(frames, ledger, hole_until)
        ledger.settle()

    def _deliver(self, frames: list[Any], ledger: Ledger, hole_until: int) -> Iterator[Picture]:
        for frame in frames:
            number: int | None = frame.opaque
            if self.delivered == 0:
                self._begin_at(frame, number)
            stamp = self._stamp(frame)
            lost = ledger.deliver(number, stamp, frame.is_corrupt)
            if self.delivered == 0 and self._tick is not None and number is not None:
                lost = round(number / self._per_frame)  # a stream without stamps begins where its first packet would stand
            self.delivered += 1
            yield Picture(frame, stamp, lost, number is not None and number <= hole_until)

    def _count(self, packet: Any) -> None:
        self.packets += 1
        self.bytes += packet.size
        self.ended_short = packet.is_corrupt and self.format.isdisjoint(UNBOUNDED)
        if packet.is_discard:  # an edit list hides it
            return
        self.coded += shows_picture(self._codec.name, packet.size)
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            begin = float(stamp * self._base)
            self._last_packet_s = max(self._last_packet_s, begin)
            self.end_s = max(self.end_s, begin + (float(packet.duration * self._base) or self.period_s))

    def _miss(self, packet: Any) -> None:
        """Account for the pictures that a raw stream lacks before this packet."""
        missing = 0 if self._numbers is None else self._numbers.missing(bytes(packet))
        if missing < 0:
            self._damage.remark("pictures come twice, or out of order, by their numbers in the stream")
        for _ in range(missing):
            self._damage.pictures += 1
            self._damage.lose(self._place((self.packets + self._gone) * self.period_s))
            self._gone += 1

    def _number(self, packet: Any, number: int) -> None:
        """Give the packet its number, and in a stream without any stamps a time of decoding."""
        packet.opaque = number
        if number == 0 and packet.pts is None and packet.dts is None and not self._by_dts:
            self._tick = max(1, round(self.period_s / (self._per_frame * self._base)))
            self._by_dts = True
        if self._tick is not None:
            packet.dts = (number + self._gone) * self._tick
        if self._by_dts and self.delivered == 0:
            self._firsts[number] = packet.dts or 0

    def _begin_at(self, frame: Any, number: int | None) -> None:
        if self._by_dts and number is not None and frame.dts is not None:
            self._shift = frame.dts - self._firsts.get(number, frame.dts)
        self._firsts.clear()

    def _packet_stamp(self, packet: Any) -> int | None:
        stamp: int | None = packet.dts if self._by_dts or packet.pts is None else packet.pts
        return stamp

    def _stamp(self, frame: Any) -> float | None:
        if not self._by_dts:
            return _seconds(frame.pts, self._base)
        return None if frame.dts is None else _seconds(frame.dts - (self._shift or 0), self._base)

    def _refuse(self, error: Exception) -> None:
        self.first_error = self.first_error or error
        if self._strict:
            raise VideoError(f"{self._path}: damaged: reading stopped at frame {self.delivered} ({reason(error)})") from error


def _seconds(stamp: int | None, base: Fraction) -> float | None:
    return None if stamp is None else stamp * base.numerator / base.denominator
