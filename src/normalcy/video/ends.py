"""Whether a file that was read to its end ought to have been longer, by what its container says of it."""

from __future__ import annotations

from pathlib import Path

from normalcy.video.container import avi_index, fragment_bytes
from normalcy.video.demux import rate_of
from normalcy.video.passes import Pass

_DECLARES_DURATION = frozenset(("matroska", "webm", "flv"))
_SLACK_S = 1.0
"""Durations are often rounded to seconds."""
_SLACK_PERIODS = 0.75


def ends_early(done: Pass, path: Path, strict: bool) -> str | None:
    """Why the video must have been longer, in words, or None.

    strict: count only what is beyond doubt: headers and indexes of sound files are often off by a picture, and durations are
    rounded. Else anything is said that does not fit.
    """
    if done.ended_short:
        return "its last picture is incomplete"
    listed = len(done.stream.index_entries)
    if "mov" in done.format and done.packets + 1 < listed:
        return f"its index lists {listed} pictures and {done.packets} are there"
    if "mov" in done.format and done.alone and not strict and (held := _held(path)) > done.bytes:
        return f"{held - done.bytes:,} bytes of its fragments belong to no picture that could be found"
    if "avi" in done.format and not strict:
        return _avi(done, path)
    return _duration(done, strict)


def hides(done: Pass) -> str | None:
    """What an MP4/MOV holds and does not show, in words, or None."""
    if "mov" not in done.format or done.coded + 1 >= done.stream.frames:
        return None
    return (
        f"its index holds {done.stream.frames} pictures and shows {done.coded}: an edit list hides the others, or the index is "
        "damaged"
    )


def _duration(done: Pass, strict: bool) -> str | None:
    declared, period_s = done.declared_s(), 1.0 / rate_of(done.stream)
    if done.format.isdisjoint(_DECLARES_DURATION if strict else _DECLARES_DURATION | {"mov"}):
        return None
    slack = _SLACK_PERIODS * period_s
    if strict or abs(declared - round(declared)) < 1e-6:
        slack = max(_SLACK_S, 0.01 * declared)
    if declared - done.end_s > slack:
        return f"it declares {round(declared, 2)} s and ends at {round(done.end_s, 2)} s"
    return None


def _held(path: Path) -> int:
    try:
        return fragment_bytes(path)
    except OSError:
        return 0


def _avi(done: Pass, path: Path) -> str | None:
    try:
        listed = avi_index(path, done.stream.index)
    except OSError:
        listed = None
    announced = done.stream.frames
    if listed is not None and done.packets != listed:
        return f"its index lists {listed} pictures and {done.packets} are there"
    if listed is None and announced and done.packets != announced:
        return f"it has no whole index, its header announces {announced} pictures and {done.packets} are there"
    return None
