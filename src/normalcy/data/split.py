"""What part of the normal video the network learns from, and what part is held out for validation and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from normalcy.clips.sampling import span
from normalcy.errors import TrainingError


class Piece(NamedTuple):
    """Frames start (inclusive) to stop (exclusive) of one training video, and the step its clips are read with."""

    video: int
    start: int
    stop: int
    step: int = 1

    @property
    def frames(self) -> int:
        return self.stop - self.start


def split(
    lengths: Sequence[int], groups: Sequence[str], share: float, length: int, steps: Sequence[int]
) -> tuple[list[Piece], list[Piece]]:
    """Divide normal video into (fit, held-out) pieces. Deterministic; looks at nothing but lengths.

    lengths: frames of each video. groups: where each comes from (its folder), so that every scene is in both parts.
    share: of the video to hold out. length, steps: T, and the step of each video: a piece is of use if it holds two clips.
    Groups with enough videos give whole videos, since the end of a video resembles its beginning; others give the last
    ``share`` of each video that is long enough.
    Raises TrainingError if either part would be empty.
    """
    needs = [2 * span(length, step) for step in steps]
    fit: list[Piece] = []
    held: list[Piece] = []
    for group in dict.fromkeys(groups):
        usable = [i for i, g in enumerate(groups) if g == group and lengths[i] >= needs[i]]
        if len(usable) * share >= 2.0:
            every = max(2, round(1.0 / share))
            for k, i in enumerate(usable):
                (held if k % every == every - 1 else fit).append(Piece(i, 0, lengths[i], steps[i]))
            continue
        for i in usable:
            cut = lengths[i] - max(round(lengths[i] * share), needs[i])
            if cut >= needs[i]:
                fit.append(Piece(i, 0, cut, steps[i]))
                held.append(Piece(i, cut, lengths[i], steps[i]))
            else:
                fit.append(Piece(i, 0, lengths[i], steps[i]))
    if not held and len(fit) > 1:  # videos too short to cut: give up the last one whole
        held.append(fit.pop())
    if not fit or not held:
        longest, need = max(lengths, default=0), max(needs, default=0)
        raise TrainingError(
            f"too little normal video: the longest has {longest} frames. One video of at least {2 * need} frames, or two of "
            f"at least {need}, are needed to learn from one part and calibrate on the other"
        )
    return fit, held


FOLDS = 5
"""Parts of a cross-validation over normal video."""


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """One piece for each video, from the first to the last frame of its pieces."""
    out: dict[int, Piece] = {}
    for p in sorted(pieces):
        start = out[p.video].start if p.video in out else p.start
        out[p.video] = Piece(p.video, start, max(p.stop, out[p.video].stop) if p.video in out else p.stop, p.step)
    return list(out.values())


def folds(pieces: Sequence[Piece], length: int) -> list[list[Piece]]:
    """Divide pieces of different videos for a cross-validation: into FOLDS parts, or as many as there are.

    Videos stay whole, since the end of a video resembles its beginning. A single one is cut into equal stretches that hold
    two clips of ``length`` frames each; too short for that, it is one part.
    """
    if len(pieces) == 1:
        (p,) = pieces
        parts = max(1, min(FOLDS, p.frames // (2 * span(length, p.step))))
        cuts = [p.start + p.frames * i // parts for i in range(parts + 1)]
        return [[Piece(p.video, a, b, p.step)] for a, b in pairwise(cuts)]
    parts = min(FOLDS, len(pieces))
    return [list(pieces[i::parts]) for i in range(parts)]
