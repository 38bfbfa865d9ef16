"""One video file, decoded frame by frame with PyAV: what can be decoded, in order, at its true time; the rest reported."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from itertools import chain

import av

from normalcy.config import VideoConfig
from normalcy.errors import SourceError, VideoError
from normalcy.types import Frame, VideoInfo
from normalcy.video.clock import Clock, Timed
from normalcy.video.container import cut_off
from normalcy.video.convert import GREY16, Converter, shown_size, turn_of
from normalcy.video.damage import KEPT, Damage
from normalcy.video.deinterlace import Deinterlacer
from normalcy.video.demux import rate_of, reason
from normalcy.video.ends import ends_early, hides
from normalcy.video.passes import DamageFoundError, Pass, Picture
from normalcy.video.segments import Segments
from normalcy.video.source import VideoRef

_ENOUGH = 20
"""Frames after which the number of packets for each is known."""


class VideoFile:
    """A video file, opened. Decodes once from front to back; memory does not grow with length.

    With ``config.damage`` skip, a file is refused (VideoError) where nothing of it can be decoded, where an MP4/MOV lacks its
    index, and, at its end, where more than ``config.max_lost`` of its pictures could not be decoded. Everything else is read,
    and ``damage`` says what was wrong: packets that cannot be decoded are left out and keep their place in time.

    With refuse, these are refused as well:

    - A packet that cannot be decoded, naming the frame index where reading stopped.
    - A container that declares more bytes than there are (MP4/MOV, AVI, Matroska/WebM), on opening.
    - An MP4/MOV that delivers fewer packets, by more than one, than its sample index lists after edit lists; a Matroska or FLV
      stream that ends more than max(1 s, 1 %) before its declared duration. Frame counts and durations in metadata decide
      nothing else: they are often off by a frame, and edit lists hide frames from them.

    Neither refuses MPEG-TS/PS and raw streams for beginning or ending anywhere (they declare no length), or a picture that the
    decoder repaired. A change of the picture's size starts a new segment, and so does a gap of more than a second.
    """

    def __init__(self, ref: VideoRef, config: VideoConfig) -> None:
        """Raises SourceError (no such file) or VideoError (see above), naming the file."""
        self._path, self._config = ref.path, config
        self._strict = config.damage == "refuse"
        self.damage = Damage(cut=_check(ref, self._strict))
        self._begin(threads=True)
        try:
            self._fps = rate_of(self._pass.stream)
            self._clock: Clock[Picture] = Clock(1.0 / self._fps, self._pass.start_s, config.jump_s)
            self._decoded = self._pictures()
            self._first = next(self._decoded)
        except BaseException:
            self.close()
            raise
        frame = self._first.frame
        self.turn = turn_of(frame)
        w, h = shown_size(frame.width, frame.height, self._pass.stream.sample_aspect_ratio, self.turn)
        self.info = VideoInfo(ref.name, ref.path, w, h, self._fps, None, self.turn.degrees)
        if frame.format.name in GREY16 and config.window is None:
            self.damage.remark(
                "16-bit grey pictures: their upper 8 bits are looked at (video.window, or a training, sets a window)"
            )

    def close(self) -> None:
        """Release the file. Safe to call twice."""
        self._pass.close()

    def count(self) -> int:
        """Decode what is left without converting it; how many frames the file has if nothing was read before."""
        return 1 + sum(1 for _ in self._decoded)

    def frames(self, size: tuple[int, int] | None) -> Iterator[Frame]:
        """Frames in presentation order, RGB, as they are to be seen, scaled to ``size`` (width, height) by area averaging.

        Without ``size``: all at the size of the first. Raises VideoError at the end where too much was lost.
        """
        convert = Converter(size or (self.info.width, self.info.height), self.turn, self._config.window)
        weave = Deinterlacer(self._config.deinterlace)
        segments = Segments(1.0 / self._fps)
        places: deque[tuple[float, int]] = deque()  # time and segment of the frames inside the deinterlacer
        index = 0
        for timed in chain(self._timed(), [None]):
            try:
                if timed is None:
                    ready = weave.finish()
                else:
                    ready = weave.finish() if self._begins_segment(timed, segments) else []
                    places.append((timed.time_s, segments.number))
                    ready += weave.push(timed.item.frame)
            except av.FFmpegError as e:
                raise VideoError(
                    f"{self._path}: its fields cannot be taken apart ({reason(e)}); set video.deinterlace=off"
                ) from e
            self.damage.interlaced |= weave.active
            for woven in ready:
                time_s, segment = places.popleft()
                try:
                    image = convert(woven)
                except Exception as e:
                    if self._strict:
                        raise VideoError(f"{self._path}: damaged: frame {index} cannot be converted ({reason(e)})") from e
                    self.damage.lose(time_s)
                    continue
                yield Frame(index, time_s, image, segment)
                index += 1
        if not index:
            raise VideoError(f"{self._path}: not one frame could be converted")
        self.damage.long_steps, self.damage.steps = segments.long_steps()

    def _begin(self, threads: bool, per_frame: float = 1.0) -> None:
        place = lambda stamp_s: self._clock.place(stamp_s)  # noqa: E731 (the clock is made after the pass is open)
        try:
            self._pass = Pass(self._path, self.damage, place, threads, self._strict, per_frame)
        except VideoError as e:
            if self.damage.cut:
                raise VideoError(f"{self._path}: {self.damage.cut}; nothing of it can be read") from e
            raise

    def _pictures(self) -> Generator[Picture]:
        """Decoded frames; raises VideoError where the file is refused."""
        handed = 0
        try:
            for picture in self._pass.pictures():
                handed += 1
                yield picture
        except DamageFoundError:
            done = self._pass
            done.close()
            self._begin(threads=False, per_frame=done.packets / done.delivered if done.delivered >= _ENOUGH else 1.0)
            for i, picture in enumerate(self._pass.pictures()):
                if i >= handed:
                    yield picture
        self._check_end()

    def _timed(self) -> Iterator[Timed[Picture]]:
        """Decoded frames with their times; keeps the report's account of time."""
        joins = self._clock.joins
        for picture in chain([self._first], self._decoded):
            yield from self._clock.push(picture, picture.stamp, picture.lost, picture.hole)
            self.damage.join_count, self.damage.joins = len(joins), joins[:KEPT]
            self.damage.stamps_ignored = self._clock.ignored
        yield from self._clock.finish()
        self.damage.stamps_ignored = self._clock.ignored

    def _begins_segment(self, timed: Timed[Picture], segments: Segments) -> bool:
        """Whether a frame begins a segment, which the report then has, too."""
        frame, before_s, old = timed.item.frame, segments.last_s, segments.size
        gap, resized = segments.take(timed.time_s, (frame.width, frame.height), timed.step_s)
        if gap and before_s is not None and not timed.step_s:
            self.damage.gap(before_s, timed.time_s)
        if resized and old is not None:
            self.damage.resize(old, (frame.width, frame.height), timed.time_s)
        return gap or resized

    def _check_end(self) -> None:
        short = ends_early(self._pass, self._path, self._strict)
        if short:
            if self._strict:
                raise VideoError(f"{self._path}: the file is cut off: reading stopped at frame {self._pass.delivered}; {short}")
            self.damage.cut = self.damage.cut or short
        elif hidden := hides(self._pass):
            self.damage.remark(hidden)
        if not self._pass.delivered:
            why = f" ({reason(self._pass.first_error)})" if self._pass.first_error else ""
            raise VideoError(f"{self._path}: not one frame could be decoded{why}")
        self.damage.refuse_above(self._config.max_lost, self._path)


def _check(ref: VideoRef, strict: bool) -> str | None:
    """What can be said of the file before FFmpeg sees it, with better reasons than FFmpeg gives: why it ends early, if so."""
    path = ref.path
    if not path.exists():
        raise SourceError(f"{path}: no such file")
    if not path.is_file():
        raise SourceError(f"{path}: not a regular file")
    try:
        if path.stat().st_size == 0:
            raise VideoError(f"{path}: the file is empty (0 bytes)")
        cut = cut_off(path)
    except OSError as e:
        raise VideoError(f"{path}: cannot be read: {e.strerror}") from e
    if cut is None:
        return None
    if not cut.usable or (strict and cut.declared):
        raise VideoError(f"{path}: {cut.reason}")
    return cut.reason
