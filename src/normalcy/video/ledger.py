"""Which coded pictures went into the decoder and never came out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from normalcy.video.damage import Damage

REORDER = 32
"""A picture that has not come out this many packets later never will: twice what H.264 and HEVC may hold back."""
NOT_CODED = 8
"""Bytes. Shorter packets of MPEG-4 say "as before" (a picture that is not coded) and give no picture of their own."""
HIDDEN = frozenset(("vp8", "vp9", "av1"))
"""Codecs with packets that are never shown, for later ones to refer to."""


@dataclass(slots=True)
class _Sent:
    stamp: float | None
    size: int
    marked: bool
    failed: bool = False


def shows_picture(codec: str, size: int) -> bool:
    """Whether a packet of so many bytes gives a picture of its own if it is sound."""
    return codec not in HIDDEN and (codec != "mpeg4" or size >= NOT_CODED)


class Ledger:
    """Every packet is put down when it is sent, and struck out when its picture comes; what stays is lost.

    Some stay in sound files too: second fields, pictures that are not coded, pictures never shown. So a packet that the decoder
    did not refuse counts as lost only where no picture stands near its place in time. place: a stamp's place in seconds of the
    video. timed: whether stamps are those of presentation, so that such places can be compared.
    """

    def __init__(self, damage: Damage, codec: str, timed: bool, place: Callable[[float], float]) -> None:
        self._damage, self._place = damage, place
        self._codec, self._timed = codec, timed
        self._sent: dict[int, _Sent] = {}
        self._came: deque[float] = deque(maxlen=8 * REORDER)
        self._last: float | None = None
        self._first_key: int | None = None
        self._top = -1
        self.delivered = 0

    def send(self, number: int, stamp: float | None, size: int, key: bool, marked: bool) -> None:
        """A packet goes into the decoder. marked: the demuxer says that part of it is missing."""
        self._damage.pictures += 1
        self._sent[number] = _Sent(stamp, size, marked)
        if key and self._first_key is None:
            self._first_key = number

    def fail(self, number: int) -> None:
        """The decoder refused it."""
        if number in self._sent:
            self._sent[number].failed = True

    def deliver(self, number: int | None, stamp: float | None, repaired: bool) -> int:
        """A picture came out. Returns how many before it are surely lost: more than any reordering holds back."""
        self.delivered += 1
        if stamp is not None:
            self._came.append(stamp)
            self._last = stamp
        sent = None if number is None else self._sent.pop(number, None)
        if repaired or (sent is not None and sent.marked):
            self._damage.repair(self._place_of(stamp))
        if number is None:
            return 0
        skipped, self._top = number - self._top - 1, max(number, self._top)
        return skipped if skipped > REORDER else 0

    def settle(self, before: int | None = None) -> None:
        """Write off what was sent before packet number ``before`` and never came (None: all)."""
        for number in [n for n in self._sent if before is None or n < before]:
            sent = self._sent.pop(number)
            if self._first_key is None or number < self._first_key:
                self._damage.skipped += 1
            elif sent.failed or self._missing(sent):
                self._damage.lose(self._place_of(sent.stamp))

    def _missing(self, sent: _Sent) -> bool:
        if not shows_picture(self._codec, sent.size):
            return False
        if not self._timed or sent.stamp is None or not self._came:
            return True
        stamps = np.array(self._came)
        steps = np.diff(np.sort(stamps))
        steps = steps[steps > 0]
        usual = float(np.percentile(steps, 10)) if len(steps) else 0.0
        return bool(np.abs(stamps - sent.stamp).min() > 0.75 * usual)

    def _place_of(self, stamp: float | None) -> float:
        stamp = self._last if stamp is None else stamp
        return 0.0 if stamp is None else self._place(stamp)
