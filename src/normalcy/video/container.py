"""Whether a video file is whole, read from the lengths that its container declares about itself. Nothing is decoded.

A file cut off while being copied or recorded often still plays, with fewer frames and no error. MP4/MOV boxes, the RIFF
header of AVI and the Matroska segment state their length in bytes, so a file that ends before them is cut off for certain,
whatever frame count or duration its metadata claims.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_MP4_FIRST = frozenset((b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"sidx"))
_MP4_NEEDED = frozenset((b"mdat", b"moov", b"moof"))


def cut_off(path: Path) -> str | None:
    """Why the file is known to be incomplete, in plain words, or None. Raises OSError where it cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as f:
        head = f.read(12)
        if head[4:8] in _MP4_FIRST:
            return _mp4(f, size)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return _riff(f, size)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska(f, size)
    return None


def _short(declared: int, size: int) -> str:
    return f"the file is cut off: its header announces {declared:,} bytes, but only {size:,} are there"


def _mp4(f: BinaryIO, size: int) -> str | None:
    """Walk the top-level boxes (ISO/IEC 14496-12, 4.2)."""
    at, index_seen = 0, False
    while at + 8 <= size:
        f.seek(at)
        head = f.read(16)
        length, kind, header = struct.unpack(">I", head[:4])[0], head[4:8], 8
        if length == 1 and len(head) == 16:
            length, header = struct.unpack(">Q", head[8:16])[0], 16
        index_seen |= kind in (b"moov", b"moof")
        if length == 0:  # to the end of the file
            at = size
            break
        if length < header:
            break  # not a box: trailing bytes, which players ignore
        if at + length > size:
            if kind in _MP4_NEEDED:
                return _short(at + length, size)
            break
        at += length
    if not index_seen:
        return "the file is cut off: it has no index (moov); the recording was not finished or the copy stopped early"
    return None


def _riff(f: BinaryIO, size: int) -> str | None:
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


def _vint(f: BinaryIO) -> int | None:
    """An EBML data size (RFC 8794, section 6). None for "unknown" (a live recording) or at the end of the file."""
    first = f.read(1)
    if not first or first[0] == 0:
        return None
    extra = 8 - first[0].bit_length()
    rest = f.read(extra)
    value = int.from_bytes(bytes([first[0] & (0x7F >> extra)]) + rest, "big")
    return None if value == (1 << 7 * (extra + 1)) - 1 else value


def _matroska(f: BinaryIO, size: int) -> str | None:
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
