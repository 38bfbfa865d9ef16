"""The anomalies: who does what nobody else does here, and exactly while they do it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from normalcy.virtual.actors import (
    Actor,
    Path,
    Stage,
    collide,
    driving,
    headings,
    on_foot,
    rolling,
    varying,
)
from normalcy.virtual.camera import CAR_LANES, WALK_HALF, WALK_LANE, Floats, visible_span
from normalcy.virtual.people import dress
from normalcy.virtual.sketch import Sketch, View
from normalcy.virtual.traffic import CAR_SPEED, WALK_SPEED
from normalcy.virtual.vehicles import bag, bicycle, cart, choose_car

_TRIES = 12
_STRETCH_S = 3.8
"""Seconds that an anomaly is given; most take two to four."""
_BEFORE_S = 8.0
"""Seconds before the clip in which an anomaly may already be on its way."""


@dataclass(frozen=True)
class Cue:
    """When an anomaly is to happen: between two frames of the stage. ``leaving``: it goes on from before the clip, so that
    who only passes through is to be gone at ``end``; else they are to come at ``start``."""

    stage: Stage
    rng: np.random.Generator
    start: int
    end: int
    leaving: bool

    def clock(self, path: Path | None = None) -> Floats:
        """Seconds since the beginning, over the frames of the stage or of a path."""
        frames = np.arange(self.stage.frames) if path is None else np.arange(len(path)) + path.first
        return (frames - self.start) / self.stage.fps

    def either_way(self) -> int:
        return 1 if self.rng.random() < 0.5 else -1

    def past_the_camera(self) -> int:
        """A direction, mostly the one in which who passes comes or goes at the near edge, where more is to be seen."""
        near = -1 if self.leaving else 1
        return near if self.rng.random() < 0.75 else -near

    def walking(self) -> float:
        return float(self.rng.uniform(*WALK_SPEED))

    def passing(self, n: float, direction: int, metres_per_s: float) -> Path:
        """A steady path right through the picture."""
        near_edge = direction > 0 if not self.leaving else direction < 0
        at = visible_span(self.stage.camera, n)[0 if near_edge else 1]
        speed = np.full(self.stage.frames, metres_per_s)
        return varying(self.stage, n, direction, speed, self.end if self.leaving else self.start, at)

    def midway(
        self, direction: int, speed: Floats, n: Floats | float | None = None, where: tuple[float, float] | None = None
    ) -> Path:
        """A path, by default in the right lane of the walk, that is well inside the picture at the beginning."""
        across = direction * (WALK_LANE + float(self.rng.uniform(-0.25, 0.25))) if n is None else n
        low, high = visible_span(self.stage.camera, float(np.ravel(across)[0]))
        share = where or ((0.06, 0.26) if direction > 0 else (0.20, 0.40))
        return varying(self.stage, across, direction, speed, self.start, low + float(self.rng.uniform(*share)) * (high - low))

    def detour(self, kind: str, direction: int, home: float, away: float, out: float) -> Actor:
        """A walker who leaves their lane at n = ``home`` for n = ``away``, stays a while and comes back; anomalous while
        further than ``out`` of the way across."""
        stays, change = self.rng.uniform(1.8, 2.8), 0.45 * abs(away - home)
        clock = self.clock()
        share = _ramp(clock, -change * out, change) * (1 - _ramp(clock, stays, change))
        path = self.midway(direction, np.full(self.stage.frames, self.walking()), n=home + (away - home) * share)
        marked = share[path.first : path.first + len(path)] > out
        return on_foot(dress(self.rng), path, direction, kind=kind, marked=marked)


def _ramp(clock: Floats, begins: float, takes: float) -> Floats:
    """0 before ``begins``, 1 after ``begins + takes`` seconds, smooth between."""
    x = np.clip((clock - begins) / takes, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), dtype=np.float64)


def _over(path: Path, values: Floats) -> Floats:
    """The part of an array over the stage's frames that belongs to a path."""
    return values[path.first : path.first + len(path)]


def _runner(cue: Cue) -> list[Actor]:
    """Breaks into a run out of a walk, and falls back into it."""
    direction, lasts = cue.either_way(), cue.rng.uniform(2.2, 3.2)
    clock = cue.clock()
    running = _ramp(clock, -0.2, 0.5) * (1 - _ramp(clock, lasts, 0.6))
    speed = cue.walking() * (1 - running) + cue.rng.uniform(4.2, 5.2) * running
    path = cue.midway(
        direction, speed, n=direction * cue.rng.uniform(0.3, 0.9), where=(0.02, 0.18) if direction > 0 else (0.40, 0.60)
    )
    weight = _over(path, running)
    return [on_foot(dress(cue.rng), path, direction, kind="runner", marked=weight > 0.4, running=weight)]


def _cyclist(cue: Cue) -> list[Actor]:
    direction = cue.past_the_camera()
    path = cue.passing(direction * cue.rng.uniform(0.1, 0.7), direction, cue.rng.uniform(5.0, 6.5))
    look = replace(dress(cue.rng), tote=None)
    frame = choose_car(cue.rng).paint

    def draw(k: int, heading: float, view: View) -> Sketch:
        return bicycle(look, frame, path.gone[k] * 2 * math.pi / 4.8, view)

    return [rolling(path, 0.0 if direction > 0 else math.pi, (2.0, 0.7), draw, "cyclist")]


def _cart(cue: Cue) -> list[Actor]:
    # At the far end so slow a thing would stay a few pixels large for seconds.
    direction = -1 if cue.leaving else 1
    path = cue.passing(direction * cue.rng.uniform(0.2, 0.6), direction, cue.rng.uniform(2.6, 3.6))
    look = replace(dress(cue.rng), tote=None, bag=None)

    def draw(k: int, heading: float, view: View) -> Sketch:
        return cart(look, heading, view)

    return [rolling(path, 0.0 if direction > 0 else math.pi, (2.8, 1.3), draw, "cart")]


def _throw(cue: Cue) -> list[Actor]:
    """A walker throws a bag ahead, high, and picks it up where it fell; once or twice. The bag in the air and on the
    ground is the anomaly; the bag in the hand is not."""
    pace, direction = 1.3, cue.either_way()
    path = cue.midway(direction, np.full(cue.stage.frames, pace))
    clock = cue.clock(path)
    flight, reach, again, throws = 1.15, 3.0, 3.2, int(cue.rng.integers(1, 3))
    since = np.where((clock < 0) | (clock > throws * again), np.inf, np.mod(clock, again))
    fetch = reach / pace
    loose = since < fetch
    x = np.clip(since / flight, 0, 1)
    up = np.where(loose, 1.5 * (1 - x) + 0.16 + 5.6 * x * (1 - x), 0.55)
    ahead = np.where(loose, reach * x - pace * np.minimum(since, fetch), 0.1)
    beside = np.where(loose, 0.0, 0.26)
    plan = path.plan + np.stack([direction * ahead, direction * beside], axis=1)
    colour = choose_car(cue.rng).paint

    def draw(k: int, heading: float, view: View) -> Sketch:
        return bag(colour, float(up[k]), float(9.0 * x[k]) if loose[k] else 0.0)

    thrown = rolling(Path(path.first, plan, path.gone), 0.0 if direction > 0 else math.pi, (0.3, 0.3), draw, "throw", loose)
    raised = np.clip(1 - np.abs(since - 0.05) / 0.35, 0, 1)
    look = replace(dress(cue.rng), tote=None)
    return [on_foot(look, path, direction, raised=raised), thrown]


def _fall(cue: Cue) -> list[Actor]:
    direction = cue.either_way()
    rises = 1.2
    up_again = 0.6 + cue.rng.uniform(1.0, 1.8)
    clock = cue.clock()
    moving = 1 - _ramp(clock, 0.1, 0.5) + _ramp(clock, up_again + rises, 0.6)
    path = cue.midway(direction, cue.walking() * moving)
    clock = cue.clock(path)
    down = np.clip(clock / 0.6, 0, 1) ** 2 - _ramp(clock, up_again, rises)
    marked = (clock >= 0) & (clock < up_again + rises)
    # Turning as they go down, they come to lie across the walk, head towards its middle.
    turn = headings(path, direction) + 1.2 * _ramp(clock, 0.0, 0.5) * (1 - _ramp(clock, up_again + 0.6, rises))
    actor = on_foot(
        dress(cue.rng), path, direction, kind="fall", marked=marked, effort=_over(path, moving), tilt=1.47 * down, turn=turn
    )
    return [replace(actor, footprint=(1.0, 1.6))]


def _wrong_way(cue: Cue) -> list[Actor]:
    """Walks for a while on the side of those who come towards them."""
    direction = cue.either_way()
    return [cue.detour("wrong_way", direction, direction * 0.8, -direction * cue.rng.uniform(0.9, 1.4), 0.6)]


def _on_grass(cue: Cue) -> list[Actor]:
    home, away = cue.rng.uniform(0.9, 1.3), cue.rng.uniform(3.1, 4.0)
    return [cue.detour("on_grass", 1, home, away, (WALK_HALF + 0.15 - home) / (away - home))]


def _on_road(cue: Cue) -> list[Actor]:
    home, away = -cue.rng.uniform(0.9, 1.3), -3.4
    return [cue.detour("on_road", -1, home, away, (-WALK_HALF - 0.15 - home) / (away - home))]


def _loiterer(cue: Cue) -> list[Actor]:
    direction = cue.either_way()
    stays = cue.rng.uniform(2.4, 3.6)
    clock = cue.clock()
    moving = 1 - _ramp(clock, -0.6, 0.7) + _ramp(clock, stays, 0.7)
    path = cue.midway(direction, cue.walking() * moving)
    clock = cue.clock(path)
    looks = 1.3 * _ramp(clock, 0.3, 0.8) - 2.3 * _ramp(clock, stays * 0.5, 1.0) + 1.0 * _ramp(clock, stays - 0.8, 0.8)
    marked = (clock >= 0) & (clock < stays)
    turn = headings(path, direction) + looks
    return [on_foot(dress(cue.rng), path, direction, kind="loiterer", marked=marked, effort=_over(path, moving), turn=turn)]


def _stopped_car(cue: Cue) -> list[Actor]:
    direction = cue.either_way()
    pace, stands = cue.rng.uniform(*CAR_SPEED), cue.rng.uniform(1.2, 2.4)
    clock = cue.clock()
    moving = 1 - _ramp(clock, -0.8, 1.8) + _ramp(clock, 1.0 + stands, 2.0)
    where = (0.22, 0.38) if direction > 0 else (0.32, 0.5)
    path = cue.midway(direction, pace * moving, n=CAR_LANES[direction], where=where)
    return [driving(choose_car(cue.rng), path, direction, kind="stopped_car", marked=_over(path, moving) < 0.6)]


def _wrong_way_car(cue: Cue) -> list[Actor]:
    direction = cue.either_way()
    path = cue.passing(CAR_LANES[-direction], direction, cue.rng.uniform(*CAR_SPEED) * 0.85)
    return [driving(choose_car(cue.rng), path, direction, kind="wrong_way_car")]


_MAKERS: dict[str, Callable[[Cue], list[Actor]]] = {
    "runner": _runner,
    "cyclist": _cyclist,
    "cart": _cart,
    "throw": _throw,
    "fall": _fall,
    "wrong_way": _wrong_way,
    "on_grass": _on_grass,
    "on_road": _on_road,
    "loiterer": _loiterer,
    "stopped_car": _stopped_car,
    "wrong_way_car": _wrong_way_car,
}

KINDS: tuple[str, ...] = tuple(_MAKERS)
"""Every kind of anomaly, by name."""


def stage_anomalies(stage: Stage, rng: np.random.Generator, kinds: Sequence[str]) -> list[Actor]:
    """Actors for the named anomalies.

    In a short clip they overlap in one stretch of about half of it: at its beginning, in its middle or at its end, so that
    the place of a frame in its clip says little about its label. In a long one each has a stretch of its own.
    """
    lead = round(_BEFORE_S * stage.fps)
    longer = replace(stage, frames=stage.frames + lead + round(_STRETCH_S * stage.fps))
    cast: list[Actor] = []
    for kind, (start, end, leaving) in zip(kinds, _stretches(stage, rng, len(kinds)), strict=True):
        for _ in range(_TRIES):
            cue = Cue(longer, rng, start + lead, end + lead, leaving)
            actors = [actor.earlier(lead) for actor in _MAKERS[kind](cue)]
            if not any(collide(new, old) for new in actors for old in cast):
                break
        cast.extend(actors)
    return cast


def _stretches(stage: Stage, rng: np.random.Generator, count: int) -> list[tuple[int, int, bool]]:
    """First and last frame for each anomaly, and whether it is under way when the clip begins."""
    width = min(_STRETCH_S * stage.fps, 0.5 * stage.frames)
    if stage.frames > 2.2 * count * width:
        slot = stage.frames / max(1, count)
        starts = [slot * (i + rng.uniform(0.1, 0.9 - width / slot)) for i in range(count)]
        return [(int(start), int(start + width), False) for start in starts]
    where = int(rng.integers(3))
    begin = (0.0, 0.5 * (stage.frames - width), stage.frames - width)[where]
    late = [width * (0.3 * i / max(1, count) + rng.uniform(-0.1, 0.1)) for i in range(count)]
    return [(int(begin + shift), int(begin + width), where == 0) for shift in late]
