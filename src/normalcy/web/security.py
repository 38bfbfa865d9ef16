"""What every request passes through: the host it names, who sends it, whether a page of ours made it do so, and headers."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from normalcy.web.guard import LOOPBACK, Guard, csrf_token, same

COOKIE = "normalcy_session"
OPEN = ("/login", "/static/", "/favicon.ico")
"""Paths that nobody has to log in for."""
BARE = ("/static/", "/api/")
"""Paths that begin no session: programs need none."""
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
API = "/api/"
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "same-origin",  # nothing leaves this host; no-referrer would take the origin from our own forms
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Security:
    """ASGI middleware. It leaves ``session`` and ``csrf`` in the request's state."""

    def __init__(self, app: ASGIApp, guard: Guard, hosts: frozenset[str] = LOOPBACK) -> None:
        """hosts: names that a page that asks for no token may be called by: no name of a stranger's that points here."""
        self._app, self._guard, self._hosts = app, guard, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        if head:  # as GET, without its body
            scope = {**scope, "method": "GET"}
        request = Request(scope)
        session = request.cookies.get(COOKIE) or ""
        fresh = None if 20 <= len(session) <= 100 else secrets.token_urlsafe(32)
        session = fresh or session
        scope.setdefault("state", {})
        scope["state"] |= {"session": session, "csrf": csrf_token(session)}

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                if fresh is not None and "set-cookie" not in headers and not request.url.path.startswith(BARE):
                    headers.append("set-cookie", cookie(session, request))
            elif head:
                message = {**message, "body": b""}
            await send(message)

        refusal = await self._refusal(request, session, fresh is None)
        await (refusal or self._app)(scope, receive, sent)

    async def _refusal(self, request: Request, session: str, had_cookie: bool) -> Response | None:
        """Why a request goes no further."""
        path, guard = request.url.path, self._guard
        if not guard.asks and host_of(request.headers) not in self._hosts:
            return refused(request, 403, "this page answers on this machine only; start it with --host and --token for others")
        by_token = False
        if guard.asks and not path.startswith(OPEN):
            bearer = request.headers.get("authorization", "")
            if bearer[:7].lower() == "bearer ":
                wrong = await self._try(request, bearer[7:].strip())
                if wrong is not None:
                    return wrong
                by_token = True
            elif not guard.knows(session):
                return await self._stranger(request)
        if request.method not in SAFE and not by_token and path != "/login":
            return self._forged(request, session, had_cookie)
        return None

    async def _stranger(self, request: Request) -> Response:
        """Nobody that is known: by a token in the address once, then without it; else to the login."""
        token = request.query_params.get("token")
        if token is not None and request.method == "GET":
            wrong = await self._try(request, token)
            if wrong is not None:
                return wrong
            rest = [(k, v) for k, v in parse_qsl(request.url.query, keep_blank_values=True) if k != "token"]
            answer = RedirectResponse(safe_path(request.url.path) + (f"?{urlencode(rest)}" if rest else ""), 303)
            answer.headers.append("set-cookie", cookie(self._guard.begin(), request))
            return answer
        if request.url.path.startswith(API) or request.method not in SAFE:
            return refused(request, 401, "log in, or send the token: Authorization: Bearer TOKEN")
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(here)}", 303)

    async def _try(self, request: Request, token: str) -> Response | None:
        """None for the right token."""
        return await try_token(self._guard, request, token)

    def _forged(self, request: Request, session: str, had_cookie: bool) -> Response | None:
        headers = request.headers
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
            return refused(request, 403, "this came from another site")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return refused(request, 403, "this came from another site")
        browser = had_cookie or origin is not None or "sec-fetch-site" in headers
        if request.url.path == "/logout":
            return None  # its form says the token itself
        if browser and not same(headers.get("x-csrf-token", ""), csrf_token(session)):
            return refused(request, 403, "the page is out of date: load it again")
        return None


async def try_token(guard: Guard, request: Request, token: str) -> Response | None:
    """None for the right token; otherwise the answer, which comes sooner than a check where too many were wrong."""
    address = request.client.host if request.client is not None else ""
    wait = guard.wait_s(address)
    if wait > 0:
        answer = refused(request, 429, f"too many wrong tokens; try again in {wait:.0f} s")
        answer.headers["retry-after"] = str(int(wait) + 1)
        return answer
    if await run_in_threadpool(guard.right, token):
        return None
    guard.guessed_wrong(address)
    return refused(request, 401, "that is not the token")


def refused(request: Request, status: int, reason: str) -> Response:
    """An answer in the form that was asked for."""
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    if request.url.path.startswith(API):
        return JSONResponse({"error": reason}, status, headers)
    return Response(f"normalcy: {reason}\n", status, headers, "text/plain; charset=utf-8")


def cookie(session: str, request: Request) -> str:
    """The value of set-cookie."""
    secure = "; Secure" if request.url.scheme == "https" else ""
    return f"{COOKIE}={session}; Path=/; Max-Age={30 * 86400}; HttpOnly; SameSite=Lax{secure}"


def safe_path(path: str) -> str:
    """A path of this host; anything else becomes the front page."""
    ok = path.startswith("/") and not path.startswith(("//", "/\\")) and not any(ord(c) < 32 or c == "\\" for c in path)
    return path if ok else "/"


def host_of(headers: Headers) -> str:
    """The host that a request names, without its port, in lower case."""
    host = headers.get("host", "").lower()
    if host.startswith("["):
        return host[1 : host.find("]")] if "]" in host else ""
    return host.rpartition(":")[0] if ":" in host else host
