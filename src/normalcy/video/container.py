"""Whether a video file is whole, read from the lengths that its container declares about itself. Nothing is decoded.

A file cut off while being copied or recorded often still plays, with fewer frames and no error. MP4/MOV boxes, the RIFF
header of AVI and the Matroska segment state their length in bytes, so a file that ends before them is cut off for certain,
whatever frame count or duration its metadata claims.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_MP4_FIRST = frozenset((b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"sidx"))
_MP4_NEEDED = frozenset((b"mdat", b"moov", b"moof"))
_IGNORED = 256
"""So many zero bytes behind the last box are no sign of damage."""
_TS_PACKETS = (188, 192, 204)
_HEAD = 12 * max(_TS_PACKETS)


class Cut(NamedTuple):
    """What a file lacks."""

    reason: str
    usable: bool = True
    """Whether what is there can be read; without its index an MP4 cannot."""
    declared: bool = True
    """Whether the file itself says how long it should be."""


_NO_INDEX = Cut(
    "the file is cut off: it has no index (moov), or not all of it; the recording was not finished or the copy stopped early",
    usable=False,
)


def cut_off(path: Path) -> Cut | None:
    """Why the file is known to be incomplete, in plain words, or None. Raises OSError where it cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as f:
        head = f.read(_HEAD)
        if head[4:8] in _MP4_FIRST:
            return _mp4(f, size)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return _riff(f, size)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska(f, size)
        return _transport(head, size)


def _short(declared: int, size: int) -> Cut:
    return Cut(f"the file is cut off: its header announces {declared:,} bytes, but only {size:,} are there")


def _transport(head: bytes, size: int) -> Cut | None:
    """Whether an MPEG transport stream (ISO/IEC 13818-1, 2.4.3.2) ends inside a packet."""
    for length in _TS_PACKETS:
        for start in range(min(length, len(head))):
            marks = head[start::length]
            if len(marks) > 4 and marks == b"\x47" * len(marks):
                left = (size - start) % length
                # A packet of 192 bytes begins 4 bytes before its mark, one of 204 ends 16 behind its last byte.
                whole = left == 0 or (length == 192 and left == 188) or (length == 204 and left == 188)
                return None if whole else Cut("it ends inside a transport packet", declared=False)
    return None


def _boxes(f: BinaryIO, size: int) -> Iterator[tuple[int, bytes, int, int]]:
    """(place, kind, bytes of its header, bytes in all) of the top-level boxes of an MP4 file (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= size:
        f.seek(at)
        head = f.read(16)
        length, kind, header = struct.unpack(">I", head[:4])[0], head[4:8], 8
        if length == 1 and len(head) == 16:
            length, header = struct.unpack(">Q", head[8:16])[0], 16
        length = length or size - at  # 0: to the end of the file
        yield at, kind, header, length
        if length < header:
            return
        at += length


def _mp4(f: BinaryIO, size: int) -> Cut | None:
    index_seen = False
    for at, kind, header, length in _boxes(f, size):
        if length < header or not kind.replace(b" ", b"").isalnum():
            return _broken_off(f, at, size) if index_seen else _NO_INDEX
        whole = at + length <= size
        index_seen |= kind == b"moof" or (kind == b"moov" and whole)
        if not whole:
            if kind in _MP4_NEEDED:
                return _short(at + length, size) if index_seen else _NO_INDEX
            break
    return None if index_seen else _NO_INDEX


def fragment_bytes(path: Path) -> int:
    """Bytes of media data in a fragmented MP4 file; 0 where it is none. Raises OSError."""
    with path.open("rb") as f:
        boxes = list(_boxes(f, path.stat().st_size))
    if not any(kind == b"moof" for _, kind, _, _ in boxes):
        return 0
    return sum(length - header for _, kind, header, length in boxes if kind == b"mdat")


def _broken_off(f: BinaryIO, at: int, size: int) -> Cut | None:
    """What follows is no box: bytes that players ignore, if they are few and zero, else damage."""
    f.seek(at)
    if size - at <= _IGNORED and not f.read().strip(b"\0"):
        return None
    return Cut(f"its structure breaks off at byte {at:,} of {size:,}", declared=False)


def _riff(f: BinaryIO, size: int) -> Cut | None:
    """Walk the RIFF chunks of an AVI file; those above 1 GB have several. 0 and all ones mean "never finished"."""
    at = 0
    while at + 12 <= size:
        f.seek(at)
        head = f.read(8)
        length = struct.unpack("<I", head[4:8])[0]
        if head[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):
            break
        if at + 8 + length > size:
            return _short(at + 8 + length, size)
        at += 8 + length + length % 2
    return None


def avi_index(path: Path, stream: int) -> int | None:
    """How many pictures the index of an AVI file (its chunk idx1) lists for a stream that are not empty; None without a whole
    one, and for the large files that have several. Raises OSError."""
    size, mark = path.stat().st_size, f"{stream:02d}".encode()
    with path.open("rb") as f:
        at = 12
        while at + 8 <= size:
            f.seek(at)
            kind, length = struct.unpack("<4sI", f.read(8))
            if kind == b"idx1":
                table = f.read(length)
                whole = len(table) == length and length % 16 == 0 and at + 8 + length + 16 > size
                entries = [table[k : k + 16] for k in range(0, length, 16)] if whole else []
                return sum(e[:2] == mark and e[12:] != bytes(4) for e in entries) if whole else None
            at += 8 + length + length % 2
    return None


def _vint(f: BinaryIO) -> int | None:
    """An EBML data size (RFC 8794, section 6). None for "unknown" (a live recording) or at the end of the file."""
    first = f.read(1)
    if not first or first[0] == 0:
        return None
    extra = 8 - first[0].bit_length()
    rest = f.read(extra)
    value = int.from_bytes(bytes([first[0] & (0x7F >> extra)]) + rest, "big")
    return None if value == (1 << 7 * (extra + 1)) - 1 else value


def _matroska(f: BinaryIO, size: int) -> Cut | None:
    """The segment's declared size (RFC 9559, 5.1)."""
    f.seek(4)
    header = _vint(f)
    if header is None:
        return None
    f.seek(header, 1)
    if f.read(4) != b"\x18\x53\x80\x67":
        return None
    length = _vint(f)
    return None if length is None or f.tell() + length <= size else _short(f.tell() + length, size)
