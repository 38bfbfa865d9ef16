"""The section "Why" of an event's page: at once what is known, and in a moment what a look at the clip finds."""

from __future__ import annotations

import threading
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from normalcy.api.explain import explain_event, kept_why
from normalcy.api.marks import model_of
from normalcy.errors import NormalcyError
from normalcy.events.store import StoredEvent
from normalcy.report.why import Why, pieces_css, why_html
from normalcy.web.media import Id, event_of
from normalcy.web.pages import page
from normalcy.web.site import Site

router = APIRouter(include_in_schema=False)
_looking = threading.Lock()
"""One look at a clip at a time: it takes a core for seconds."""


def why(site: Site, e: StoredEvent) -> dict[str, Any]:
    """What why.html is given as ``why``."""
    folder = model_of(site.out, e.record.camera)
    if e.record.kind != "anomaly" or folder is None or not folder.is_dir():
        return _values(e, None, False)
    found = kept_why(site.out, e.record, folder)
    return _values(e, found, found is None and e.record.end_time is not None)


def _values(e: StoredEvent, found: Why | None, asks: bool, note: str = "") -> dict[str, Any]:
    piece = None if found is None else why_html(found)
    return {"id": e.record.id, "text": e.record.text, "piece": piece, "asks": asks, "note": note}


def look(site: Site, e: StoredEvent) -> dict[str, Any]:
    """The same after a look at the clip."""
    folder = model_of(site.out, e.record.camera)
    if e.record.kind != "anomaly" or folder is None or not folder.is_dir():
        return _values(e, None, False)
    try:
        with _looking:
            return _values(e, explain_event(site.out, e.record, folder), False)
    except NormalcyError as error:
        return _values(e, None, False, str(error))


@router.get("/events/{id}/why")
def piece(request: Request, id: Id) -> HTMLResponse:
    """The section with what a look at the clip found."""
    site, e = event_of(request, id)
    return page(request, "why.html", why=look(site, e))


@router.get("/pieces.css")
def style() -> Response:
    """The look of the pieces that the static report has too, in this page's colours."""
    return Response(pieces_css(), media_type="text/css", headers={"cache-control": "max-age=600"})
