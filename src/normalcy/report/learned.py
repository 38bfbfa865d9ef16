"""What a model learned of one camera, as a piece of a page: where things move and how, what they are, what it never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import cv2
import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from normalcy.report.pictures import fit

Image = NDArray[np.uint8]
WIDTH = 640
HEAT = ((255, 255, 255), (255, 224, 130), (255, 150, 50), (220, 40, 70))
"""RGB from hardly ever to most."""
SHOWN = 0.12
"""Share of the liveliest place's movement from which on an arrow is drawn."""


@dataclass(frozen=True, slots=True)
class Typical:
    """A kind of object."""

    kind: str
    tracks: int
    """How many were seen."""
    crops: Sequence[str]
    """Data addresses."""


@dataclass(frozen=True, slots=True)
class SceneLearned:
    """One scene. All texts are plain text and are escaped."""

    name: str
    where: str | None
    """Picture of where things move; data address."""
    how: str | None
    """Picture of how fast and which way."""
    facts: Sequence[str]
    """Sentences."""
    never: Sequence[str]
    """Sentences: what was never seen here."""
    typical: Sequence[Typical]


@dataclass(frozen=True, slots=True)
class Learned:
    """Of one model."""

    summary: str
    rests_on: Sequence[tuple[str, str]]
    """(what, how much)."""
    scenes: Sequence[SceneLearned]
    tests: Sequence[tuple[str, Sequence[tuple[str, float, float | None]]]]
    """Tables of the self-test: heading, then (change, how well it is told from normal, 0.5 to 1, share that would raise an
    alarm)."""
    lessons: Sequence[Mapping[str, Any]]
    """What it was taught since; ``id``, ``taught``, ``camera``, ``event``, ``before``, ``after``, ``by``."""
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def learned_html(learned: Learned, lessons: bool = True) -> Markup:
    """The piece; its look is in ``templates/learned.css``. lessons: with the table of what it was taught."""
    return Markup(_environment().get_template("learned.html").render(learned=learned, lessons=lessons))


def heat_picture(background: Image | None, moves_hw: NDArray[np.floating]) -> Image:
    """Background (grey where there is none) with the share of time in which something moves, (h, w) 0 to 1, over it."""
    base = _base(background)
    h, w = base.shape[:2]
    large = np.clip(cv2.resize(moves_hw.astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC), 0, None)
    share = np.sqrt(large / max(float(moves_hw.max()), 1e-6)).clip(0, 1)[..., None]
    stops = np.array(HEAT, np.float64)
    colour = np.stack([np.interp(share[..., 0], np.linspace(0, 1, len(stops)), stops[:, c]) for c in range(3)], axis=-1)
    return np.asarray(base * (1 - 0.75 * share) + colour * 0.75 * share, dtype=np.uint8)


def arrow_picture(background: Image | None, moves_hw: NDArray[np.floating], velocity_hw2: NDArray[np.floating]) -> Image:
    """Background with an arrow at every place where things move: its length the usual speed, its way the usual way."""
    out = np.ascontiguousarray(_base(background) * 0.8).astype(np.uint8)
    h, w = moves_hw.shape
    height, width = out.shape[:2]
    cell = min(width / w, height / h)
    speed = np.hypot(velocity_hw2[..., 0], velocity_hw2[..., 1])
    shown = moves_hw > SHOWN * max(float(moves_hw.max()), 1e-6)
    top = float(np.quantile(speed[shown], 0.95)) if shown.any() else 1.0
    for y, x in np.argwhere(shown).tolist():
        way = velocity_hw2[y, x] / max(top, 1e-6)
        length = min(float(np.hypot(*way)), 1.0)
        if length < 0.05:
            continue
        centre = np.array([(x + 0.5) * width / w, (y + 0.5) * height / h])
        reach = way / np.hypot(*way) * (0.25 + 0.65 * length) * cell / 1.4
        a, b = (tuple(np.round(p).astype(int).tolist()) for p in (centre - reach, centre + reach))
        cv2.arrowedLine(out, a, b, (10, 14, 20), 4, cv2.LINE_AA, tipLength=0.45)
        cv2.arrowedLine(out, a, b, (120, 220, 255), 2, cv2.LINE_AA, tipLength=0.45)
    return out


def _base(background: Image | None) -> NDArray[np.float64]:
    image = np.full((WIDTH * 3 // 4, WIDTH, 3), 150, np.uint8) if background is None else fit(background, WIDTH)
    grey = image.mean(axis=2, keepdims=True)
    return np.asarray(0.5 * image + 0.5 * grey)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("normalcy.report"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
