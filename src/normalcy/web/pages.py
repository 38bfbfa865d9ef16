"""From a template to an answer: what every page has in common."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

HERE = Path(__file__).parent
NAVIGATION = (
    ("/", "Review"),
    ("/live", "Live"),
    ("/recorded", "Recorded"),
    ("/learned", "What I learned"),
    ("/threshold", "Threshold"),
)


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, or a piece of one, from a template."""
    common = {
        "navigation": NAVIGATION,
        "here": request.url.path,
        "csrf": request.state.csrf,
        "asks": request.app.state.guard.asks,
        "zone": zone_of(request),
    }
    return HTMLResponse(environment().get_template(template).render(common | values), status)


def zone_of(request: Request) -> tzinfo:
    """The viewer's time zone, as the page's script left it in a cookie; UTC until then."""
    name = unquote(request.cookies.get("normalcy_zone", ""))[:64]
    return named_zone(name)


@cache
def _zone(name: str) -> tzinfo:
    return ZoneInfo(name)


def named_zone(name: str) -> tzinfo:
    """UTC for what is no name of a zone."""
    try:
        return _zone(name) if name else UTC
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return UTC


@cache
def environment() -> Environment:
    """All templates. What is put into them is escaped, and a name that is missing is an error."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals["static"] = static
    env.filters |= {"moment": moment, "day": day, "lasting": lasting, "number": number}
    return env


@cache
def static(name: str) -> str:
    """The address of a file of ours, which changes with what is in it."""
    mark = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


def moment(seconds: float, zone: tzinfo, form: str = "%H:%M:%S") -> str:
    """A time of the clock."""
    try:
        return datetime.fromtimestamp(seconds, zone).strftime(form)
    except (ValueError, OverflowError, OSError):
        return "?"


def day(seconds: float, zone: tzinfo) -> str:
    """Such as Thursday, 26 November 2026."""
    return moment(seconds, zone, "%A, %-d %B %Y")


def lasting(seconds: float | None) -> str:
    """A duration for people."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
