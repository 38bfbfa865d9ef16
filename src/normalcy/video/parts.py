"""A long recording in parts: where each of its pictures stands, found without decoding, and a reader that begins in the middle.

Only for a recording that is sound in every respect: one time line without gaps, a picture for each packet, nothing cut, nothing
damaged. Of any other the place of a picture depends on all before it, and it is read as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normalcy.config import VideoConfig
from normalcy.errors import SourceError, VideoError
from normalcy.types import Frame, VideoInfo
from normalcy.video.clock import Clock
from normalcy.video.convert import Converter, Turn, shown_size
from normalcy.video.damage import Damage
from normalcy.video.decode import VideoFile
from normalcy.video.ends import ends_early, hides
from normalcy.video.ledger import shows_picture
from normalcy.video.passes import BY_DECODING_TIME, DamageFoundError, Pass
from normalcy.video.segments import Segments
from normalcy.video.source import VideoRef


class NotSoundError(Exception):
    """The recording is not as sound as it looked: it has to be read as a whole."""


@dataclass(frozen=True, slots=True)
class Index:
    """Where the pictures of a sound recording stand. N pictures, K of them key pictures."""

    info: VideoInfo
    turn: Turn
    ticks_N: NDArray[np.int64]
    """Stamps of presentation, in ticks of the stream, rising."""
    times_N: NDArray[np.float64]
    """Seconds, by the rule of :mod:`normalcy.video.clock`."""
    keys_K: NDArray[np.int64]
    """Numbers of the key pictures."""
    key_dts_K: NDArray[np.int64]
    """Their times of decoding."""
    damage: Damage
    """What a reader of the whole reports of it."""

    def __len__(self) -> int:
        return len(self.ticks_N)


def index_of(ref: VideoRef, config: VideoConfig, least_s: float = 0.0) -> Index | None:
    """The index of a recording, or None for one that has to be read as a whole.

    Reads all of the file, unless that says itself that it is shorter than ``least_s``, and decodes its first picture. Raises
    SourceError, VideoError as :class:`~normalcy.video.reader.VideoReader`.
    """
    if ref.kind != "file" or config.deinterlace == "on":
        return None
    file = VideoFile(ref, config)
    file.close()
    if file.damage.warnings():
        return None
    done = Pass(ref.path, Damage(), lambda s: s, threads=True, strict=False)
    try:
        if not done.format.isdisjoint(BY_DECODING_TIME) or not shows_picture(done.stream.codec_context.name, 10**6):
            return None
        if 0 < done.declared_s() < least_s:
            return None
        found = [(p.pts, p.pts if p.dts is None else p.dts, p.is_keyframe, p.is_discard, p.size) for p in done.sound_packets()]
        if ends_early(done, ref.path, strict=False) or hides(done) or done.coded != len(found):
            return None
        return _index(file, done, found, config)
    except (DamageFoundError, VideoError):
        return None
    finally:
        done.close()


def _index(file: VideoFile, done: Pass, found: list[tuple[int, int, bool, bool, int]], config: VideoConfig) -> Index | None:
    info = file.info
    if not found or any(pts is None or hidden for pts, _, _, hidden, _ in found):
        return None
    pts, dts, key = (np.array(column) for column in list(zip(*found, strict=True))[:3])
    order = np.argsort(pts, kind="stable")
    ticks = pts[order].astype(np.int64)
    if (np.diff(ticks) <= 0).any():
        return None
    base = done.stream.time_base
    clock: Clock[None] = Clock(1.0 / info.fps, done.start_s, config.jump_s)
    settled = [t for tick in ticks.tolist() for t in clock.push(None, tick * base.numerator / base.denominator)]
    times = np.array([t.time_s for t in (*settled, *clock.finish())])
    segments = Segments(1.0 / info.fps)
    for time_s in times.tolist():
        segments.take(time_s, (0, 0))
    if clock.joins or clock.ignored or segments.number:
        return None
    damage = Damage(pictures=len(ticks))
    damage.long_steps, damage.steps = segments.long_steps()
    keys = np.flatnonzero(key[order])
    return Index(info, file.turn, ticks, times, keys, dts[order][keys].astype(np.int64), damage)


def read_part(ref: VideoRef, index: Index, first: int, end: int, size: tuple[int, int], config: VideoConfig) -> Iterator[Frame]:
    """Frames ``first`` to before ``end`` as a reader of the whole gives them, scaled to ``size`` (width, height).

    Raises NotSoundError where the recording turns out not to be sound, SourceError where it has gone.
    """
    try:
        opened = Pass(ref.path, Damage(), lambda s: s, threads=True, strict=False)
    except VideoError as e:
        if not Path(ref.path).exists():
            raise SourceError(f"{ref.path}: no such file") from e
        raise NotSoundError from e
    try:
        # One group of pictures earlier than need be: pictures after a key may refer to some before it.
        k = max(int(np.searchsorted(index.keys_K, first, side="right")) - 2, 0)
        frames = opened.from_key(int(index.ticks_N[index.keys_K[k]]), int(index.key_dts_K[k]), wanted=int(index.ticks_N[first]))
        convert: Converter | None = None
        seen: tuple[int, int] | None = None
        number = first
        for frame in frames:
            if number == end:
                break
            if frame.pts != index.ticks_N[number] or (config.deinterlace != "off" and frame.interlaced_frame):
                raise NotSoundError
            if convert is None:
                shown = shown_size(frame.width, frame.height, opened.stream.sample_aspect_ratio, index.turn)
                if shown != (index.info.width, index.info.height):
                    raise NotSoundError
                convert, seen = Converter(size, index.turn, config.window), (frame.width, frame.height)
            if (frame.width, frame.height) != seen:
                raise NotSoundError
            yield Frame(number, float(index.times_N[number]), convert(frame))
            number += 1
        if number != end:
            raise NotSoundError
    except DamageFoundError as e:
        raise NotSoundError from e
    finally:
        opened.close()
