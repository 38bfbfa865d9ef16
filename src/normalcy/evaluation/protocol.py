"""How scores were post-processed, and the same for the baselines beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.errors import NormalcyError
from normalcy.presets import parse_config
from normalcy.results.layout import RECORD
from normalcy.results.run_json import short_protocol
from normalcy.scoring.smooth import smooth

PEEKED = "each video's own lowest and highest score, so the video has to be seen whole and is taken to hold an anomaly"
"""Why per-video normalisation is no fair play."""

Scores = dict[str, NDArray[np.float64]]
"""Video name -> (N,) scores, higher = more abnormal."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a method's scores were post-processed, and so how baselines beside it have to be."""

    words: str = "as given"
    peeked: str | None = None
    """What it looked at that a live system cannot know: each video's own lowest and highest score. None if nothing."""
    smoothing: str = "none"
    sigma: Mapping[str, float] | None = None
    """Frames, per video."""


def protocol_of(folders: Mapping[str, Path]) -> Protocol:
    """The protocol that the run.json in each video's folder agree on; ``as given`` where there are none or they differ."""
    words: set[tuple[str, str | None, str]] = set()
    sigma: dict[str, float] = {}
    for name, folder in folders.items():
        try:
            record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            cfg = parse_config(record["config"], str(folder / RECORD))
            sigma[name] = cfg.scoring.sigma_s * float(record["source"]["fps"])
        except (OSError, ValueError, KeyError, TypeError, NormalcyError):
            return Protocol()  # of another version, or someone's own file: the scores count all the same
        peeked = PEEKED if cfg.scoring.normalise == "per_video" else None
        words.add((short_protocol(cfg), peeked, cfg.scoring.smoothing))
    if len(words) != 1:
        return Protocol()
    ((text, peeked, smoothing),) = words
    return Protocol(text, peeked, smoothing, sigma)


def post_processed(scores: Mapping[str, NDArray[np.float64]], protocol: Protocol) -> Scores:
    """The same smoothing and, where the protocol peeked, the same min-max as the model's scores."""
    sigma = protocol.sigma or dict.fromkeys(scores, 0.0)
    smoothed = {n: smooth(v, protocol.smoothing, sigma[n]) for n, v in scores.items()}
    return smoothed if protocol.peeked is None else {n: _min_max(v) for n, v in smoothed.items()}


def _min_max(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """A video's scores between its lowest and its highest; all 0 where they are equal."""
    low, high = v.min(), v.max()
    return np.asarray((v - low) / (high - low if high > low else 1.0))
