"""Threshold: one number, false alarms a day; what it would have raised, before it is set."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from normalcy.api.live import CameraCard, read_budget, read_cards, write_budget
from normalcy.events import browse
from normalcy.events.browse import Wanted
from normalcy.events.store import StoredEvent
from normalcy.scoring.threshold import Threshold
from normalcy.web.live import Camera
from normalcy.web.media import MISSING
from normalcy.web.models import SetThreshold, ThresholdOut
from normalcy.web.pages import page
from normalcy.web.site import Site, site_of

router = APIRouter()
LEAST, MOST = 0.02, 200.0
STEPS = 40
DAYS = 14.0
MOST_EVENTS = 5000
MISSED = 200


@dataclass(frozen=True, slots=True)
class _Past:
    """What a camera's last days hold."""

    days: float
    events: list[StoredEvent]
    minutes: list[browse.Minute]


@router.get("/threshold", include_in_schema=False)
def threshold(request: Request, camera: str = "") -> HTMLResponse:
    """The page. Its script asks for the preview."""
    site = site_of(request)
    cards = [c for c in read_cards(site.out) if c.threshold is not None]
    chosen = next((c for c in cards if c.name == camera), cards[0] if cards else None)
    now = None if chosen is None else preview(site, chosen, None, DAYS)
    return page(request, "threshold.html", cards=cards, chosen=chosen, now=now, least=LEAST, most=MOST)


@router.get("/api/v1/cameras/{name}/threshold", tags=["threshold"], responses=MISSING)
def looked(
    request: Request,
    name: Camera,
    per_day: Annotated[float | None, Query(gt=0, le=1000, allow_inf_nan=False)] = None,
    days: Annotated[float, Query(gt=0, le=366, allow_inf_nan=False)] = DAYS,
) -> ThresholdOut:
    """What a number of false alarms a day would mean; without one, what the number of now means."""
    site = site_of(request)
    return preview(site, _card(site, name), per_day, days)


@router.put("/api/v1/cameras/{name}/threshold", tags=["threshold"], responses=MISSING)
def chosen(request: Request, name: Camera, wish: SetThreshold) -> ThresholdOut:
    """Set it. The watch takes it within seconds; it wins over cameras.yaml until null is sent."""
    site = site_of(request)
    card = _card(site, name)
    write_budget(site.out, name, wish.per_day)
    return preview(site, card, wish.per_day, DAYS)


def preview(site: Site, card: CameraCard, per_day: float | None, days: float) -> ThresholdOut:
    """What per_day would have raised of the last days. Raises OutputError."""
    configured = Threshold.from_dict(dict(card.threshold or {}))
    set_to = read_budget(site.out, card.name)
    now = configured if set_to is None else configured.for_budget(set_to / 24.0)
    wanted = now if per_day is None else configured.for_budget(per_day / 24.0)
    past = _past(site, card.name, days)
    raised = [e for e in past.events if _peak(e) > wanted.value]
    anomalies = [e for e in past.events if e.verdict == "anomaly"]
    normals = [e for e in past.events if e.verdict == "normal"]
    rates = np.geomspace(LEAST, MOST, STEPS)
    values = [configured.for_budget(float(r) / 24.0).value for r in rates]
    return ThresholdOut(
        camera=card.name,
        per_day=wanted.budget_per_hour * 24.0,
        set_per_day=set_to,
        value=wanted.value,
        now=now.value,
        note=_rests_on(wanted),
        days=past.days,
        raised=len(raised),
        of=len(past.events),
        missed=[e.record.id for e in past.events if _peak(e) <= wanted.value][:MISSED],
        more=_more(past, wanted.value),
        anomalies=(sum(_peak(e) > wanted.value for e in anomalies), len(anomalies)),
        normals=(sum(_peak(e) > wanted.value for e in normals), len(normals)),
        curve=[
            (float(r), v, sum(_peak(e) > v for e in anomalies), sum(_peak(e) > v for e in normals))
            for r, v in zip(rates, values, strict=True)
        ],
    )


def _rests_on(t: Threshold) -> str:
    """What the number is worth, for people."""
    hours = t.normal_hours
    much = "less than a minute" if hours < 1 / 60 else f"{hours * 60:.0f} minutes" if hours < 2 else f"{hours:.0f} hours"
    peaks = "1 peak" if t.peaks == 1 else f"{t.peaks} peaks"
    if t.tail == "empirical":
        return f"It was counted on {much} of normal video."
    return f"It rests on {much} of normal video with {peaks}: beyond the highest it is extrapolated."


def _past(site: Site, camera: str, days: float) -> _Past:
    since = time.time() - days * 86400.0
    events: list[StoredEvent] = []
    after = None
    while len(events) < MOST_EVENTS:
        found = browse.window(site.store, Wanted(camera=camera, since=since), after, browse.MOST)
        events += [e for e in found.events if e.record.kind == "anomaly" and e.record.peak is not None]
        after = found.next
        if after is None:
            break
    first = min([time.time(), *(e.record.start_time for e in events)])
    return _Past(max((time.time() - max(first, since)) / 86400.0, 1e-3), events, browse.minutes(site.store, camera, since))


def _more(past: _Past, value: float) -> int:
    """Stretches of noted minutes above the value in which no event was stored: it lay below the alarm of then."""
    spans = [(e.record.start_time - 60.0, (e.record.end_time or e.record.start_time) + 120.0) for e in past.events]
    n, last = 0, float("-inf")
    for m in past.minutes:
        if m.peak <= value or any(a <= m.time <= b for a, b in spans):
            continue
        n += m.time - last > 120.0
        last = m.time
    return n


def _peak(e: StoredEvent) -> float:
    return e.record.peak if e.record.peak is not None else float("-inf")


def _card(site: Site, name: str) -> CameraCard:
    card = next((c for c in read_cards(site.out) if c.name == name and c.threshold is not None), None)
    if card is None:
        raise HTTPException(404, f"no camera {name} with a threshold was watched into this folder")
    return card
