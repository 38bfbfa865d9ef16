"""What the JSON API takes and gives. Version 1: fields are added, never renamed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]
EventId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class Problem(BaseModel):
    """Why there is no other answer."""

    error: str


class EventOut(BaseModel):
    """An event as it stands, and what people said of it. Times are seconds since 1970."""

    model_config = ConfigDict(extra="allow")
    id: str
    camera: str
    kind: str
    severity: str
    start_time: float
    end_time: float | None = Field(description="null while it goes on")
    peak: float | None
    threshold: float | None
    strength: float | None = Field(description="0 to 1, .5 at the alarm")
    reason: str
    state: str = Field(description="new, reviewed, normal, anomaly or unsure")
    version: int = Field(description="Send it as `seen` with a mark, and nobody's mark is overwritten unawares")
    marked: bool = Field(description="Kept for ever")
    text: str


class EventList(BaseModel):
    """A window of the list."""

    events: list[EventOut]
    next: str | None = Field(description="Send it as `after` for what follows; null at the end")


class Mark(BaseModel):
    """What a person says of an event. What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")
    verdict: Literal["normal", "anomaly", "unsure", "none"] | None = Field(None, description="none takes a verdict back")
    reviewed: bool | None = None
    kept: bool | None = Field(None, description="Never deleted by retention")
    seen: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(None, description="Version of the event that was looked at")


class MarkOf(Mark):
    """The same, of one event among several."""

    id: EventId


class Marks(BaseModel):
    """All of them, or none."""

    model_config = ConfigDict(extra="forbid")
    marks: Annotated[list[MarkOf], Field(min_length=1, max_length=200)]


class Marked(BaseModel):
    """Events after what was said of them, and what was learned from it."""

    events: list[EventOut]
    notes: list[str] = Field(description="What the marks changed, in sentences")


class Scores(BaseModel):
    """Frame scores of a stretch of time."""

    times: list[float] = Field(description="Seconds since 1970")
    scores: list[float]
    threshold: float | None
    begin: float = Field(description="When the clip begins")


class Choices(BaseModel):
    """What events can be filtered by."""

    cameras: list[str]
    reasons: list[str]
    zones: list[str]


class Days(BaseModel):
    """Events of each day of a month."""

    month: str
    zone: str
    days: list[int] = Field(description="Events of the 1st, the 2nd, ...")


def event_out(e: Any) -> EventOut:
    """A StoredEvent."""
    return EventOut.model_validate(e.to_dict())
