"""Events as JSON: lists, marks, days."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import Field

from normalcy.errors import DataError
from normalcy.events import browse
from normalcy.events.browse import Place, Wanted
from normalcy.events.store import Saying, StaleError
from normalcy.web.calendar import bounds_of_month
from normalcy.web.media import MISSING, Id, event_of
from normalcy.web.models import Choices, Days, EventList, EventOut, Finite, Mark, Marked, MarkOf, Marks, Problem, event_out
from normalcy.web.pages import named_zone
from normalcy.web.site import site_of
from normalcy.web.teach import teach

router = APIRouter(prefix="/api/v1", tags=["events"])
Word = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
After = Annotated[str, Field(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,9})?:[A-Za-z0-9._-]{1,64}$")]
REFUSED = MISSING | {409: {"model": Problem, "description": "Someone else was sooner."}}


def wanted(
    camera: Word | None = None,
    since: Finite | None = None,
    until: Finite | None = None,
    least: Annotated[float | None, Query(ge=0, le=1, description="Strength, at least")] = None,
    reason: Word | None = None,
    zone: Word | None = None,
    state: Annotated[str | None, Query(pattern="^(new|reviewed|normal|anomaly|unsure|kept)$")] = None,
) -> Wanted:
    """A filter from an address."""
    return Wanted(camera or None, since, until, least, reason or None, zone or None, state)


def place(text: str | None) -> Place | None:
    """Where a list goes on."""
    if text is None:
        return None
    time, _, id = text.partition(":")
    return Place(float(time), id)


def as_text(at: Place | None) -> str | None:
    """The reverse of place()."""
    return None if at is None else f"{at.start_time!r}:{at.id}"


@router.get("/events")
def listed(
    request: Request,
    which: Annotated[Wanted, Depends(wanted)],
    after: After | None = None,
    limit: Annotated[int, Query(ge=1, le=browse.MOST)] = 50,
) -> EventList:
    """Events, newest first."""
    found = browse.window(site_of(request).store, which, place(after), limit)
    return EventList(events=[event_out(e) for e in found.events], next=as_text(found.next))


@router.get("/events/{id}", responses=MISSING)
def one(request: Request, id: Id) -> EventOut:
    """One event."""
    return event_out(event_of(request, id)[1])


@router.post("/events/{id}/mark", responses=REFUSED)
def mark(request: Request, id: Id, said: Mark) -> Marked:
    """Say what an event was."""
    return _tell(request, [MarkOf(id=id, **said.model_dump())])


@router.post("/marks", responses=REFUSED)
def marks(request: Request, said: Marks) -> Marked:
    """Say what several events were: all of it is written, or nothing."""
    return _tell(request, said.marks)


@router.get("/choices")
def choices(request: Request) -> Choices:
    """What events can be filtered by."""
    return Choices.model_validate(browse.choices(site_of(request).store))


@router.get("/days")
def days(
    request: Request,
    month: Annotated[str, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-11"])],
    zone: Annotated[str, Query(max_length=64, description="Of the calendar, such as Europe/Berlin")] = "UTC",
    camera: Word | None = None,
) -> Days:
    """How many events each day of a month has."""
    bounds = bounds_of_month(month, named_zone(zone))
    if bounds is None:
        raise HTTPException(422, f"{month}: not a month of this calendar")
    return Days(month=month, zone=zone, days=browse.days(site_of(request).store, bounds, camera or None))


def _tell(request: Request, said: list[MarkOf]) -> Marked:
    site = site_of(request)
    before = {m.id: browse.one(site.store, m.id) for m in said}
    try:
        told = site.store.tell([Saying(m.id, m.verdict, m.reviewed, m.kept, None, m.seen) for m in said])
    except StaleError as e:
        raise HTTPException(409, str(e)) from e
    except DataError as e:
        raise HTTPException(404, str(e)) from e
    notes = []
    for now in told:
        was = before.get(now.record.id)
        if was is None or was.verdict != now.verdict:
            note = teach(site, now, None if was is None else was.verdict)
            notes += [] if note is None else [note]
    return Marked(events=[event_out(e) for e in told], notes=notes)
