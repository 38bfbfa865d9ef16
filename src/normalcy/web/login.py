"""Logging in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from normalcy.web.guard import Guard, csrf_token, same
from normalcy.web.pages import page
from normalcy.web.security import COOKIE, cookie, refused, safe_path, try_token

router = APIRouter(include_in_schema=False)


@router.get("/login")
def form(request: Request, next: str = "/") -> Response:
    """The form. Whoever is in already goes on."""
    guard: Guard = request.app.state.guard
    if not guard.asks or guard.knows(request.cookies.get(COOKIE)):
        return RedirectResponse(safe_path(next), 303)
    return page(request, "login.html", next=safe_path(next), wrong=None)


@router.post("/login")
async def log_in(
    request: Request,
    token: Annotated[str, Form(max_length=1000)] = "",
    csrf: Annotated[str, Form(max_length=100)] = "",
    next: Annotated[str, Form(max_length=4000)] = "/",
) -> Response:
    """A new session for the right token."""
    guard: Guard = request.app.state.guard
    if not same(csrf, request.state.csrf):
        return page(request, "login.html", 403, next=safe_path(next), wrong="The page was out of date. Please try again.")
    wrong = await try_token(guard, request, token)
    if wrong is not None:
        said = "That is not the token." if wrong.status_code == 401 else "Too many wrong tokens. Wait a minute."
        answer = page(request, "login.html", wrong.status_code, next=safe_path(next), wrong=said)
        if "retry-after" in wrong.headers:
            answer.headers["retry-after"] = wrong.headers["retry-after"]
        return answer
    onward = RedirectResponse(safe_path(next), 303)
    onward.headers.append("set-cookie", cookie(guard.begin(), request))
    return onward


@router.post("/logout")
def log_out(request: Request, csrf: Annotated[str, Form(max_length=100)] = "") -> Response:
    """The session ends here and on the server."""
    session = request.state.session
    if not same(csrf, csrf_token(session)):
        return refused(request, 403, "the page is out of date: load it again")
    guard: Guard = request.app.state.guard
    guard.end(session)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer
