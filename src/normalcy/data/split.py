"""What part of the normal video the network learns from, and what part is held out for validation and calibration."""

from __future__ import annotations

from collections.abc import Sequence

from normalcy.clips.sampling import span
from normalcy.errors import TrainingError
from normalcy.types import Piece


def split(
    segments: Sequence[Sequence[tuple[int, int]]], groups: Sequence[str], share: float, length: int, steps: Sequence[int]
) -> tuple[list[Piece], list[Piece]]:
    """Divide normal video into (fit, held-out) pieces. Deterministic; looks at nothing but lengths.

    segments: of each video, first frame and frame behind the last of its stretches without a gap, over which no piece reaches.
    groups: where each comes from (its folder), so that every scene is in both parts. share: of the video to hold out. length,
    steps: T, and the step of each video: a piece is of use if it holds two clips.
    Groups with enough videos give whole videos, since the end of a video resembles its beginning; others give the last
    ``share`` of each video that is long enough.
    Raises TrainingError if either part would be empty.
    """
    needs = [2 * span(length, step) for step in steps]
    pieces = [
        [Piece(i, a, b, step) for a, b in stretches if b - a >= need]
        for i, (stretches, step, need) in enumerate(zip(segments, steps, needs, strict=True))
    ]
    fit: list[Piece] = []
    held: list[Piece] = []
    for group in dict.fromkeys(groups):
        usable = [i for i, g in enumerate(groups) if g == group and pieces[i]]
        if len(usable) * share >= 2.0:
            every = max(2, round(1.0 / share))
            for k, i in enumerate(usable):
                (held if k % every == every - 1 else fit).extend(pieces[i])
            continue
        for i in usable:
            first, last = _cut(pieces[i], share, needs[i])
            fit += first
            held += last
    if not held and len(fit) > 1:  # videos too short to cut: give up the last one whole
        held.append(fit.pop())
    if not fit or not held:
        longest, need = max((b - a for stretches in segments for a, b in stretches), default=0), max(needs, default=0)
        raise TrainingError(
            f"too little normal video: the longest has {longest} frames. One video of at least {2 * need} frames, or two of "
            f"at least {need}, are needed to learn from one part and calibrate on the other"
        )
    return fit, held


def _cut(pieces: Sequence[Piece], share: float, need: int) -> tuple[list[Piece], list[Piece]]:
    """The pieces of one video, and its last ``share`` apart, where both parts then hold ``need`` frames in one piece."""
    wanted = max(round(sum(p.frames for p in pieces) * share), need)
    first, last = list(pieces), list[Piece]()
    while len(first) > 1 and first[-1].frames <= wanted:
        last.insert(0, first.pop())
        wanted -= last[0].frames
    p = first[-1]
    if wanted >= need and p.frames - wanted >= need:
        first[-1] = p._replace(stop=p.stop - wanted)
        last.insert(0, p._replace(start=p.stop - wanted))
    elif not last and len(first) > 1:
        last.append(first.pop())
    return first, last
