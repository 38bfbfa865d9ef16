"""The page /learned: what each camera's model knows, what it was taught, and what marks say of its alarms."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup
from starlette.exceptions import HTTPException

from normalcy.api.explain import key_of
from normalcy.api.learned import learned as learned_of
from normalcy.api.live import CameraCard, read_cards
from normalcy.api.marks import figures
from normalcy.api.teach import forget
from normalcy.errors import DataError, NormalcyError
from normalcy.report.learned import learned_html
from normalcy.scoring.lesson_files import about_lessons
from normalcy.web.pages import page
from normalcy.web.site import site_of

router = APIRouter(include_in_schema=False)


@router.get("/learned")
def learned(request: Request, camera: Annotated[str, Query(max_length=64)] = "") -> HTMLResponse:
    """The page of one camera; of the first where none is named."""
    site = site_of(request)
    cards = read_cards(site.out)
    chosen = next((c for c in cards if c.name == camera), cards[0] if cards and not camera else None)
    if camera and chosen is None:
        raise HTTPException(404, f"no camera {camera}")
    piece, note, told, lessons = None, "", None, []
    if chosen is not None:
        try:
            folder = Path(chosen.model)
            piece, lessons = _piece(folder, key_of(folder)), about_lessons(folder)
        except (NormalcyError, OSError) as e:
            note = str(e)
        said = figures(site.out, site.store)
        weeks = [w for w in said["weeks"] if w["camera"] == chosen.name]
        told = {"weeks": weeks, "budgets": said["budgets"].get(chosen.name, [])}
    return page(request, "learned.html", cards=cards, chosen=chosen, piece=piece, note=note, told=told, lessons=lessons)


@router.post("/learned/forget")
def take_back(request: Request, camera: Annotated[str, Form()], lesson: Annotated[str, Form(max_length=100)]) -> Response:
    """Take a lesson back."""
    card = _card(request, camera)
    try:
        forget(card.model, lesson, by="page")
    except DataError as e:
        raise HTTPException(404, str(e)) from e
    return RedirectResponse(f"/learned?camera={card.name}", status_code=303)


def _card(request: Request, camera: str) -> CameraCard:
    card = next((c for c in read_cards(site_of(request).out) if c.name == camera), None)
    if card is None:
        raise HTTPException(404, f"no camera {camera}")
    return card


@lru_cache(maxsize=8)
def _piece(folder: Path, key: str) -> Markup:
    """Made anew when the model changes or is taught something."""
    return learned_html(learned_of(folder), lessons=False)
