"""From a file to coded packets. Whatever FFmpeg or PyAV throws becomes a VideoError, or is handed on as a fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from normalcy.errors import VideoError
from normalcy.video.segments import GAP_S

ERRORS_IN_A_ROW = 50
"""So many failures to read with no packet in between end the file: the demuxer does not move on any more."""
FALLBACK_FPS = 25.0
# PyAV 19 reads any metadata; before, one tag that is not UTF-8 makes a good file unreadable unless told otherwise.
OPEN: dict[str, Any] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}


def open_file(path: Path) -> Any:
    """The container. Raises VideoError naming the file."""
    try:
        # "file:" keeps a name with a colon from being taken for an address; opened so, FFmpeg itself lets a playlist
        # reach local files only.
        container = av.open(f"file:{path}", **OPEN)
    except (av.error.InvalidDataError, EOFError) as e:
        raise VideoError(f"{path}: not a video, or damaged from its beginning") from e
    except Exception as e:  # PyAV lets more than its own errors through: MemoryError, ValueError, UnicodeError, IndexError
        raise VideoError(f"{path}: cannot be opened: {reason(e)}") from e
    names = container.format.name
    if names.endswith("_pipe") or names in ("image2", "tty"):
        container.close()
        raise VideoError(f"{path}: not a video: its content is {container.format.long_name}")
    return container


def pick_stream(container: Any, path: Path) -> Any:
    """The first real video stream (a cover picture is none). Raises VideoError where there is none that can be decoded."""
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    known = [s for s in streams if s.codec_context is not None]
    if known:
        return known[0]
    if streams:
        raise VideoError(f"{path}: there is no decoder for the codec of its pictures, or its header is damaged")
    what = "sound only" if container.streams.audio else "no pictures"
    raise VideoError(f"{path}: no video in this file: it holds {what}")


def rate_of(stream: Any) -> float:
    """Mean frames per second, gaps aside; a fallback where the container gives none or a clock tick instead."""
    if stream.average_rate and stream.guessed_rate and 1.05 * stream.average_rate < stream.guessed_rate:
        # An MP4's mean counts the time in which nothing was recorded, too.
        steps = np.diff(np.sort([e.timestamp for e in stream.index_entries])) * float(stream.time_base)
        kept = steps[(steps > 0) & (steps <= GAP_S)]
        if 0 < len(kept) < len(steps) and kept.sum() > 0:
            return float(len(kept) / kept.sum())
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < float(rate) <= 1000:
            return float(rate)
    return FALLBACK_FPS


def packets(container: Any, stream: Any) -> Iterator[Any | Exception]:
    """The stream's packets in stored order, without the empty ones at the end; an error of the demuxer in its place.

    Ends with the file, or after ERRORS_IN_A_ROW errors, of which the last is then the last item.
    """
    demuxed = container.demux(stream)
    failures = 0
    while failures < ERRORS_IN_A_ROW:
        try:
            packet = next(demuxed)
        except StopIteration:
            return
        except Exception as e:
            # A generator is over once it threw; another one goes on behind the damage.
            failures += 1
            demuxed = container.demux(stream)
            yield e
            continue
        if packet.size == 0 and packet.pts is None and packet.dts is None:
            return  # PyAV's request to flush the decoder
        failures = 0
        yield packet


def reason(error: BaseException) -> str:
    """What an exception says, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
