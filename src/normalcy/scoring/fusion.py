"""From the calibrated readouts of a frame to its score: one rule, fixed in advance, with nothing fitted on test video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def squash(z: Values) -> Values:
    """asinh of standard deviations: linear near normal, logarithmic far out.

    Readouts have very different tails, and none of them should drown the others.
    """
    return np.asarray(np.arcsinh(z), dtype=np.float64)


def unsquash(score: Values) -> Values:
    """The reverse of squash(): standard deviations."""
    return np.asarray(np.sinh(score), dtype=np.float64)


def fuse(squashed_R: Values) -> Values:
    """Mean over the readouts, (..., R) -> (...), of what exceeds typical normal video (0).

    A readout below typical is no evidence that a frame is normal: nothing moves in a square that a crowd has fled from.
    """
    return np.asarray(np.maximum(squashed_R, 0.0).mean(axis=-1))


def fuse_voices(squashed_R: Values, voices: Sequence[str]) -> Values:
    """fuse() of the voices, (..., R) -> (...): readouts of one voice are fused first, so that several that look through the
    same eyes do not outvote one that looks through others. voices: of each of the R readouts.
    """
    of = np.array(voices)
    return fuse(np.stack([fuse(squashed_R[..., of == v]) for v in dict.fromkeys(voices)], axis=-1))


PER_VIDEO = "between its lowest and highest value in this video (the whole video is seen first)"
"""Where a readout stands with ``scoring.normalise: per_video``, for people. The score is then the mean of the readouts."""


def describe(voices: Mapping[str, str]) -> str:
    """What fuse_voices() does, for people: the end of a sentence. voices: of each readout, its voice in words."""
    if len(voices) == 1:
        return "what exceeds typical normal video (0)"
    groups: dict[str, list[str]] = {}
    for readout, voice in voices.items():
        groups.setdefault(voice, []).append(readout)
    if len(groups) == 1:
        return "the mean over readouts of what exceeds typical normal video (0)"
    named = ", ".join(v if names == [v] else f"{v} ({', '.join(names)})" for v, names in groups.items())
    return f"the mean over {len(groups)} voices, each a mean of readouts, of what exceeds typical normal video (0): {named}"
