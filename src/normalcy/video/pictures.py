"""A folder of pictures that are the frames of one video."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import cv2.utils.logging as cv2_log
import numpy as np
from numpy.typing import NDArray

from normalcy.config import VideoConfig
from normalcy.errors import SourceError, UsageError, VideoError
from normalcy.types import Frame, VideoInfo
from normalcy.video.convert import Window, windowed
from normalcy.video.damage import Damage
from normalcy.video.segments import Segments
from normalcy.video.source import VideoRef, list_pictures

_END_MARKS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}
"""First bytes -> what must stand near the end: JPEG, PNG. Some decoders fill a cut JPEG with grey and say nothing."""
_NAMED = 5
"""So many missing stretches of numbers are named."""


class PictureFolder:
    """The pictures directly in a folder, in natural order. Same methods as a video file; frame i is at i / fps seconds.

    Grey pictures become RGB, alpha is dropped, EXIF orientation is honoured; 16-bit values keep their upper 8 bits, 16-bit grey
    goes through ``config.window`` where there is one. Numbers that the names lack are reported; with ``config.folder_gaps``
    keep, the frames after them keep their time. A picture that cannot be read is left out and reported, or refused
    (``config.damage``). One of another size begins a new segment.
    """

    def __init__(self, ref: VideoRef, fps: float, config: VideoConfig) -> None:
        """Raises SourceError (missing, empty), VideoError (no picture is readable), UsageError (fps)."""
        if not (math.isfinite(fps) and fps > 0):
            raise UsageError(f"fps of a folder of frames must be a positive number, got {fps}")
        if not ref.path.is_dir():
            raise SourceError(f"{ref.path}: no such folder")
        self._folder, self._config = ref.path, config
        self._paths = list_pictures(ref.path)
        if not self._paths:
            raise SourceError(f"{ref.path}: no pictures in this folder")
        self.damage = Damage(pictures=len(self._paths))
        self._places = self._number()
        h, w, _ = self._first().shape
        self.info = VideoInfo(ref.name, ref.path, w, h, fps, len(self._paths))

    def close(self) -> None:
        """Nothing stays open between two pictures."""

    def count(self) -> int:
        """Number of pictures, none decoded."""
        return len(self._paths)

    def frames(self, size: tuple[int, int] | None) -> Iterator[Frame]:
        """Frames in natural order, RGB, resized to ``size`` (width, height) by area averaging, or to the size of the first.

        Raises VideoError naming the picture where one cannot be read and damage is refused, or where too many cannot be read.
        """
        segments = Segments(1.0 / self.info.fps)
        index = 0
        for i, place in enumerate(self._places):
            time_s = place / self.info.fps
            try:
                image = self._load(i)
            except VideoError:
                if self._config.damage == "refuse":
                    raise
                self.damage.lose(time_s)
                continue
            found = (image.shape[1], image.shape[0])
            before_s, old = segments.last_s, segments.size
            gap, resized = segments.take(time_s, found)
            if gap and before_s is not None:
                self.damage.gap(before_s, time_s)
            if resized and old is not None:
                self.damage.resize(old, found, time_s)
            wanted = size or (self.info.width, self.info.height)
            if wanted != found:
                image = np.asarray(cv2.resize(image, wanted, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            yield Frame(index, time_s, image, segments.number)
            index += 1
        self.damage.long_steps, self.damage.steps = segments.long_steps()
        self.damage.refuse_above(self._config.max_lost, self._folder)

    def _number(self) -> list[int]:
        """Each picture's place in units of the time between two; reports the numbers that are missing."""
        numbers = numbers_of([p.stem for p in self._paths])
        if numbers is None:
            return list(range(len(self._paths)))
        step = Counter(b - a for a, b in itertools.pairwise(numbers)).most_common(1)[0][0]
        holes = [(a, b) for a, b in itertools.pairwise(numbers) if b - a > step]
        keep = self._config.folder_gaps == "keep"
        if holes:
            missing = sum(math.ceil((b - a) / step) - 1 for a, b in holes)
            named = ", ".join(_stretch(a + step, b - step) for a, b in holes[:_NAMED])
            more = f" and in {len(holes) - _NAMED} more places" if len(holes) > _NAMED else ""
            self.damage.remark(
                f"{missing} of the numbered pictures {'is' if missing == 1 else 'are'} missing: {named}{more}; those after "
                f"{'keep their time' if keep else 'follow on without a gap (video.folder_gaps=keep keeps their time)'}"
            )
        if not keep:
            return list(range(len(self._paths)))
        return [math.ceil((n - numbers[0]) / step) for n in numbers]

    def _first(self) -> NDArray[np.uint8]:
        for i in range(len(self._paths)):
            try:
                return self._load(i)
            except VideoError:
                if self._config.damage == "refuse" or i + 1 == len(self._paths):
                    raise
        raise AssertionError("unreachable")

    def _load(self, index: int) -> NDArray[np.uint8]:
        path = self._paths[index]
        try:
            return decode_picture(path, self._config.window)
        except OSError as e:
            reason = f"cannot be read: {e.strerror}"
        except ValueError as e:
            reason = str(e)
        raise VideoError(f"{path}: {reason}; reading stopped at frame {index}")


def numbers_of(names: Sequence[str]) -> list[int] | None:
    """The rising numbers that names end in or differ by; None where they are not numbered that way.

    The last group of digits counts, and everything else has to be the same: ``frame_0003``, ``0003_left``.
    """
    found = [re.fullmatch(r"(.*?)(\d+)(\D*)", name) for name in names]
    parts = [m.groups() for m in found if m is not None]
    if len(parts) < max(2, len(names)) or len({(a, c) for a, _, c in parts}) > 1:
        return None
    numbers = [int(n) for _, n, _ in parts]
    return numbers if all(b > a for a, b in itertools.pairwise(numbers)) else None


def _stretch(first: int, last: int) -> str:
    return str(first) if first >= last else f"{first} to {last}"


def decode_picture(path: Path, window: Window | None = None) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of one picture; 16-bit grey through the window. Raises OSError, or ValueError with the reason where it is
    no whole picture."""
    data = path.read_bytes()  # not cv2.imread, which gives no reason and fails on some names
    if not data:
        raise ValueError("the picture is empty (0 bytes)")
    for start, end in _END_MARKS.items():
        if data.startswith(start) and end not in data[-4096:]:
            raise ValueError("the picture is cut off")
    level = cv2_log.getLogLevel()
    cv2_log.setLogLevel(cv2_log.LOG_LEVEL_SILENT)  # its own complaints would go to stderr beside ours
    try:
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        image = None
    finally:
        cv2_log.setLogLevel(level)
    if image is None:
        raise ValueError("not a readable picture")
    if image.dtype == np.uint16:
        grey = window is not None and bool((image == image[..., :1]).all())
        image = windowed(image, window) if grey and window is not None else (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(f"pixels of type {image.dtype} are not supported; write 8 or 16 bit")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
