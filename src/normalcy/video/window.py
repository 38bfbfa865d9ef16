"""The window that 16-bit grey video is seen through, measured on the training video and then fixed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.errors import VideoError
from normalcy.video.convert import GREY16, Window
from normalcy.video.demux import open_file, packets, pick_stream
from normalcy.video.source import VideoRef, list_pictures

EVERY = 10
"""Frames from one that is measured to the next."""
TAIL = 1e-4
"""Share of the pixels that may lie beyond either end: dead ones."""
MARGIN = 0.5
"""Room beyond either end, in widths of what was found: what is not normal may be hotter than all that is."""


def measure_window(refs: Sequence[VideoRef]) -> Window | None:
    """The values that normal video of 16-bit grey uses, with room on both sides; None where no video is of that kind."""
    counts = np.zeros(65536, np.int64)
    for ref in refs:
        try:
            for values in _pictures(ref) if ref.kind == "frames" else _frames(ref):
                counts += np.bincount(values.ravel(), minlength=65536)
        except (VideoError, OSError):
            continue  # named when it is read for training
    total = counts.cumsum()
    if not total[-1]:
        return None
    low, high = (int(np.searchsorted(total, share * total[-1])) for share in (TAIL, 1.0 - TAIL))
    room = max(1, round(MARGIN * (high - low)))
    return max(0, low - room), min(65535, high + room)


def _frames(ref: VideoRef) -> Iterator[NDArray[np.uint16]]:
    container = open_file(ref.path)
    try:
        stream = pick_stream(container, ref.path)
        if stream.codec_context.pix_fmt not in GREY16:
            return
        number = 0
        for packet in packets(container, stream):
            try:
                frames: list[Any] = [] if isinstance(packet, Exception) else packet.decode()
            except Exception:  # damage is reported when the video is read
                continue
            for frame in frames:
                if number % EVERY == 0 and frame.format.name in GREY16:
                    yield frame.reformat(format="gray16le").to_ndarray()
                number += 1
    finally:
        container.close()


def _pictures(ref: VideoRef) -> Iterator[NDArray[np.uint16]]:
    for path in list_pictures(ref.path)[::EVERY]:
        image: Any = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None or image.dtype != np.uint16 or image.ndim != 2:
            return
        yield image
