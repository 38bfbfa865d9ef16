"""One change of one event of a camera, as every sink is given it: a line of events.jsonl, a webhook's body, a row's content."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from normalcy.errors import DataError
from normalcy.scoring.fusion import unsquash
from normalcy.scoring.threshold import Threshold
from normalcy.types import Box

Kind = Literal["anomaly", "lost", "back", "frozen", "dark", "covered", "blurred", "moved", "light"]
Verdict = Literal["normal", "anomaly", "unsure"]
SURE = 99.99
"""Per cent of normal minutes beyond which no figure is given: no recording is long enough for one."""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as it stands after a change. Times are seconds since 1970 (UTC)."""

    id: str
    camera: str
    change: int
    """0 for the first change of this event, then 1, 2, ...; with the id it tells a message that came twice."""
    type: Literal["new", "update", "end"]
    kind: Kind
    severity: Literal["alert", "detection"]
    """detection: recorded like any other and not notified: the same reason raised an alert a short while ago."""
    time: float
    """When this change was noticed."""
    start_time: float
    end_time: float | None = None
    """None while the event goes on."""
    peak: float | None = None
    """Highest frame score; None for what is no anomaly."""
    peak_time: float | None = None
    threshold: float | None = None
    region: Box | None = None
    """x1, y1, x2, y2 of the most abnormal region at the peak, 0 to 1 over the picture's width and height."""
    zones: tuple[str, ...] = ()
    """Names of the camera's zones that the region stands in, by the middle of its lower edge."""
    readout: str | None = None
    """Name of the readout that fired most at the peak."""
    rarity: str | None = None
    """How rare such a score is, in words."""
    text: str = ""
    """One sentence for a person."""
    clip: str | None = None
    """Video of the event, relative to the output folder. It is whole once the event has ended."""
    snapshot: str | None = None
    """Picture at the peak with the region drawn, relative to the output folder."""

    @property
    def message(self) -> str:
        """Names this change among all of all events."""
        return f"{self.id}.{self.change}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        out = asdict(self)
        out["region"] = None if self.region is None else [round(v, 4) for v in self.region]
        out["zones"] = list(self.zones)
        return out


def record_from(values: Mapping[str, Any]) -> EventRecord:
    """The reverse of EventRecord.to_dict(); keys of later versions are passed over. Raises DataError."""
    try:
        known = {f.name: values[f.name] for f in fields(EventRecord) if f.name in values}
        if known.get("region") is not None:
            x1, y1, x2, y2 = map(float, known["region"])
            known["region"] = (x1, y1, x2, y2)
        known["zones"] = tuple(known.get("zones", ()))
        return EventRecord(**known)
    except (TypeError, ValueError) as e:
        raise DataError(f"not an event: {e}") from e


def new_id(start_time: float) -> str:
    """A name for an event that begins then. Names sort by time."""
    return f"{start_time:.6f}-{secrets.token_hex(3)}"


def normal_minutes(threshold: Threshold, score: float) -> float:
    """Share (0 to 1) of minutes of normal video in which no score comes as high as this one, by the tail that the alarm
    threshold was set with (normalcy.scoring.threshold): peaks above its level come singly, their height falls off
    exponentially."""
    if not threshold.peaks or threshold.normal_hours <= 0:
        return 1.0 if score > threshold.value else 0.0
    per_minute = threshold.peaks / (threshold.normal_hours * 60.0)
    above = float(unsquash(np.array(score))) - threshold.level
    if above > 0:
        per_minute *= float(np.exp(-above / threshold.tail_scale)) if threshold.tail_scale > 0 else 0.0
    return float(np.exp(-per_minute))


def rarity(threshold: Threshold, score: float) -> str:
    """normal_minutes() in words, never more sure than SURE."""
    share = 100.0 * normal_minutes(threshold, score)
    if share >= SURE:
        return f"higher than {SURE:g} % of normal minutes, or more"
    # Towards the end of the scale the distance to 100 is what counts: one digit of that.
    digits = max(0, -int(np.floor(np.log10(max(100.0 - share, 1e-3)))))
    return f"higher than {np.floor(share * 10**digits) / 10**digits:g} % of normal minutes"
