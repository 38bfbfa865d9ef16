"""Actors: who is where in which frame. Paths are arrays over the actor's own life, made before anything is painted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from normalcy.virtual.camera import Camera, Floats, bearing, to_world, visible_span
from normalcy.virtual.people import Look, blend, stroll
from normalcy.virtual.render import Placed
from normalcy.virtual.sketch import Sketch, View
from normalcy.virtual.vehicles import CarLook, car

Bools = NDArray[np.bool_]
Draw = Callable[[int, float, View], Sketch]
"""Sketch of an actor from its own frame number (0 at its first), its heading (radians) and where the camera is."""

PERSON = (0.6, 0.55)
"""Length and width (metres) that one person keeps free."""


@dataclass(frozen=True)
class Stage:
    """What the makers of actors need to know of a clip: its rate, its length in frames and what the camera sees."""

    camera: Camera
    fps: float
    frames: int

    def span(self, n: float) -> tuple[float, float]:
        """The range of s that an actor lives in: a little more than the picture shows, so that nobody pops up."""
        low, high = visible_span(self.camera, n)
        return low - 3.5, high + 5.0


@dataclass(frozen=True)
class Path:
    """Ground plan positions (K, 2) of s and n from frame ``first`` on, and metres gone (K,)."""

    first: int
    plan: Floats
    gone: Floats

    def __len__(self) -> int:
        return len(self.plan)


@dataclass(frozen=True)
class Actor:
    """One figure over its life of K frames from ``first`` on."""

    kind: str | None
    """One of the anomaly kinds, or None for somebody normal."""
    path: Path
    turn: Floats
    """(K,) heading on the ground plan, radians, 0 = along +s."""
    footprint: tuple[float, float]
    draw: Draw
    marked: Bools
    """(K,) frames in which the figure, where visible, is anomalous."""
    tilt: Floats
    """(K,) radians fallen forward."""
    ident: int = 0

    def alive(self, frame: int) -> bool:
        return self.path.first <= frame < self.path.first + len(self.path)

    def placed(self, frame: int) -> Placed:
        """The figure in a frame of its life."""
        k = frame - self.path.first
        x, z = (float(a) for a in to_world(self.path.plan[k, 0], self.path.plan[k, 1]))
        heading = float(bearing(self.turn[k]))
        ahead = -(x * math.cos(heading) + z * math.sin(heading))
        right = -(x * math.sin(heading) - z * math.cos(heading))
        sketch = self.draw(k, heading, (ahead, right))
        return Placed(sketch, x, z, heading, float(self.tilt[k]), self.ident, bool(self.marked[k]))

    def named(self, ident: int) -> Actor:
        return replace(self, ident=ident)

    def earlier(self, frames: int) -> Actor:
        """The same life, ``frames`` sooner; its beginning may then lie before the clip."""
        return replace(self, path=replace(self.path, first=self.path.first - frames))


def steady(stage: Stage, n: float, direction: int, speed: float, enters: float) -> Path:
    """A path at one speed (m/s) along ``n`` that comes into its span at frame ``enters`` (may be before the clip)."""
    low, high = stage.span(n)
    start = low if direction > 0 else high
    first = max(0, math.ceil(enters))
    last = min(stage.frames, math.floor(enters + (high - low) / speed * stage.fps))
    gone: Floats = (np.arange(first, max(first, last), dtype=np.float64) - enters) * speed / stage.fps
    return Path(first, np.stack([start + direction * gone, np.full_like(gone, n)], axis=1), gone)


def varying(stage: Stage, n: Floats | float, direction: int, speed: Floats, at_frame: int, at_s: float) -> Path:
    """A path with a speed (m/s) for each frame of the clip that passes ``at_s`` at ``at_frame``."""
    gone = np.cumsum(speed) / stage.fps
    s = at_s + direction * (gone - gone[min(at_frame, stage.frames - 1)])
    across = np.broadcast_to(np.asarray(n, dtype=np.float64), s.shape)
    low, high = stage.span(float(across[0]))
    inside = np.flatnonzero((s >= low) & (s <= high))
    if len(inside) == 0:
        return Path(0, np.zeros((0, 2)), np.zeros(0))
    keep = slice(int(inside[0]), int(inside[-1]) + 1)
    return Path(int(inside[0]), np.stack([s[keep], across[keep]], axis=1), gone[keep] - gone[0])


def wander(rng: np.random.Generator, path: Path, fps: float, amount: float = 0.09) -> Path:
    """The same path with a slow sway across, in metres; it follows the distance gone, so standing people do not slide."""
    n = path.plan[:, 1].copy()
    for _ in range(2):
        length, phase = rng.uniform(4.0, 10.0), rng.uniform(0, 2 * math.pi)
        n += amount * rng.uniform(0.5, 1.0) * np.sin(2 * math.pi * path.gone / length + phase)
    return replace(path, plan=np.stack([path.plan[:, 0], n], axis=1))


def headings(path: Path, direction: int) -> Floats:
    """Heading of every frame from where the path goes; who stands still keeps facing the same way."""
    if len(path) < 3:
        return np.full(len(path), 0.0 if direction > 0 else math.pi)
    ds, dn = np.gradient(path.plan[:, 0]), np.gradient(path.plan[:, 1])
    turn = np.unwrap(np.arctan2(-dn, ds))
    moving = np.flatnonzero(np.hypot(ds, dn) > 0.004)
    if len(moving) == 0:
        return np.full(len(path), 0.0 if direction > 0 else math.pi)
    return np.asarray(np.interp(np.arange(len(path)), moving, turn[moving]), dtype=np.float64)


def on_foot(
    look: Look,
    path: Path,
    direction: int,
    *,
    kind: str | None = None,
    marked: Bools | None = None,
    running: Floats | None = None,
    effort: Floats | None = None,
    raised: Floats | None = None,
    tilt: Floats | None = None,
    turn: Floats | None = None,
) -> Actor:
    """Someone walking or running along ``path``. Arrays run over the path; ``effort`` is the size of the steps (1 = full),
    ``running`` goes from 0 (walking) to 1."""
    gaits = [blend(float(w)) for w in (np.zeros(len(path)) if running is None else running)]
    cycle = np.array([gait.cycle for gait in gaits]) * look.height / 1.72
    phase = 2 * math.pi * np.cumsum(np.diff(path.gone, prepend=0.0) / cycle)
    steps = np.ones(len(path)) if effort is None else effort
    lift = np.zeros(len(path)) if raised is None else raised

    def draw(k: int, heading: float, view: View) -> Sketch:
        return stroll(look, gaits[k], float(phase[k]), float(steps[k]), view, float(lift[k]))

    return Actor(
        kind=kind,
        path=path,
        turn=headings(path, direction) if turn is None else turn,
        footprint=PERSON,
        draw=draw,
        marked=_flags(path, kind, marked),
        tilt=np.zeros(len(path)) if tilt is None else tilt,
    )


def driving(look: CarLook, path: Path, direction: int, *, kind: str | None = None, marked: Bools | None = None) -> Actor:
    """A car along ``path``; it shows its brake lamps while it slows down or stands."""
    speed = np.gradient(path.gone) if len(path) > 1 else np.ones(len(path))
    slowing = (np.gradient(speed) < -1e-4) | (speed < 1e-3) if len(path) > 1 else np.zeros(len(path), np.bool_)
    turn = 0.0 if direction > 0 else math.pi
    heading = float(bearing(turn))
    shapes = {braking: car(look, heading, braking) for braking in (False, True)}

    def draw(k: int, heading: float, view: View) -> Sketch:
        return shapes[bool(slowing[k])]

    return rolling(path, turn, (look.length + 1.5, look.width + 0.1), draw, kind, marked)


def rolling(
    path: Path, turn: float, footprint: tuple[float, float], draw: Draw, kind: str | None, marked: Bools | None = None
) -> Actor:
    """Something that keeps one heading along its path."""
    still = np.zeros(len(path))
    return Actor(kind, path, still + turn, footprint, draw, _flags(path, kind, marked), still)


def _flags(path: Path, kind: str | None, marked: Bools | None) -> Bools:
    return np.full(len(path), kind is not None) if marked is None else marked


def collide(a: Actor, b: Actor) -> bool:
    """Whether two actors would ever stand in each other's place."""
    first = max(a.path.first, b.path.first)
    last = min(a.path.first + len(a.path), b.path.first + len(b.path))
    if last <= first:
        return False
    gap = np.abs(
        a.path.plan[first - a.path.first : last - a.path.first] - b.path.plan[first - b.path.first : last - b.path.first]
    )
    room = (np.array(a.footprint) + np.array(b.footprint)) / 2
    return bool(np.any(np.all(gap < room, axis=1)))
