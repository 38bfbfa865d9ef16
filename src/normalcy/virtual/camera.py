"""The fixed camera and the ground plan it looks at: metres in, pixels out.

World axes: X right, Y up, Z away from the camera, metres; the ground is Y = 0 and the camera stands above the origin.
Ground plan: a road and a walk run side by side; ``s`` is the way along them (growing away from the camera), ``n`` the way
across (growing to the right), with n = 0 in the middle of the walk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WALK_HALF = 2.0
"""The walk is n in [-2, 2]."""
WALK_LANE = 1.05
"""Walkers keep to the right: going away (+s) at n = +1.05, coming nearer at n = -1.05."""
ROAD = (-10.0, -3.0)
"""The road, two lanes, keep right; a verge of one metre lies between road and walk."""
CAR_LANES = {1: -4.75, -1: -8.25}
"""Direction of travel (+1 away) to the middle of its lane."""

_BEARING = math.radians(73.0)
_WALK_AT = (2.1, 10.0)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera ``height_m`` above the ground, tilted down by ``pitch`` (radians); ``size`` is (width, height)."""

    size: tuple[int, int]
    height_m: float = 6.5
    pitch: float = math.radians(33.0)
    focal_heights: float = 1.18
    """Focal length in picture heights."""

    @property
    def focal(self) -> float:
        return self.focal_heights * self.size[1]

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """World points (K, 3) to pixel positions (K, 2) and pixels per metre (K,); pixel edges lie on whole numbers."""
        sin, cos = math.sin(self.pitch), math.cos(self.pitch)
        above, away = points[:, 1] - self.height_m, points[:, 2]
        depth = np.maximum(cos * away - sin * above, 0.3)
        scale = self.focal / depth
        uv = np.empty((len(points), 2))
        uv[:, 0] = self.size[0] / 2 + scale * points[:, 0]
        uv[:, 1] = self.size[1] / 2 - scale * (cos * above + sin * away)
        return uv, scale

    def ground(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Pixel positions to X, Z on the ground. Rows at or above the horizon land far away instead of failing."""
        sin, cos = math.sin(self.pitch), math.cos(self.pitch)
        x = (u - self.size[0] / 2) / self.focal
        y = (self.size[1] / 2 - v) / self.focal
        down = np.maximum(sin - cos * y, 1e-3)
        distance = self.height_m / down
        return x * distance, (cos + sin * y) * distance


def to_world(s: Floats, n: Floats) -> Floats:
    """Ground plan (s, n) to (..., 2) of X, Z."""
    x = _WALK_AT[0] + s * math.cos(_BEARING) + n * math.sin(_BEARING)
    z = _WALK_AT[1] + s * math.sin(_BEARING) - n * math.cos(_BEARING)
    return np.stack([x, z], axis=-1)


def to_plan(x: Floats, z: Floats) -> tuple[Floats, Floats]:
    """X, Z on the ground to the ground plan (s, n): the inverse of :func:`to_world`."""
    dx, dz = x - _WALK_AT[0], z - _WALK_AT[1]
    return dx * math.cos(_BEARING) + dz * math.sin(_BEARING), dx * math.sin(_BEARING) - dz * math.cos(_BEARING)


def bearing(direction: Floats | float) -> Floats:
    """Heading in the X-Z plane (radians, 0 = right, pi/2 = away) of a plan angle (0 = along +s, + = to the left)."""
    return np.asarray(_BEARING + np.asarray(direction, dtype=np.float64))


def visible_span(camera: Camera, n: float, margin_px: float = 0.0) -> tuple[float, float]:
    """The range of s at which a ground point at ``n`` lies in the picture, widened by ``margin_px`` on every side."""
    s = np.linspace(-12.0, 60.0, 1441)
    ground = to_world(s, np.full_like(s, n))
    uv, _ = camera.project(np.stack([ground[:, 0], np.zeros_like(s), ground[:, 1]], axis=1))
    w, h = camera.size
    inside = (uv[:, 0] > -margin_px) & (uv[:, 0] < w + margin_px) & (uv[:, 1] > -margin_px) & (uv[:, 1] < h + margin_px)
    if not inside.any():
        raise ValueError(f"no point with n = {n} is visible at size {camera.size}")
    return float(s[inside][0]), float(s[inside][-1])
