"""AUC as a table of won pairs between videos, which makes resampling videos a matter of small matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from normalcy.metrics.inputs import FloatArray, IntArray, Labelled


@dataclass(frozen=True, slots=True)
class PairTable:
    """Pairs of an abnormal frame of video i and a normal frame of video j."""

    wins: FloatArray
    """(V, V) pairs in which the abnormal frame scores higher; ties count half."""
    abnormal: FloatArray
    """(V,) abnormal frames."""
    normal: FloatArray
    """(V,) normal frames."""

    @classmethod
    def of(cls, abnormal: Sequence[FloatArray], normal: Sequence[FloatArray]) -> PairTable:
        """Table from the scores of the abnormal and of the normal frames of each of V videos; either may be empty."""
        videos = len(abnormal)
        above = np.concatenate([np.sort(s) for s in abnormal])
        owner = np.repeat(np.arange(videos), [len(s) for s in abnormal])
        wins = np.zeros((videos, videos))
        for j, below in enumerate(normal):
            ranked = np.sort(below)
            won = np.searchsorted(ranked, above, side="left") + np.searchsorted(ranked, above, side="right")
            wins[:, j] = np.bincount(owner, weights=won, minlength=videos) / 2
        return cls(wins, np.array([float(len(s)) for s in abnormal]), np.array([float(len(s)) for s in normal]))

    @classmethod
    def labelled(cls, data: Labelled) -> PairTable:
        """Table of all frames of checked scores and labels."""
        return cls.of(
            [s[y] for s, y in zip(data.scores, data.labels, strict=True)],
            [s[~y] for s, y in zip(data.scores, data.labels, strict=True)],
        )

    def auc(self) -> float:
        """Micro AUC of the videos as they are."""
        return float(self.wins.sum() / (self.abnormal.sum() * self.normal.sum()))

    def resampled(self, counts: IntArray) -> FloatArray:
        """(R,) micro AUC where row r of (R, V) ``counts`` says how often each video was drawn."""
        won = ((counts @ self.wins) * counts).sum(axis=1)
        drawn: FloatArray = won / ((counts @ self.abnormal) * (counts @ self.normal))
        return drawn

    def contributions(self) -> FloatArray:
        """(V,) parts that add up to the AUC: half of each won pair goes to the video of either frame."""
        parts: FloatArray = (self.wins.sum(axis=1) + self.wins.sum(axis=0)) / (2 * self.abnormal.sum() * self.normal.sum())
        return parts
