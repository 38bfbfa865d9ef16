"""Why an event was raised, as a piece of a page: what fired, how rare it is, where, and normal moments beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Self

import jinja2
from markupsafe import Markup

COLOURS = """.why, .learned {
  --c-ink: var(--ink); --c-muted: var(--soft); --c-grid: var(--line); --c-paper: var(--paper); --c-page: var(--page);
  --c-score: var(--blue); --c-alarm: var(--red); --c-truth: var(--green);
}
.learned-cameras { margin: 0 0 .75rem; } .learned-cameras [aria-current] { border-color: var(--blue); font-weight: 600; }
.learned-scroll { overflow-x: auto; }
"""
"""From the colours of the served page to those of the report."""


@dataclass(frozen=True, slots=True)
class WhyPicture:
    """A normal moment."""

    uri: str
    """``data:`` address of a JPEG."""
    caption: str


@dataclass(frozen=True, slots=True)
class Fired:
    """One readout at the peak."""

    name: str
    words: str
    """What a high value says."""
    z: float
    """Standard deviations of normal video."""
    share: float
    """Of the highest one shown, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that is known of one event. All texts are plain text and are escaped."""

    headline: str
    """One sentence: what it is."""
    rarity: str
    """One sentence: how rare, and what that rests on."""
    fired: Sequence[Fired]
    """Highest first."""
    objects: Sequence[str]
    """What was said of the objects, the strongest first."""
    picture: str | None
    """The frame at the peak with the region; data address."""
    map: str | None
    """The score map over it."""
    close: str | None
    """What is compared with the normal pictures."""
    normal_words: str
    """What the normal pictures are."""
    normal: Sequence[WhyPicture]
    """Most similar first."""
    note: str = ""
    """Why something is missing; empty where nothing is."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Self:
        """The reverse of to_dict(). Raises KeyError or TypeError for anything else."""
        fired = [Fired(**f) for f in d["fired"]]
        return cls(**{**d, "fired": fired, "normal": [WhyPicture(**p) for p in d["normal"]]})


def why_html(why: Why) -> Markup:
    """The piece; its look is in ``templates/why.css``."""
    return Markup(_environment().get_template("why.html").render(why=why))


def pieces_css() -> str:
    """The look of all pieces, for the served page, in its colours."""
    loader = _environment().loader
    assert loader is not None  # _environment() gives one
    names = ("why.css", "learned.css")
    return COLOURS + "".join(loader.get_source(_environment(), n)[0] for n in names)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("normalcy.report"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
