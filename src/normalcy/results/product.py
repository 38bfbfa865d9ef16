"""What a product is: one file that a scored video leaves, written while the scores come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from normalcy.files import Staging
from normalcy.scoring.model import Model
from normalcy.scoring.settings import Alarm
from normalcy.types import Event, FrameScore, VideoInfo, VideoScores
from normalcy.video.source import VideoRef


@dataclass(frozen=True, slots=True)
class Context:
    """What is known before the first frame is scored."""

    ref: VideoRef
    info: VideoInfo
    model: Model
    """With the settings that it scores with."""
    alarm: Alarm
    files: Staging
    """Where to write: ``files.open(name)``, or a file below ``files.path``."""
    progress: Callable[[str, int, int | None], None]
    """To be called with (stage, frames done, frames in all or None) by what takes long."""


class Product:
    """One file of a scored video. Made before the first frame, told of every frame's score, then of the whole.

    A failure needs no cleaning up: nothing that was written is put in place then, and files of ``context.files`` are closed.
    An OSError that a product raises ends the video with an OutputError.
    """

    name: ClassVar[str]
    """Of the file; a second run looks for it."""
    reads_maps: ClassVar[bool] = False
    """Whether write() needs the score map of each frame."""
    needs: ClassVar[Sequence[type[Product]]] = ()
    """Products whose files close() reads. They are made first, and go again if nobody asked for them."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def write(self, s: FrameScore) -> None:
        """Take the next frame's score."""

    def close(self, scores: VideoScores, events: Sequence[Event]) -> None:
        """All frames are scored: finish the file. Products are closed in the order in which they were made."""
