"""Reading video: the one way by which pictures enter, for training, scoring and everything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from normalcy.config import InputConfig, VideoConfig
from normalcy.types import Frame, VideoInfo
from normalcy.video.damage import Damage
from normalcy.video.decode import VideoFile
from normalcy.video.pictures import PictureFolder
from normalcy.video.source import VideoRef, as_ref

FRAME_FOLDER_FPS = 25.0
"""Frames per second assumed for a folder of pictures, which carries no time of its own."""


class VideoReader(Iterator[Frame]):
    """The frames of one video, first to last, once. Memory does not grow with length.

    Yields :class:`~normalcy.types.Frame`: (H, W, 3) uint8 RGB, upright (rotation metadata applied), with square pixels, resized
    to ``size`` by area averaging if one is given; ``time_s`` are the file's own time stamps by the rule of
    :mod:`normalcy.video.clock`, 0 being the container's start. The number of frames is what was decoded, never what metadata
    claims. ``damage`` says what was wrong; it is complete when iteration ended.

    Opening and iterating raise SourceError (nothing there) or VideoError (see :class:`~normalcy.video.decode.VideoFile`), with
    the file's name and, where reading stopped, the frame index.
    """

    def __init__(
        self,
        ref: VideoRef | Path | str,
        size: tuple[int, int] | None = None,
        fps: float = FRAME_FOLDER_FPS,
        config: VideoConfig | None = None,
    ) -> None:
        """Open one video.

        Args:
            ref: The video.
            size: (width, height) of the frames as seen; None: the video's own.
            fps: For folders of frames only.
            config: How it is read; None: the defaults.
        """
        self._backend = _open(as_ref(ref), fps, config)
        self.info: VideoInfo = self._backend.info
        self.damage: Damage = self._backend.damage
        self._frames = self._backend.frames(size)

    def __next__(self) -> Frame:
        return next(self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; iteration ends. Safe to call twice."""
        self._frames = iter(())
        self._backend.close()


def _open(ref: VideoRef, fps: float, config: VideoConfig | None) -> VideoFile | PictureFolder:
    config = VideoConfig() if config is None else config
    return VideoFile(ref, config) if ref.kind == "file" else PictureFolder(ref, fps, config)


def probe(ref: VideoRef | Path | str, fps: float = FRAME_FOLDER_FPS, config: VideoConfig | None = None) -> VideoInfo:
    """What is known of a video after its first frame. Raises as :class:`VideoReader`."""
    backend = _open(as_ref(ref), fps, config)
    backend.close()
    return backend.info


def count_frames(ref: VideoRef | Path | str, config: VideoConfig | None = None) -> int:
    """Exact number of frames: a file is decoded to its end (without conversion), pictures of a folder are counted.

    Raises as :class:`VideoReader`, except that pictures after the first are not opened.
    """
    return count_and_damage(ref, config)[0]


def count_and_damage(ref: VideoRef | Path | str, config: VideoConfig | None = None) -> tuple[int, Damage]:
    """The same, with what was wrong, as far as that shows without conversion. Raises as :func:`count_frames`."""
    backend = _open(as_ref(ref), FRAME_FOLDER_FPS, config)
    try:
        return backend.count(), backend.damage
    finally:
        backend.close()


def working_size(width: int, height: int, config: InputConfig) -> tuple[int, int]:
    """(width, height) that a video of this size is resized to for the network.

    ``config.size`` as it is, or both sides scaled so that the shorter one is ``config.short_side``; then each is rounded
    to the nearest multiple of ``config.multiple`` (at least one).
    """
    if config.size is not None:
        w, h = float(config.size[0]), float(config.size[1])
    else:
        assert config.short_side is not None  # InputConfig guarantees one of the two
        scale = config.short_side / min(width, height)
        w, h = width * scale, height * scale
    m = config.multiple
    return max(1, int(w / m + 0.5)) * m, max(1, int(h / m + 0.5)) * m
