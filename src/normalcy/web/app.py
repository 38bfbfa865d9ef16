"""The application, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as AnyHTTPException

from normalcy.errors import NormalcyError, OutputError, UsageError
from normalcy.events.store import Store
from normalcy.versions import version
from normalcy.web import events, learned, live, login, media, recorded, review, threshold, why
from normalcy.web.guard import LOOPBACK, Guard
from normalcy.web.jobs import Jobs
from normalcy.web.pages import HERE, page
from normalcy.web.security import API, Security
from normalcy.web.site import WEB, Site

ROUTERS = (login, review, why, live, recorded, learned, threshold, events, media)
"""Modules with a ``router``; a page more is a line here and one in pages.NAVIGATION."""


def create_app(
    out: str | Path,
    *,
    token: str | None = None,
    host: str = "127.0.0.1",
    folders: Sequence[str | Path] = (),
    store: str | None = None,
    most_upload: int = 8 * 10**9,
) -> FastAPI:
    """The page over an output folder of ``watch`` or ``score``.

    Args:
        out: the folder.
        token: that everyone has to know; None: the password that was set, or nobody is asked.
        host: the address that it will be served on.
        folders: that videos and models may be taken from.
        store: address of the event store, where it is not in the folder.
        most_upload: bytes of an upload, at most.

    Raises:
        UsageError: an address that others reach, and neither token nor password. OutputError: the store cannot be opened.
    """
    out = Path(out)
    guard = Guard(out / WEB, token)
    if host not in LOOPBACK and not guard.asks:
        raise UsageError(f"--host {host}: others could look too; give a --token, or set a password with --set-password")
    jobs = Jobs(out, out / WEB / "jobs")
    site = Site(out, Store(out, store), jobs, tuple(Path(f).resolve() for f in folders), most_upload)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        jobs.start()
        yield
        app.state.ending = True
        await run_in_threadpool(jobs.close)
        site.store.close()

    app = FastAPI(
        lifespan=lifespan,
        title="Normalcy",
        version=version(),
        description="Events, marks, live state, recorded video and thresholds. Send `Authorization: Bearer TOKEN`.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.site, app.state.guard = site, guard
    for module in ROUTERS:
        app.include_router(module.router)
    app.mount("/static", _Static(directory=HERE / "static"))
    app.add_api_route("/favicon.ico", lambda: FileResponse(HERE / "static" / "icon.svg"), include_in_schema=False)
    app.add_exception_handler(AnyHTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(NormalcyError, _failed)
    app.add_middleware(Security, guard=guard, hosts=LOOPBACK | {host})
    return app


class _Static(StaticFiles):
    """Addresses carry a mark of the content, so that browsers may keep it for good."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        answer = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        answer.headers["cache-control"] = "public, max-age=31536000, immutable"
        return answer


def _error(request: Request, status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    if request.url.path.startswith(API):
        return JSONResponse({"error": reason}, status, headers)
    return page(request, "error.html", status, code=status, reason=reason)


def _http_error(request: Request, e: Exception) -> Response:
    assert isinstance(e, AnyHTTPException)
    return _error(request, e.status_code, str(e.detail), dict(e.headers or {}))


def _invalid(request: Request, e: Exception) -> Response:
    assert isinstance(e, RequestValidationError)
    said = "; ".join(f"{'.'.join(str(p) for p in x['loc'][1:]) or 'request'}: {x['msg']}" for x in e.errors())
    return _error(request, 422, said)


def _failed(request: Request, e: Exception) -> Response:
    return _error(request, 503 if isinstance(e, OutputError) else 400, str(e))
