"""A drawing in three dimensions: capsules, balls and flat faces, in metres, painted in the order they were added."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from normalcy.virtual.camera import Floats

Vec = tuple[float, float, float]
"""Own axes of a figure: forward, up, right, metres; the origin is on the ground below it."""
View = tuple[float, float]
"""Where the camera is, seen from a figure: > 0 before it (else behind), > 0 to its right (else left)."""
Colour = tuple[int, int, int]

THICKEST = 0.16
"""No stroke has a larger radius (metres)."""

SUN = np.array([-0.52, 0.80, -0.30]) / np.linalg.norm([-0.52, 0.80, -0.30])
"""Unit vector towards the sun, world axes."""


@dataclass(slots=True)
class Sketch:
    """Strokes over shared points in a figure's own axes. Faces run so that they are seen from outside only.

    A stroke is (first point, points, radius, colour): with a radius, a capsule over two points or a ball over one; with
    radius 0, a flat face over three or more.
    """

    points: list[Vec] = field(default_factory=list)
    strokes: list[tuple[int, int, float, Colour]] = field(default_factory=list)
    _array: Floats | None = field(default=None, repr=False)

    def array(self) -> Floats:
        """The points as (K, 3), made once for figures that keep their shape."""
        if self._array is None or len(self._array) != len(self.points):
            self._array = np.array(self.points, dtype=np.float64)
        return self._array

    def capsule(self, a: Vec, b: Vec, radius: float, colour: Colour) -> None:
        self.strokes.append((len(self.points), 2, radius, colour))
        self.points += (a, b)

    def ball(self, at: Vec, radius: float, colour: Colour) -> None:
        self.strokes.append((len(self.points), 1, radius, colour))
        self.points.append(at)

    def face(self, corners: tuple[Vec, ...], colour: Colour) -> None:
        self.strokes.append((len(self.points), len(corners), 0.0, colour))
        self.points += corners


def place(points: Floats, x: Floats | float, z: Floats | float, heading: Floats | float, tilt: Floats | float = 0.0) -> Floats:
    """Own axes (K, 3) to world axes: fallen forward by ``tilt``, turned to ``heading`` (radians) and put at X = x, Z = z.

    Each of the four is one number or an array (K,).
    """
    sin, cos = np.sin(tilt), np.cos(tilt)
    forward = points[:, 0] * cos + points[:, 1] * sin
    world = np.empty_like(points)
    world[:, 1] = points[:, 1] * cos - points[:, 0] * sin + 0.14 * sin
    sin, cos = np.sin(heading), np.cos(heading)
    world[:, 0] = x + forward * cos + points[:, 2] * sin
    world[:, 2] = z + forward * sin - points[:, 2] * cos
    return world


def lit(colour: Colour, normal: Vec, heading: float) -> Colour:
    """``colour`` as the sun lights a face with this normal (own axes) on a figure with this heading."""
    world = place(np.array([normal], dtype=np.float64), 0.0, 0.0, heading)[0]
    light = 0.62 + 0.42 * max(0.0, float(world @ SUN))
    return tint(colour, light)


def tint(colour: Colour, factor: float) -> Colour:
    r, g, b = (min(255, int(c * factor)) for c in colour)
    return r, g, b


def frustum(
    sketch: Sketch,
    low: tuple[float, float, float, float],
    high: tuple[float, float, float, float],
    colour: Colour,
    heading: float,
    glass: Colour | None = None,
) -> None:
    """A box whose floor and roof may differ. ``low`` and ``high`` are (back, front, half width, height); with ``glass`` the
    four upright faces carry a window."""
    (b0, f0, w0, u0), (b1, f1, w1, u1) = low, high
    floor = ((f0, u0, -w0), (f0, u0, w0), (b0, u0, w0), (b0, u0, -w0))
    roof = ((f1, u1, -w1), (f1, u1, w1), (b1, u1, w1), (b1, u1, -w1))
    for i in range(4):
        j = (i + 1) % 4
        corners = (floor[i], floor[j], roof[j], roof[i])
        sketch.face(corners, lit(colour, _normal(corners), heading))
        if glass is not None:
            sketch.face(_inset(corners), lit(glass, _normal(corners), heading))
    sketch.face(roof, lit(colour, (0.0, 1.0, 0.0), heading))


def _normal(corners: tuple[Vec, ...]) -> Vec:
    a, b, c = (np.array(p) for p in corners[:3])
    across = np.cross(c - a, b - a)
    x, y, z = across / max(float(np.linalg.norm(across)), 1e-9)
    return float(x), float(y), float(z)


def _inset(corners: tuple[Vec, ...]) -> tuple[Vec, ...]:
    """The window of an upright face: a margin at the sides and below, a thin one above."""
    quad = np.array(corners)

    def at(side: float, height: float) -> Vec:
        bottom, top = quad[0] + side * (quad[1] - quad[0]), quad[3] + side * (quad[2] - quad[3])
        x, y, z = bottom + height * (top - bottom)
        return float(x), float(y), float(z)

    return at(0.08, 0.12), at(0.92, 0.12), at(0.92, 0.88), at(0.08, 0.88)
