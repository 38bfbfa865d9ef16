"""Live: what every camera shows and scores now; and the stream of news for pages that are open."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from normalcy.api.live import LIVE, look
from normalcy.errors import NormalcyError
from normalcy.events import browse
from normalcy.events.browse import Wanted
from normalcy.web.media import MISSING
from normalcy.web.models import Live, event_out
from normalcy.web.pages import page
from normalcy.web.scored import job_values
from normalcy.web.site import Site, site_of

router = APIRouter()
Camera = Annotated[str, InPath(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
EVERY_S = 1.0
ALIVE_S = 15.0
"""A line is sent at least so often, so that a browser that left is noticed."""
MOST_STREAMS = 64
NEWEST = 40
"""Events, the newest, that are looked at for changes."""


@router.get("/live", include_in_schema=False)
def live(request: Request) -> HTMLResponse:
    """A tile for each camera. The page's script fills them."""
    site = site_of(request)
    return page(request, "live.html", cameras=_state(site).get("cameras", []), known=browse.choices(site.store)["cameras"])


@router.get("/api/v1/live", tags=["live"])
def state(request: Request) -> Live:
    """Every camera's state; fresh is false where no watch writes into the folder."""
    return Live.model_validate(_state(site_of(request)))


@router.get("/api/v1/cameras/{name}/still", tags=["live"], responses=MISSING, response_class=FileResponse)
def still(request: Request, name: Camera) -> Response:
    """The newest picture, at most a second old while someone looks."""
    site = site_of(request)
    look(site.out)
    path = site.inside(f"{LIVE}/{name}.jpg")
    if path is None:
        raise HTTPException(404, f"no picture of {name} yet")
    # Read whole: it is replaced every second, and a file that is sent in parts could end as another one.
    return Response(path.read_bytes(), media_type="image/jpeg", headers={"cache-control": "no-store"})


@router.get(
    "/api/v1/stream", tags=["live"], response_class=StreamingResponse, responses={503: {"description": "Too many look."}}
)
async def stream(
    request: Request, what: Annotated[str, Query(pattern="^(events|cameras|jobs)$")] = "events"
) -> StreamingResponse:
    """News as server-sent events: `events` (one that is new or changed), `cameras` (their state), `jobs` (one)."""
    app = request.app.state
    if getattr(app, "streams", 0) >= MOST_STREAMS:
        raise HTTPException(503, "too many pages are open")

    async def run() -> AsyncIterator[str]:
        app.streams = getattr(app, "streams", 0) + 1
        try:
            async for message in _news(site_of(request), what, request):
                yield message
        finally:
            app.streams -= 1

    return StreamingResponse(
        run(), media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
    )


async def _news(site: Site, what: str, request: Request) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    seen: dict[str, Any] | None = None
    spoken = time.monotonic()
    while not getattr(request.app.state, "ending", False):
        try:
            now = await run_in_threadpool(_SOURCES[what], site)
        except (NormalcyError, OSError):
            now = seen or {}
        for key, value in now.items():
            if seen is None and what == "events":
                continue  # what was there before is on the page
            if seen is None or seen.get(key) != value:
                spoken = time.monotonic()
                yield f"event: {what}\ndata: {json.dumps(value, allow_nan=False)}\n\n"
        seen = now
        if time.monotonic() - spoken > ALIVE_S:
            spoken = time.monotonic()
            yield ": alive\n\n"
        await asyncio.sleep(EVERY_S)
        if await request.is_disconnected():
            return


def _events(site: Site) -> dict[str, Any]:
    found = browse.window(site.store, Wanted(), None, NEWEST).events
    return {e.record.id: event_out(e).model_dump(mode="json") for e in reversed(found)}


def _cameras(site: Site) -> dict[str, Any]:
    return {"cameras": _state(site)}


def _jobs(site: Site) -> dict[str, Any]:
    return {j.id: job_values(site, j) for j in site.jobs.all()}


_SOURCES = {"events": _events, "cameras": _cameras, "jobs": _jobs}


def _state(site: Site) -> dict[str, Any]:
    """The state of all cameras, with the newest event of each."""
    now = look(site.out) or {"time": time.time(), "cameras": [], "fresh": False}
    for c in now["cameras"]:
        last = browse.window(site.store, Wanted(camera=c["name"]), None, 1).events
        c["last_event"] = event_out(last[0]).model_dump(mode="json") if last else None
    return now
