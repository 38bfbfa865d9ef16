"""Clips and pictures of events, with ranges as players ask for them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

from normalcy.events import browse
from normalcy.events.samples import read_samples, samples_beside
from normalcy.events.store import StoredEvent
from normalcy.types import Box
from normalcy.web.models import Problem, Scores
from normalcy.web.site import Site, site_of

router = APIRouter(prefix="/api/v1/events", tags=["events"])
Id = Annotated[str, InPath(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Of an event, as the list has it.")]
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "There is no such thing."}}
THUMB_W = 480
KEEP = "private, max-age=86400"


def event_of(request: Request, id: str) -> tuple[Site, StoredEvent]:
    """Raises HTTPException 404."""
    site = site_of(request)
    found = browse.one(site.store, id)
    if found is None:
        raise HTTPException(404, f"no event {id}")
    return site, found


@router.get("/{id}/clip", responses=MISSING | {206: {"description": "A part."}}, response_class=FileResponse)
def clip(request: Request, id: Id, download: bool = False) -> Response:
    """The video of an event."""
    site, e = event_of(request, id)
    return file(site.inside(e.record.clip), "video/mp4", _name(e, "mp4") if download else None)


@router.get("/{id}/snapshot", responses=MISSING, response_class=FileResponse)
def snapshot(request: Request, id: Id, download: bool = False) -> Response:
    """The picture at the peak, with the region drawn."""
    site, e = event_of(request, id)
    return file(site.inside(e.record.snapshot), "image/jpeg", _name(e, "jpg") if download else None)


@router.get("/{id}/thumb", responses=MISSING, response_class=FileResponse)
def thumb(request: Request, id: Id) -> Response:
    """The same, small, with a frame that can still be seen."""
    site, e = event_of(request, id)
    return small(site.inside(e.record.snapshot), e.record.region)


@router.get("/{id}/scores", responses=MISSING)
def scores(request: Request, id: Id) -> Scores:
    """Frame scores around an event."""
    site, e = event_of(request, id)
    found = read_samples(site.out / samples_beside(e.record.camera, e.record.id))
    if found is None:
        raise HTTPException(404, "no scores were kept of this event")
    return Scores(times=list(found.times), scores=list(found.scores), threshold=found.threshold, begin=found.begin)


def file(path: Path | None, kind: str, name: str | None = None) -> FileResponse:
    """A file as an answer. name: under which it is to be saved. Raises HTTPException 404."""
    if path is None:
        raise HTTPException(404, "there is no such file, or it was deleted by retention")
    return FileResponse(path, media_type=kind, filename=name, headers={"cache-control": KEEP})


def small(path: Path | None, region: Box | None = None) -> Response:
    """A picture of THUMB_W pixels' width; region (0 to 1) is framed. Raises HTTPException 404."""
    import cv2
    import numpy as np

    if path is None:
        raise HTTPException(404, "there is no such picture, or it was deleted by retention")
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise HTTPException(404, "the picture is damaged")
    h, w = image.shape[:2]
    if w > THUMB_W:
        image = cv2.resize(image, (THUMB_W, max(1, round(h * THUMB_W / w))), interpolation=cv2.INTER_AREA)
        h, w = image.shape[:2]
    if region is not None:
        x1, y1, x2, y2 = (round(v * s) for v, s in zip(region, (w, h, w, h), strict=True))
        cv2.rectangle(image, (max(x1 - 4, 1), max(y1 - 4, 1)), (min(x2 + 3, w - 2), min(y2 + 3, h - 2)), (255, 255, 255), 4)
        cv2.rectangle(image, (max(x1 - 4, 1), max(y1 - 4, 1)), (min(x2 + 3, w - 2), min(y2 + 3, h - 2)), (30, 60, 235), 2)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return Response(data.tobytes(), media_type="image/jpeg", headers={"cache-control": KEEP})


def _name(e: StoredEvent, ending: str) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(e.record.start_time))
    return f"{e.record.camera}-{stamp}.{ending}"
