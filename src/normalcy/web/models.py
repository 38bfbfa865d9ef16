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


class LiveCamera(BaseModel):
    """One camera now."""

    model_config = ConfigDict(extra="allow")
    name: str
    state: str = Field(description="on, lost, paused, held, ended or connecting")
    fps: float
    score: float | None
    threshold: float | None
    history: list[tuple[float, float]] = Field(description="Time and score, one a second")
    last_event: EventOut | None


class Live(BaseModel):
    """All cameras now."""

    model_config = ConfigDict(extra="allow")
    time: float
    fresh: bool = Field(description="Whether a watch writes into the folder")
    cameras: list[LiveCamera]


class JobOut(BaseModel):
    """Something that is computed in turn."""

    model_config = ConfigDict(extra="allow")
    id: str
    kind: Literal["score", "train"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    name: str
    created: float
    stage: str
    done: int
    total: int | None
    error: str | None
    key: str | None = Field(None, description="Of the scored video, for /api/v1/scored/KEY")


class JobList(BaseModel):
    """Newest first."""

    jobs: list[JobOut]


class NewJob(BaseModel):
    """What is to be computed. Sources are files under the folders that --folder allows, or uploads."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["score", "train"] = "score"
    sources: Annotated[list[Annotated[str, Field(min_length=1, max_length=4096)]], Field(min_length=1, max_length=100)]
    model: Annotated[str, Field(max_length=4096)] | None = Field(None, description="To score with: one of /api/v1/models")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] | None = Field(
        None, description="Of the model that is trained"
    )
    preset: Literal["tiny", "cpu", "paper"] = "cpu"
    steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Upload(BaseModel):
    """A file that was sent."""

    source: str = Field(description="Send it as a source of a job")
    name: str
    bytes: int


class Listing(BaseModel):
    """Videos and models that jobs may use."""

    videos: list[str]
    models: list[str]


class ThresholdOut(BaseModel):
    """Where a camera's alarm is for a number of false alarms a day, and what it would have raised."""

    camera: str
    per_day: float
    set_per_day: float | None = Field(description="What was set on the page; null: as configured")
    value: float = Field(description="The score at which the alarm is")
    now: float = Field(description="The score at which it is now")
    note: str
    days: float
    raised: int = Field(description="Of the events of these days, so many would still be raised")
    of: int
    missed: list[str] = Field(description="Ids of those that would not")
    more: int = Field(description="Further times, in minutes that were noted, at which the score would have reached it")
    anomalies: tuple[int, int] = Field(description="Raised and all that were marked anomaly")
    normals: tuple[int, int] = Field(description="Raised and all that were marked normal")
    curve: list[tuple[float, float, int, int]] = Field(description="Alarms a day, score, anomalies raised, normals raised")


class SetThreshold(BaseModel):
    """A number of false alarms a day."""

    model_config = ConfigDict(extra="forbid")
    per_day: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = Field(description="null: as configured")
