"""Pictures that a raw H.264 stream lacks, by the numbers that it gives its reference pictures.

A raw stream has no time stamps, so a picture whose packet is gone altogether leaves no hole. But each reference picture carries
frame_num (ITU-T H.264, 7.4.3), one more than the one before, counted from each IDR picture on. What is lost right before an IDR
picture leaves no trace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_START = re.compile(rb"\x00\x00\x01")
_HEADER = 64
"""Bytes of a slice that hold all that is read of it."""
_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
"""Profiles whose parameter sets say more of the samples."""


class FrameNumbers:
    """Ask missing() of every packet in stored order."""

    def __init__(self) -> None:
        self._bits: int | None = None  # of frame_num; None: not known, or the stream may leave numbers out
        self._last: int | None = None

    def missing(self, packet: bytes) -> int:
        """How many reference pictures are missing before this access unit; -1 where the numbers step back: some come twice."""
        for kind, important, payload in _units(packet):
            if kind == 7:
                self._bits = _frame_num_bits(payload)
            elif kind in (1, 5):
                return self._slice(kind == 5, important, payload)
        return 0

    def _slice(self, idr: bool, important: bool, payload: bytes) -> int:
        if self._bits is None:
            return 0
        try:
            bits = _Bits(payload)
            bits.golomb(), bits.golomb(), bits.golomb()  # first macroblock, slice type, picture parameter set
            number = bits.take(self._bits)
        except IndexError:
            return 0
        last, size = self._last, 1 << self._bits
        if idr or last is None:
            self._last = number
            return 0
        if important:
            self._last = number
        step = (number - last) % size
        if step <= 1:
            return 0
        return step - 1 if step <= size // 2 else -1


def _units(packet: bytes) -> Iterator[tuple[int, bool, bytes]]:
    """(type, whether it may be referred to, its first bytes without emulation prevention) of the units of an access unit."""
    for mark in _START.finditer(packet):
        at = mark.end()
        if at < len(packet):
            head = packet[at + 1 : at + 1 + _HEADER].replace(b"\x00\x00\x03", b"\x00\x00")
            yield packet[at] & 31, packet[at] & 0x60 > 0, head


def _frame_num_bits(payload: bytes) -> int | None:
    """How many bits frame_num has, from a sequence parameter set (7.3.2.1.1); None where numbers may be left out, and where
    the set is damaged or of a kind that is not read here."""
    try:
        bits = _Bits(payload[3:])
        bits.golomb()  # its id
        if payload[0] in _CHROMA:
            if bits.golomb() == 3:
                return None  # chroma at full resolution: slices may begin otherwise
            bits.golomb(), bits.golomb(), bits.take(1)  # bit depths, transform bypass
            if bits.take(1):
                return None  # scaling matrices
        width = bits.golomb() + 4
        order = bits.golomb()
        if order == 0:
            bits.golomb()
        elif order == 1:
            return None
        bits.golomb()  # reference frames
        return None if bits.take(1) or width > 16 else width
    except IndexError:
        return None


class _Bits:
    """Bits from the front. Raises IndexError beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, n: int) -> int:
        if n > self._left:
            raise IndexError
        self._left -= n
        return self._value >> self._left & ((1 << n) - 1)

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number (9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
