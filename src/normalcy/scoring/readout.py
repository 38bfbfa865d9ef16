"""What every readout is, of windows of frames and of objects alike.

There are two kinds, because they answer with different things. A readout of frames reads a batch of
windows, which keeps the passes through the network that readouts share, and gives maps over the picture, whose scale is found
for each zone. A readout of objects (normalcy.objects.readouts) gives one number for each object; what it goes by is taken from
the object's crops once and kept, since an object is cut once and read by every model of a cross-validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config

if TYPE_CHECKING:
    from torch import Tensor

    from normalcy.scoring.windows import Windows

Arrays = dict[str, NDArray[np.float32]]
Observed = TypeVar("Observed", contravariant=True)


class Readout(Generic[Observed]):
    """One reading of a video. Higher is more abnormal, unless ``two_sided`` says that unusually low is a sign too.

    Show it normal video with observe(), end with fit(). A readout without a model of normal needs neither.
    """

    name = ""
    words = ""
    """What a high value says of a place, an object or a frame, for people; the end of a sentence."""
    voice = ""
    """Readouts of one voice share it in the fused value."""
    reads: tuple[str, ...] = ()
    """The tasks whose trained heads it reads, by name."""

    def observe(self, x: Observed) -> None:
        """Take in some normal video."""

    def fit(self) -> None:
        """End of the normal video: fit what was observed."""

    def state(self) -> Arrays:
        """Fitted arrays, for the model folder."""
        return {}

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """The reverse of state(). Raises KeyError for an array that is missing."""


NETWORK, PLAIN = "network", "plain"
"""Voices: what reads the network, and what reads the pictures without one."""
VOICE_WORDS = {NETWORK: "the network", PLAIN: "the pictures without a network"}


class FrameReadout(Readout["Windows"]):
    """One reading of windows of frames."""

    voice = NETWORK
    local = True
    """Whether the map tells places apart (a readout of the whole frame does not)."""
    two_sided: tuple[bool, ...] = (False,)
    """Whether a component is abnormal when it is unusually low as well: an object that is too easy to localise is as abnormal
    as one too hard."""

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg

    def maps(self, w: Windows) -> Tensor:
        """Raw maps (B, K, h, w), one per component; higher is more abnormal unless two-sided."""
        raise NotImplementedError

    def values(self, maps_BKhw: Tensor) -> Tensor | None:
        """The windows' own raw values (B,), or None where the value is read off the calibrated map."""
        return None

    def lesson(self, w: Windows, unusual_Bhw: NDArray[np.bool_]) -> dict[str, NDArray[Any]] | None:
        """What to keep of places that a person called normal, to know them again; None: nothing but how high it read there."""
        return None

    def taught(self, lessons: Sequence[Mapping[str, NDArray[Any]]]) -> Self:
        """The same readout, to which these are normal as well. lessons: what lesson() gave."""
        return self
