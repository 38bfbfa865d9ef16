"""A camera before a textured wall, an event in front of it, and a model of the frame level that learned the wall."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from made_models import fitted_model, tiny_config
from normalcy.nn.bundle import save_bundle
from normalcy.scoring.threshold import Threshold

FPS, AT = 25.0, slice(24, 40)
LIMIT = 1.2


def scene(n: int, seed: int, backdrop: int = 11) -> np.ndarray:
    """(n, 48, 64, 3): a square walks to the right before a textured wall."""
    wall = np.kron(np.random.default_rng(backdrop).integers(60, 120, (12, 16, 1)), np.ones((4, 4, 3)))
    rng = np.random.default_rng(seed)
    out = np.repeat(wall[None], n, axis=0)
    start = int(rng.uniform(0, 50))
    for t in range(n):
        x = (start + t) % 56
        out[t, 30:42, x : x + 8] = (200, 60, 60)
    return np.clip(out + rng.integers(-3, 4, out.shape), 0, 255).astype(np.uint8)


def odd(seed: int = 1, flicker: bool = False, backdrop: int = 11) -> np.ndarray:
    """The same; from frame 24 to 39 something fast and blue above, or a flicker in a corner."""
    out = scene(60, seed, backdrop).copy()
    rng = np.random.default_rng(0)
    for i, t in enumerate(range(AT.start, AT.stop)):
        if flicker:
            out[t, 2:18, 40:56] = rng.integers(0, 255, (16, 16, 3))
        else:
            x = 4 * i % 40
            out[t, 4:20, x : x + 10] = (30, 220, 240)
    return out


def save_model(out: Path) -> Path:
    """A model folder of the frame level, with its alarm at LIMIT."""
    model = fitted_model(tiny_config("scoring.readouts=[density, frame_density, velocity, motion]"), scene(240, seed=5))
    model.trained_fps = FPS
    model.threshold = Threshold(LIMIT, 1.0, 0.1, 5, 0.5, 0.4, "exponential")
    arrays, scalars = model.state()
    save_bundle(out, model.network, model.cfg, {**arrays, **scalars}, "card")
    return out
