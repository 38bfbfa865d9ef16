"""People as articulated figures: walking, running, standing, riding, sitting. A gait is driven by the distance walked, so
feet stay where they are put down."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from normalcy.virtual.sketch import Colour, Sketch, Vec, View, tint

_SKINS: tuple[Colour, ...] = ((224, 184, 156), (198, 152, 120), (150, 106, 78), (104, 72, 54))
_HAIRS: tuple[Colour, ...] = ((44, 34, 28), (78, 56, 38), (128, 98, 62), (30, 28, 28), (150, 146, 140))
_TOPS: tuple[Colour, ...] = (
    (52, 66, 98), (150, 52, 48), (208, 204, 196), (60, 60, 64), (86, 108, 84), (178, 150, 96),
    (112, 134, 166), (126, 84, 116), (214, 186, 84), (38, 42, 52), (176, 100, 60), (92, 130, 138),
)  # fmt: skip
_BOTTOMS: tuple[Colour, ...] = ((46, 54, 78), (40, 40, 44), (92, 86, 76), (70, 82, 108), (128, 116, 96), (58, 52, 50))


@dataclass(frozen=True, slots=True)
class Look:
    """What one person wears and how tall (metres) they are."""

    height: float
    build: float
    skin: Colour
    hair: Colour
    top: Colour
    bottom: Colour
    bag: Colour | None
    """A backpack."""
    tote: Colour | None
    """A bag carried in the right hand."""


def dress(rng: np.random.Generator) -> Look:
    """A person drawn at random."""
    carries = rng.random()
    luggage = _shade(rng, _TOPS[rng.integers(len(_TOPS))])
    return Look(
        height=float(np.clip(rng.normal(1.72, 0.08), 1.52, 1.92)),
        build=float(rng.uniform(0.92, 1.16)),
        skin=_SKINS[rng.integers(len(_SKINS))],
        hair=_HAIRS[rng.integers(len(_HAIRS))],
        top=_shade(rng, _TOPS[rng.integers(len(_TOPS))]),
        bottom=_shade(rng, _BOTTOMS[rng.integers(len(_BOTTOMS))]),
        bag=luggage if carries < 0.25 else None,
        tote=luggage if carries > 0.82 else None,
    )


def _shade(rng: np.random.Generator, colour: Colour) -> Colour:
    return tint(colour, float(rng.uniform(0.85, 1.15)))


@dataclass(frozen=True, slots=True)
class Gait:
    """Swing of legs and arms in radians, bend of knees and elbows, lean of the trunk; ``cycle`` is metres per two steps."""

    cycle: float
    swing: float
    knee: float
    arm: float
    elbow: float
    lean: float


WALK = Gait(cycle=1.38, swing=0.43, knee=0.75, arm=0.48, elbow=0.25, lean=0.04)
RUN = Gait(cycle=2.5, swing=0.72, knee=1.55, arm=0.85, elbow=1.45, lean=0.20)


def blend(weight: float) -> Gait:
    """Between walking (0) and running (1)."""
    if weight <= 0:
        return WALK
    pairs = ((getattr(WALK, name), getattr(RUN, name)) for name in Gait.__slots__)
    return Gait(*(w + weight * (r - w) for w, r in pairs))


def stroll(look: Look, gait: Gait, phase: float, effort: float, view: View, raised: float = 0.0) -> Sketch:
    """Someone on foot. ``phase`` (radians) is the place in the cycle, ``effort`` scales it down to standing still at 0,
    ``raised`` in [0, 1] lifts the right arm."""
    h = look.height
    legs = {side: _leg(h, gait, phase + (0.0 if side > 0 else math.pi), effort) for side in (1, -1)}
    hip = -min(toe[1] for _, toe, _ in legs.values()) + 0.035
    lean = gait.lean * effort
    sketch = Sketch()
    first = -1 if view[1] > 0 else 1
    _arm(sketch, look, gait, phase, effort, first, hip, lean, raised if first > 0 else 0.0)
    for side in (first, -first):
        knee, ankle, toe = legs[side]
        r = 0.052 * h * side
        trousers = tint(look.bottom, 1.0 if side == -first else 0.82)
        joints = [(p[0], p[1] + hip, r) for p in (knee, ankle, toe)]
        sketch.capsule((0.0, hip, r), joints[0], 0.050 * h * look.build, trousers)
        sketch.capsule(joints[0], joints[2], 0.036 * h * look.build, trousers)
        sketch.capsule(joints[2], joints[1], 0.026 * h, (36, 32, 32))
    shoulder = _trunk(sketch, look, (0.0, hip), lean, view)
    _head(sketch, look, shoulder, lean, view)
    _arm(sketch, look, gait, phase, effort, -first, hip, lean, raised if first < 0 else 0.0)
    return sketch


def _leg(h: float, gait: Gait, phase: float, effort: float) -> tuple[tuple[float, float], ...]:
    """Knee, toe and ankle relative to the hip, (forward, up). The knee bends while the leg swings forward."""
    thigh = gait.swing * effort * math.sin(phase)
    shin = thigh - 0.06 - gait.knee * effort * max(0.0, math.cos(phase)) ** 1.5
    knee = (0.245 * h * math.sin(thigh), -0.245 * h * math.cos(thigh))
    ankle = (knee[0] + 0.235 * h * math.sin(shin), knee[1] - 0.235 * h * math.cos(shin))
    point = shin * 0.6
    toe = (ankle[0] + 0.11 * h * math.cos(point), ankle[1] - 0.02 * h + 0.11 * h * math.sin(point))
    return knee, toe, ankle


def _trunk(sketch: Sketch, look: Look, hip: tuple[float, float], lean: float, view: View) -> tuple[float, float]:
    """Torso from hip to shoulders (forward, up) with what is carried on it; returns the middle of the shoulders."""
    h, wide = look.height, look.build
    sin, cos = math.sin(lean), math.cos(lean)
    top = (hip[0] + 0.275 * h * sin, hip[1] + 0.275 * h * cos)
    middle = (hip[0] + 0.15 * h * sin, hip[1] + 0.15 * h * cos)

    def pack() -> None:
        if look.bag is not None:
            upper = (top[0] - 0.085 * h * cos, top[1] - 0.06 * h, 0.0)
            sketch.capsule(upper, (middle[0] - 0.085 * h * cos, middle[1] - 0.02, 0.0), 0.075 * h, look.bag)

    if view[0] > 0:
        pack()
    sketch.capsule((hip[0], hip[1] + 0.01 * h, 0.03 * h), (hip[0], hip[1] + 0.01 * h, -0.03 * h), 0.062 * h * wide, look.bottom)
    for side, colour in ((1, tint(look.top, 0.86)), (-1, look.top)):
        low = (hip[0], hip[1] + 0.05 * h, 0.04 * h * side)
        sketch.capsule((*top, 0.075 * h * side * wide), low, 0.058 * h * wide, colour)
    sketch.capsule((*top, 0.0), (*middle, 0.0), 0.066 * h * wide, tint(look.top, 0.94))
    if view[0] <= 0:
        pack()
    return top


def _head(sketch: Sketch, look: Look, shoulder: tuple[float, float], lean: float, view: View) -> None:
    h = look.height
    sin, cos = math.sin(lean), math.cos(lean)
    sketch.capsule((*shoulder, 0.0), (shoulder[0] + 0.06 * h * sin, shoulder[1] + 0.06 * h * cos, 0.0), 0.032 * h, look.skin)
    at = (shoulder[0] + 0.125 * h * sin, shoulder[1] + 0.125 * h * cos)
    if view[0] > 0:
        sketch.ball((at[0] - 0.010 * h, at[1] + 0.020 * h, 0.0), 0.062 * h, look.hair)
        sketch.ball((at[0] + 0.026 * h, at[1] - 0.012 * h, 0.0), 0.055 * h, look.skin)
    else:
        sketch.ball((at[0] + 0.020 * h, at[1] - 0.008 * h, 0.0), 0.058 * h, look.skin)
        sketch.ball((at[0] - 0.022 * h, at[1] + 0.002 * h, 0.0), 0.062 * h, look.hair)


def _arm(
    sketch: Sketch, look: Look, gait: Gait, phase: float, effort: float, side: int, hip: float, lean: float, raised: float
) -> None:
    """The arm swings against the leg of its own side."""
    h = look.height
    opposite = phase + (math.pi if side > 0 else 0.0)
    upper = gait.arm * effort * math.sin(opposite) + lean + 2.6 * raised
    fore = upper + gait.elbow * (0.4 + 0.6 * effort) * (1 - 0.8 * raised)
    r = 0.118 * h * look.build * side
    shoulder = (0.275 * h * math.sin(lean), hip + 0.27 * h * math.cos(lean), r)
    elbow = (shoulder[0] + 0.165 * h * math.sin(upper), shoulder[1] - 0.165 * h * math.cos(upper), r * 1.08)
    hand = (elbow[0] + 0.145 * h * math.sin(fore), elbow[1] - 0.145 * h * math.cos(fore), r * 1.0)
    sleeve = tint(look.top, 0.78 if side > 0 else 0.92)
    sketch.capsule(shoulder, elbow, 0.030 * h * look.build, sleeve)
    sketch.capsule(elbow, hand, 0.025 * h * look.build, sleeve)
    sketch.ball(hand, 0.026 * h, look.skin)
    if side > 0 and look.tote is not None and raised == 0.0:
        sketch.capsule((hand[0] - 0.1, hand[1] - 0.17, r * 1.1), (hand[0] + 0.1, hand[1] - 0.17, r * 1.1), 0.12, look.tote)


def seated(
    sketch: Sketch, look: Look, hip: tuple[float, float], lean: float, hands: Vec, feet: tuple[Vec, Vec], view: View
) -> None:
    """Someone sitting at ``hip`` (forward, up) with hands and feet on given points; knees and elbows follow."""
    h = look.height
    first = -1 if view[1] > 0 else 1
    top = (hip[0] + 0.275 * h * math.sin(lean), hip[1] + 0.275 * h * math.cos(lean))
    for side in (first, -first):
        foot = feet[0] if side > 0 else feet[1]
        knee = _bend(hip, (foot[0], foot[1]), 0.245 * h, 0.245 * h)
        r = 0.055 * h * side
        trousers = tint(look.bottom, 1.0 if side == -first else 0.8)
        sketch.capsule((*hip, r), (*knee, r), 0.048 * h, trousers)
        sketch.capsule((*knee, r), (foot[0], foot[1], r), 0.034 * h, trousers)
        sketch.capsule((foot[0], foot[1] - 0.03, r), (foot[0] + 0.14, foot[1] - 0.02, r), 0.03 * h, (36, 32, 32))
    _trunk(sketch, look, hip, lean, view)
    _head(sketch, look, top, lean * 0.5, view)
    for side in (first, -first):
        shoulder = (top[0], top[1] - 0.01, 0.11 * h * side)
        grip = (hands[0], hands[1], hands[2] * side)
        elbow = ((shoulder[0] + grip[0]) / 2 - 0.04, (shoulder[1] + grip[1]) / 2 - 0.07, 0.13 * h * side)
        sleeve = tint(look.top, 0.78 if side > 0 else 0.92)
        sketch.capsule(shoulder, elbow, 0.029 * h, sleeve)
        sketch.capsule(elbow, grip, 0.025 * h, look.skin)


def _bend(a: tuple[float, float], b: tuple[float, float], upper: float, lower: float) -> tuple[float, float]:
    """The joint between ``a`` and ``b`` of a limb with these lengths, bent forward."""
    forward, up = b[0] - a[0], b[1] - a[1]
    reach = min(math.hypot(forward, up), (upper + lower) * 0.999)
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    out = math.sqrt(max(upper**2 - along**2, 0.0))
    direction = math.atan2(up, forward)
    return a[0] + along * math.cos(direction) - out * math.sin(direction), a[1] + along * math.sin(direction) + out * math.cos(
        direction
    )
