"""Recorded video: send a file or name one, watch it being scored, look at it; train a model."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from normalcy.api.live import read_cards
from normalcy.errors import DataError
from normalcy.files import put, remove, unfinished
from normalcy.video.source import VIDEO_SUFFIXES
from normalcy.web import scored
from normalcy.web.jobs import Job, new_id
from normalcy.web.media import KEEP, MISSING
from normalcy.web.models import JobList, JobOut, Listing, NewJob, Problem, Scores, Upload
from normalcy.web.pages import page
from normalcy.web.site import Site, site_of

router = APIRouter()
Key = Annotated[str, InPath(pattern=r"^[0-9a-f]{16}$")]
IDLE_S = 30.0
"""An upload that sends nothing for so long is given up."""
SPARE = 10**9
"""Bytes that an upload leaves free on the disk."""
MOST_LISTED, DEEPEST = 500, 4
MOST_WAITING = 200
UPLOAD = "upload:"


@router.get("/recorded", include_in_schema=False)
def recorded(request: Request) -> HTMLResponse:
    """The page."""
    site = site_of(request)
    return page(
        request,
        "recorded.html",
        jobs=[scored.job_values(site, j) for j in site.jobs.all()],
        videos=scored.listed(site),
        listing=_listing(site),
        folders=[str(f) for f in site.folders],
        kinds=", ".join(sorted(VIDEO_SUFFIXES)),
        most=site.most_upload,
    )


@router.get("/recorded/{key}", include_in_schema=False)
def player(request: Request, key: Key) -> HTMLResponse:
    """A scored video with its scores and events."""
    site, s = _scored(request, key)
    try:
        times, scores = scored.series(s)
    except DataError as e:
        raise HTTPException(404, str(e)) from e
    return page(request, "video.html", video=s, playable=scored.video(site, s) is not None, strip=_strip(s, times, scores))


@router.get("/api/v1/scored/{key}/video", tags=["recorded"], responses=MISSING, response_class=FileResponse)
def video(request: Request, key: Key) -> FileResponse:
    """The video of a result, with its score map where that was made."""
    site, s = _scored(request, key)
    path = scored.video(site, s)
    if path is None:
        raise HTTPException(404, "no video that a browser plays: score with --overlay, or allow its folder with --folder")
    kind = "video/webm" if path.suffix.lower() == ".webm" else "video/mp4"
    return FileResponse(path, media_type=kind, headers={"cache-control": KEEP})


@router.get("/api/v1/scored/{key}/scores", tags=["recorded"], responses=MISSING)
def scores_of(request: Request, key: Key) -> Scores:
    """Its scores; times are seconds from its begin."""
    _, s = _scored(request, key)
    try:
        times, values = scored.series(s)
    except DataError as e:
        raise HTTPException(404, str(e)) from e
    return Scores(times=times, scores=values, threshold=s.threshold, begin=0.0)


@router.get("/api/v1/files", tags=["recorded"])
def files(request: Request) -> Listing:
    """What jobs may use."""
    return _listing(site_of(request))


@router.post(
    "/api/v1/uploads",
    tags=["recorded"],
    responses={413: {"model": Problem, "description": "Too large."}, 408: {"model": Problem}, 415: {"model": Problem}},
    openapi_extra={
        "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def upload(request: Request, name: Annotated[str, Query(min_length=1, max_length=1000)]) -> Upload:
    """Send a video as the body of the request. name: its file name, of which the ending counts."""
    site = site_of(request)
    suffix = Path(name.replace("\\", "/").rpartition("/")[2]).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise HTTPException(415, f"not a video by its name; one of {', '.join(sorted(VIDEO_SUFFIXES))}")
    said = request.headers.get("content-length", "0")
    if said.isdecimal() and int(said[:18]) > site.most_upload:
        raise HTTPException(413, f"larger than {site.most_upload / 1e9:g} GB")
    folder = site.own / "uploads"
    await run_in_threadpool(folder.mkdir, parents=True, exist_ok=True)
    if int(said[:18] if said.isdecimal() else 0) + SPARE > shutil.disk_usage(folder).free:
        raise HTTPException(413, "the disk is too full for it")
    target = folder / f"{new_id()}{suffix}"
    part, size = unfinished(target), 0
    try:
        with part.open("wb") as f:
            chunks = request.stream().__aiter__()
            while True:
                try:
                    chunk = await asyncio.wait_for(anext(chunks), IDLE_S)
                except StopAsyncIteration:
                    break
                size += len(chunk)
                if size > site.most_upload:
                    raise HTTPException(413, f"larger than {site.most_upload / 1e9:g} GB")
                await run_in_threadpool(f.write, chunk)
        if size == 0:
            raise HTTPException(415, "the file is empty")
        await run_in_threadpool(put, part, target)
    except TimeoutError as e:
        raise HTTPException(408, f"nothing came for {IDLE_S:g} s") from e
    except ClientDisconnect as e:
        raise HTTPException(400, "the browser left") from e
    except OSError as e:
        raise HTTPException(507, f"the file cannot be kept: {e.strerror or e}") from e
    finally:
        remove(part)
    return Upload(source=f"{UPLOAD}{target.name}", name=shown_name(name), bytes=size)


@router.get("/api/v1/jobs", tags=["recorded"])
def jobs(request: Request) -> JobList:
    """What is computed, waits, and is over."""
    return JobList(jobs=[JobOut.model_validate(scored.job_values(site_of(request), j)) for j in site_of(request).jobs.all()])


@router.post(
    "/api/v1/jobs", tags=["recorded"], status_code=201, responses=MISSING | {409: {"model": Problem}, 429: {"model": Problem}}
)
def add(request: Request, wish: NewJob, name: Annotated[str, Query(max_length=1000)] = "") -> JobOut:
    """Put something in the queue. name: of the video for people."""
    site = site_of(request)
    if sum(j.state in ("queued", "running") for j in site.jobs.all()) >= MOST_WAITING:
        raise HTTPException(429, "the queue is full")
    sources = tuple(str(_source(site, s)) for s in wish.sources)
    id = new_id()
    if wish.kind == "score":
        models = _listing(site).models
        if wish.model not in models:
            raise HTTPException(404, "no such model; /api/v1/files lists those that may be used")
        title, out = shown_name(name) or Path(sources[0]).name, f"web/jobs/{id}/result"
    else:
        if wish.name is None:
            raise HTTPException(422, "name: a model that is trained needs one")
        if (site.out / "models" / wish.name).exists():
            raise HTTPException(409, f"there is a model {wish.name}; choose another name")
        title, out = wish.name, f"models/{wish.name}"
    job = Job(id, wish.kind, title, sources, out, wish.model, wish.preset, wish.steps, time.time())
    return JobOut.model_validate(scored.job_values(site, site.jobs.add(job)))


@router.post("/api/v1/jobs/{key}/cancel", tags=["recorded"], responses=MISSING)
def cancel(request: Request, key: Key) -> JobOut:
    """End it. What is over stays as it is."""
    site = site_of(request)
    job = site.jobs.cancel(key)
    if job is None:
        raise HTTPException(404, "no such job")
    return JobOut.model_validate(scored.job_values(site, job))


@router.delete("/api/v1/jobs/{key}", tags=["recorded"], status_code=204, responses=MISSING | {409: {"model": Problem}})
def forget(request: Request, key: Key) -> None:
    """Remove a job that is over, its result, and the file that was sent for it."""
    site = site_of(request)
    job = site.jobs.get(key)
    if job is None:
        raise HTTPException(404, "no such job")
    if not site.jobs.remove(key):
        raise HTTPException(409, "it is not over; cancel it first")
    used = {s for j in site.jobs.all() for s in j.sources}
    for source in job.sources:
        path = Path(source)
        if path.parent == (site.own / "uploads").resolve() and source not in used:
            remove(path)


def shown_name(name: str) -> str:
    """The last part of a file name as people may see it: no control characters, not endless."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(c if c.isprintable() else " " for c in last).strip()
    return clean if len(clean) <= 120 else f"{clean[:80]}…{clean[-36:]}"


def _source(site: Site, text: str) -> Path:
    """A file that jobs may read. Raises HTTPException 404, which tells no one what lies elsewhere."""
    gone = HTTPException(404, "no such file under the folders that may be used")
    if "\0" in text:
        raise gone
    roots = site.folders
    if text.startswith(UPLOAD):
        name, roots = text.removeprefix(UPLOAD), ((site.own / "uploads").resolve(),)
        text = str(roots[0] / name)
    try:
        path = Path(text).resolve()
        ok = any(path.is_relative_to(r) for r in roots) and (path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES)
        if not ok or not path.exists():
            raise gone
    except (OSError, ValueError, RuntimeError):
        raise gone from None
    return path


def _listing(site: Site) -> Listing:
    videos: list[str] = []
    models = {c.model for c in read_cards(site.out) if Path(c.model).is_dir()}
    for root in (*site.folders, (site.out / "models").resolve()):
        for here, inside, names in os.walk(root):
            if len(Path(here).relative_to(root).parts) >= DEEPEST:
                inside.clear()
            inside[:] = sorted(d for d in inside if not d.startswith("."))
            if "model.safetensors" in names and "config.json" in names:
                models.add(here)
            videos += [str(Path(here) / n) for n in sorted(names) if Path(n).suffix.lower() in VIDEO_SUFFIXES]
            if len(videos) >= MOST_LISTED:
                break
    return Listing(
        videos=[v for v in videos[:MOST_LISTED] if v.isprintable()], models=sorted(m for m in models if m.isprintable())
    )


def _scored(request: Request, key: str) -> tuple[Site, scored.Scored]:
    site = site_of(request)
    found = scored.one(site, key)
    if found is None:
        raise HTTPException(404, "no such scored video")
    return site, found


def _strip(s: scored.Scored, times: list[float], values: list[float]) -> dict[str, object]:
    """The curve over the whole video, for a strip as an event's."""
    from normalcy.web.cards import STRIP_H, STRIP_W, curve

    seconds = max(s.seconds, times[-1], 1e-3)
    top = max([*values, (s.threshold or 0.0) * 1.3, 1e-6])
    spans = [
        {"x": round(e["start"] / seconds * STRIP_W, 2), "w": round(max((e["end"] - e["start"]) / seconds * STRIP_W, 1.5), 2)}
        for e in s.events
    ]
    alarm = None if s.threshold is None else round(STRIP_H * (1.0 - max(s.threshold, 0.0) / top), 1)
    points = curve([t / seconds for t in times], [v / top for v in values])
    return {"points": points, "alarm_y": alarm, "spans": spans, "seconds": round(seconds, 3), "begin": 0}
