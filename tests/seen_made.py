"""Made-up sightings: people who walk across a picture, each a track."""

from __future__ import annotations

import numpy as np

from normalcy.objects.sightings import HISTOGRAM, MOTIONS, PART_SPEED, PART_SPREAD, SPEED, Sightings

FEATURES = 8


def walkers(tracks: int = 20, video: int = 0, seed: int = 0, steps: int = 12) -> Sightings:
    """Each goes to the right on a row of its own, at about .2 frame heights a second; five looks a second."""
    rng = np.random.default_rng([seed, video])
    parts = []
    for k in range(tracks):
        row, speed = rng.uniform(0.5, 0.9), rng.normal(0.2, 0.02)
        i = np.arange(steps)
        x = 0.1 + i / 5 * speed
        height = 0.1 + 0.2 * row
        box = np.stack([x, np.full(steps, row - height), x + 0.05, np.full(steps, row)], axis=1)
        motion = np.zeros((steps, MOTIONS))
        motion[:, SPEED] = speed * rng.normal(1, 0.05, steps)
        motion[:, HISTOGRAM] = np.abs(rng.normal(0, 0.004, (steps, 8)))
        motion[:, HISTOGRAM.start] += speed * 0.6
        motion[:, PART_SPEED] = motion[:, :1] * [0.8, 0.8, 0.9, 1.0]
        motion[:, PART_SPREAD] = motion[:, :1] * [0.1, 0.2, 0.5, 0.8] * rng.normal(1, 0.1, (steps, 1))
        features = rng.normal(0, 0.1, (steps, FEATURES)) + np.r_[np.ones(4), np.zeros(4)]
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        dwell = np.full(steps, 0.2) * rng.uniform(0.5, 1.5, steps)
        track = np.full(steps, video * 1000 + k, np.int64)
        parts.append(
            Sightings(
                np.full(steps, video, np.int64),
                i * 5 + k,
                i / 5,
                track,
                box,
                np.full(steps, 4 / 3),
                np.zeros(steps, np.int64),
                features.astype(np.float32),
                motion,
                dwell,
                features[:, ::-1].astype(np.float32),
            )
        )
    return Sightings.joined(parts)


def folds(n: int = 3) -> list[Sightings]:
    """Different videos of the same."""
    return [walkers(video=i) for i in range(n)]
