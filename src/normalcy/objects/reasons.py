"""Why an object has its score, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from normalcy.detection.classes import class_name
from normalcy.objects.cues.base import Cue, Facts
from normalcy.objects.sightings import Floats

SAID = 1.5
"""Standard deviations above normal objects of its place from which on a cue is named."""
MOST = 3
"""Cues that are named at most."""


def kind_of(label: int) -> str:
    """``a bicycle``; something that moves, where the detector has no word for it."""
    name = class_name(label)
    if not name:
        return "something without a name"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def reason(label: int, cues: Sequence[Cue], z_C: Floats, part_C: Floats, facts: Facts) -> str:
    """``a bicycle: 3.1 times as fast as usual here; glides rather than walks``, empty for an ordinary object.

    z_C: standard deviations of each cue. part_C: what it adds to the score.
    """
    said = []
    for c in np.argsort(-part_C, kind="stable")[:MOST].tolist():
        if z_C[c] < SAID or part_C[c] <= 0:
            continue
        said.append(cues[c].phrase(facts))
    return f"{kind_of(label)}: {'; '.join(said)}" if said else ""
