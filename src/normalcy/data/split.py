"""What part of the normal video the network learns from, and what part is held out for validation and calibration."""

from __future__ import annotations

from collections.abc import Sequence

from normalcy.clips.sampling import span
from normalcy.errors import TrainingError
from normalcy.types import Piece


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
