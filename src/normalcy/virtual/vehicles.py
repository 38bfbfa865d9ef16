"""Cars, a bicycle with its rider, a small cart with its driver, and a bag."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from normalcy.virtual.people import Look, seated
from normalcy.virtual.sketch import Colour, Sketch, Vec, View, frustum, tint

_PAINTS: tuple[Colour, ...] = (
    (196, 198, 200), (58, 60, 64), (146, 148, 152), (128, 36, 36), (44, 66, 108), (222, 220, 214), (84, 92, 82), (36, 38, 42),
)  # fmt: skip
_GLASS: Colour = (46, 54, 62)
_TYRE: Colour = (28, 28, 30)
_RIM: Colour = (128, 130, 132)


@dataclass(frozen=True, slots=True)
class CarLook:
    """Body style, paint and measures (metres) of one car."""

    style: str
    paint: Colour
    length: float
    width: float
    height: float


def choose_car(rng: np.random.Generator) -> CarLook:
    """A car drawn at random: mostly saloons and hatchbacks, some vans."""
    style = ("saloon", "hatch", "van")[int(rng.choice(3, p=[0.45, 0.4, 0.15]))]
    length, width, height = {"saloon": (4.5, 1.78, 1.44), "hatch": (4.0, 1.74, 1.5), "van": (4.9, 1.9, 2.05)}[style]
    paint = tint(_PAINTS[rng.integers(len(_PAINTS))], float(rng.uniform(0.92, 1.06)))
    return CarLook(style, paint, length * float(rng.uniform(0.96, 1.05)), width, height)


def car(look: CarLook, heading: float, braking: bool) -> Sketch:
    """A car standing on the origin, lit for ``heading``; ``braking`` lights its tail lamps."""
    sketch = Sketch()
    half, wide, waist = look.length / 2, look.width / 2, 0.84 if look.style != "van" else 1.05
    frustum(sketch, (-half, half, wide * 0.97, 0.28), (-half + 0.06, half - 0.12, wide, waist - 0.12), look.paint, heading)
    frustum(
        sketch,
        (-half + 0.06, half - 0.12, wide, waist - 0.12),
        (-half + 0.12, half - 0.3, wide * 0.95, waist),
        look.paint,
        heading,
    )
    for side in (1, -1):
        for at in (half - 0.82, -half + 0.82):
            _wheel(sketch, at, 0.31, wide * side * 1.01, 0.31, _TYRE, 14)
            _wheel(sketch, at, 0.31, wide * side * 1.02, 0.18, _RIM, 10)
    back, front = {
        "saloon": (-half + 0.55, half - 1.05),
        "hatch": (-half + 0.12, half - 0.95),
        "van": (-half + 0.1, half - 0.6),
    }[look.style]
    slope_back = {"saloon": 0.55, "hatch": 0.3, "van": 0.08}[look.style]
    slope_front = 0.75 if look.style != "van" else 0.55
    roof = (back + slope_back, front - slope_front, wide * 0.76, look.height)
    frustum(sketch, (back, front, wide * 0.93, waist), roof, look.paint, heading, glass=_GLASS)
    _lamps(sketch, half, wide, waist, braking)
    return sketch


def _lamps(sketch: Sketch, half: float, wide: float, waist: float, braking: bool) -> None:
    tail: Colour = (238, 60, 44) if braking else (132, 26, 24)
    for side in (1, -1):
        outer, inner = wide * 0.95 * side, wide * 0.55 * side
        lo, hi = waist - 0.32, waist - 0.14
        right, left = max(outer, inner), min(outer, inner)
        sketch.face(
            ((half - 0.05, lo, left), (half - 0.05, lo, right), (half - 0.09, hi, right), (half - 0.09, hi, left)),
            (232, 230, 214),
        )
        sketch.face(
            ((-half - 0.01, lo, right), (-half - 0.01, lo, left), (-half + 0.03, hi, left), (-half + 0.03, hi, right)), tail
        )


def _wheel(sketch: Sketch, forward: float, up: float, right: float, radius: float, colour: Colour, corners: int) -> None:
    """A disc across the own right axis, seen from the outer side only."""
    turn = -1 if right > 0 else 1
    rim: list[Vec] = []
    for k in range(corners):
        angle = turn * 2 * math.pi * k / corners
        rim.append((forward + radius * math.cos(angle), up + radius * math.sin(angle), right))
    sketch.face(tuple(rim), colour)


def bicycle(look: Look, frame: Colour, phase: float, view: View) -> Sketch:
    """A bicycle with its rider; ``phase`` (radians) turns the pedals."""
    sketch = Sketch()
    for hub in (-0.52, 0.53):
        _hoop(sketch, hub, 0.34)
    rear, front, crank, saddle, stem = (
        (-0.52, 0.34, 0.0),
        (0.53, 0.34, 0.0),
        (0.0, 0.30, 0.0),
        (-0.20, 0.92, 0.0),
        (0.36, 0.98, 0.0),
    )
    for a, b in ((rear, crank), (crank, saddle), (rear, saddle), (crank, stem), (saddle, stem), (stem, front)):
        sketch.capsule(a, b, 0.032, frame)
    sketch.capsule((0.40, 1.03, 0.24), (0.40, 1.03, -0.24), 0.028, (40, 40, 42))
    feet: list[Vec] = []
    for turn in (0.0, math.pi):
        feet.append((0.17 * math.cos(phase + turn), 0.36 - 0.17 * math.sin(phase + turn), 0.0))
    seated(sketch, look, (-0.2, 0.99), 0.42, (0.42, 1.06, 0.22), (feet[0], feet[1]), view)
    return sketch


def _hoop(sketch: Sketch, forward: float, radius: float) -> None:
    corners = 14
    ring = [
        (
            forward + radius * math.cos(2 * math.pi * k / corners),
            radius + 0.01 + radius * math.sin(2 * math.pi * k / corners),
            0.0,
        )
        for k in range(corners)
    ]
    for k in range(corners):
        sketch.capsule(ring[k], ring[(k + 1) % corners], 0.026, (34, 34, 36))


def cart(look: Look, heading: float, view: View) -> Sketch:
    """A roofed cart with its driver, lit for ``heading``."""
    white: Colour = (226, 224, 216)
    sketch = Sketch()
    frustum(sketch, (-1.2, 1.2, 0.58, 0.24), (-1.15, 1.15, 0.6, 0.52), (196, 190, 172), heading)
    for side in (1, -1):
        for at in (0.8, -0.8):
            _wheel(sketch, at, 0.24, 0.61 * side, 0.24, _TYRE, 12)
            _wheel(sketch, at, 0.24, 0.62 * side, 0.12, _RIM, 8)

    def post(forward: float) -> None:
        for side in (1, -1):
            sketch.capsule((forward, 0.6, 0.5 * side), (forward * 0.9, 1.82, 0.5 * side), 0.025, (60, 60, 62))

    def front() -> None:
        post(0.78)
        frustum(sketch, (0.62, 1.15, 0.56, 0.5), (0.66, 0.9, 0.5, 0.98), white, heading)

    def seat() -> None:
        frustum(sketch, (-0.62, 0.0, 0.54, 0.5), (-0.62, 0.0, 0.54, 0.8), (112, 92, 70), heading)
        seated(sketch, look, (-0.25, 0.86), -0.08, (0.42, 1.05, 0.16), ((0.45, 0.56, 0.0), (0.4, 0.56, 0.0)), view)

    def back() -> None:
        frustum(sketch, (-1.15, -0.66, 0.54, 0.5), (-1.12, -0.7, 0.52, 0.95), (74, 92, 78), heading)
        post(-0.74)

    for part in (back, seat, front) if view[0] > 0 else (front, seat, back):
        part()
    frustum(sketch, (-0.88, 0.86, 0.6, 1.80), (-0.84, 0.82, 0.57, 1.88), white, heading)
    return sketch


def bag(colour: Colour, up: float, spin: float) -> Sketch:
    """A sports bag whose middle is ``up`` metres above the ground, turned by ``spin`` radians."""
    sketch = Sketch()
    df, du = 0.17 * math.cos(spin), 0.17 * math.sin(spin)
    sketch.capsule((-df, up - du, 0.0), (df, up + du, 0.0), 0.15, colour)
    sketch.capsule((-df * 0.4, up - du * 0.4, 0.0), (df * 0.4, up + du * 0.4, 0.0), 0.07, tint(colour, 1.3))
    return sketch
