"""Review: what happened, newest first; and the page of one event."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from normalcy.events import browse
from normalcy.events.browse import Wanted
from normalcy.web.calendar import Month, bounds_of_day, bounds_of_month, sheet
from normalcy.web.cards import card
from normalcy.web.events import After, Word, as_text, place
from normalcy.web.media import Id, event_of
from normalcy.web.pages import moment, page, zone_of
from normalcy.web.site import site_of
from normalcy.web.why import why

router = APIRouter(include_in_schema=False)
WINDOW = 24
MOST_COUNTED = 1000
STATES = (
    ("new", "To review"),
    ("", "All"),
    ("anomaly", "Anomaly"),
    ("normal", "Normal"),
    ("unsure", "Unsure"),
    ("kept", "Kept"),
)
STRENGTHS = (("", "any"), ("0.6", "clear or more"), ("0.8", "strong or more"), ("0.95", "extreme"))
State = Annotated[str, Query(pattern="^(|new|reviewed|normal|anomaly|unsure|kept)$")]


@router.get("/")
def review(
    request: Request,
    state: State = "new",
    camera: Word = "",
    day: Annotated[str, Query(pattern=r"^(|[0-9]{4}-[0-9]{2}-[0-9]{2})$")] = "",
    month: Annotated[str, Query(pattern=r"^(|[0-9]{4}-(0[1-9]|1[0-2]))$")] = "",
    least: Annotated[str, Query(pattern=r"^(|0?\.[0-9]{1,4}|1)$")] = "",
    reason: Word = "",
    zone: Word = "",
    after: After | None = None,
) -> HTMLResponse:
    """The whole page; with ``after`` only the cards that follow there."""
    site, viewer = site_of(request), zone_of(request)
    chosen = {"state": state, "camera": camera, "day": day, "least": least, "reason": reason, "zone": zone}
    bounds = bounds_of_day(day, viewer) if day else None
    if day and bounds is None:
        raise HTTPException(422, f"{day}: no such day")
    since, until = bounds or (None, None)
    strong = float(least) if least else None
    which = Wanted(camera or None, since, until, strong, reason or None, zone or None, state or None)
    found = browse.window(site.store, which, place(after), WINDOW)
    cards = [card(site, e) for e in found.events]
    more = None if found.next is None else _address({**chosen, "after": as_text(found.next) or ""})
    last_day = None if after is None else moment(place(after).start_time, viewer, "%Y-%m-%d")  # type: ignore[union-attr]
    if after is not None:
        return page(request, "cards.html", cards=cards, more=more, last_day=last_day, open=False)
    sheet_of = _sheet(request, month or day[:7], camera)
    return page(
        request,
        "review.html",
        cards=cards,
        more=more,
        last_day=None,
        open=False,
        chosen=chosen,
        states=STATES,
        strengths=STRENGTHS,
        choices=browse.choices(site.store),
        sheet=sheet_of,
        waiting=browse.count(site.store, replace(which, state="new"), MOST_COUNTED),
        most=MOST_COUNTED,
        address=_address,
        any_event=bool(cards) or browse.count(site.store, Wanted(), 1) > 0,
    )


@router.get("/cards/{id}")
def one_card(request: Request, id: Id) -> HTMLResponse:
    """The card of one event, for a page that is told of it."""
    site, e = event_of(request, id)
    return page(request, "cards.html", cards=[card(site, e)], more=None, last_day=None, open=False)


@router.get("/calendar")
def calendar(
    request: Request,
    month: Annotated[str, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")],
    state: State = "new",
    camera: Word = "",
    day: Annotated[str, Query(pattern=r"^(|[0-9]{4}-[0-9]{2}-[0-9]{2})$")] = "",
    least: Annotated[str, Query(pattern=r"^(|0?\.[0-9]{1,4}|1)$")] = "",
    reason: Word = "",
    zone: Word = "",
) -> HTMLResponse:
    """Another sheet of the calendar."""
    chosen = {"state": state, "camera": camera, "day": day, "least": least, "reason": reason, "zone": zone}
    return page(request, "calendar.html", chosen=chosen, sheet=_sheet(request, month, camera), address=_address)


@router.get("/events/{id}")
def event(request: Request, id: Id) -> HTMLResponse:
    """One event with everything that is known of it."""
    site, e = event_of(request, id)
    newer, older = browse.beside(site.store, e)
    return page(request, "event.html", card=card(site, e), why=why(site, e), newer=newer, older=older)


def _sheet(request: Request, month: str, camera: str) -> Month:
    viewer, now = zone_of(request), time.time()
    month = month or moment(now, viewer, "%Y-%m")
    bounds = bounds_of_month(month, viewer)
    if bounds is None:
        raise HTTPException(422, f"{month}: not a month of this calendar")
    return sheet(month, browse.days(site_of(request).store, bounds, camera or None))


def _address(chosen: dict[str, str], path: str = "/", **changed: str) -> str:
    """The address of the list with some filters changed."""
    values = {**chosen, **changed}
    kept = {k: v for k, v in values.items() if v or k == "state"}
    return f"{path}?{urlencode(kept)}"
