"""How strong a score is, 0 to 1 with .5 where the alarm is, in a number and in words. It grows with the score.

It is no probability.
"""

from __future__ import annotations

import math

import numpy as np

from normalcy.scoring.fusion import unsquash

WORDS = ((0.5, "below the alarm"), (0.6, "slight"), (0.8, "clear"), (0.95, "strong"), (math.inf, "extreme"))
"""Strengths below each number have the word beside it: up to 1.5, 4 and 19 times as far from normal as the alarm is."""


def strength(score: float, threshold: float) -> float:
    """Distance from normal, in standard deviations, as a share of itself and the alarm's: .5 at the threshold, .8 at four times
    as far. score and threshold: as frame scores have them (asinh)."""
    far, alarm = (float(unsquash(np.array(min(s, 300.0)))) for s in (score, threshold))  # sinh of more is infinite
    if alarm <= 0:  # no distance to compare with
        return 1.0 / (1.0 + math.exp(min(max(threshold - score, -700.0), 700.0)))
    return far / (far + alarm) if far > 0 else 0.0


def in_words(value: float) -> str:
    """The word for a strength."""
    return next(word for below, word in WORDS if value < below)


def times(value: float) -> float:
    """How many times as far from normal as the alarm is. Infinite at 1."""
    return value / (1.0 - value) if value < 1.0 else math.inf
