"""The page /learned."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from normalcy.web.pages import page

router = APIRouter(include_in_schema=False)


@router.get("/learned")
def learned(request: Request) -> HTMLResponse:
    """The page."""
    return page(request, "learned.html")
