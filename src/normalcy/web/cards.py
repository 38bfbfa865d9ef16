"""An event as a person reads it: what templates draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from normalcy.events.samples import Samples, read_samples, samples_beside, thinned
from normalcy.events.store import StoredEvent
from normalcy.events.strength import in_words, times
from normalcy.web.site import Site

STRIP_W, STRIP_H, STRIP_POINTS = 1000.0, 100.0, 200
HEALTH = {
    "lost": "Camera lost",
    "back": "Camera back",
    "frozen": "Picture frozen",
    "dark": "Picture dark",
    "covered": "Camera covered",
    "blurred": "Picture blurred",
    "moved": "Camera moved",
    "light": "Light changed",
}


@dataclass(frozen=True, slots=True)
class Strip:
    """The score under a clip, in a box of STRIP_W x STRIP_H."""

    points: str
    """Of an SVG polyline."""
    alarm_y: float | None
    """Height of the threshold, from the top."""
    event_x: float
    event_w: float
    begin: float
    """Seconds since 1970 at the left end, which is the clip's begin."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Card:
    """One event."""

    event: StoredEvent
    id: str
    camera: str
    title: str
    start: float
    seconds: float | None
    """None while it goes on."""
    word: str | None
    """How strong; None for what has no score."""
    level: int
    """0 to 100, for a bar."""
    tip: str
    clip: str | None
    picture: str | None
    thumb: str | None
    strip: Strip | None


def card(site: Site, e: StoredEvent) -> Card:
    """What a card shows; looks at the event's files."""
    r = e.record
    title = r.text.removeprefix(f"{r.camera}: ")
    if r.rarity is not None:
        title = title.removesuffix(f" ({r.rarity})")
    title = HEALTH.get(r.kind, title[:1].upper() + title[1:])
    here = f"/api/v1/events/{r.id}"
    picture = f"{here}/snapshot?v={r.change}" if site.inside(r.snapshot) else None
    return Card(
        event=e,
        id=r.id,
        camera=r.camera,
        title=title or r.kind,
        start=r.start_time,
        seconds=None if r.end_time is None else r.end_time - r.start_time,
        word=None if e.strength is None else in_words(e.strength),
        level=0 if e.strength is None else round(100 * e.strength),
        tip="" if e.strength is None else f"{times(min(e.strength, 0.999)):.1f} times as far from normal as the alarm",
        clip=f"{here}/clip?v={r.change}" if site.inside(r.clip) else None,
        picture=picture,
        thumb=None if picture is None else f"{here}/thumb?v={r.change}",
        strip=strip(read_samples(site.out / samples_beside(r.camera, r.id)), e),
    )


def strip(samples: Samples | None, e: StoredEvent) -> Strip | None:
    """The curve, from the clip's begin to its last score."""
    if samples is None:
        return None
    there = [i for i, t in enumerate(samples.times) if t >= samples.begin]
    if len(there) < 2:
        return None
    times_s, scores = [samples.times[i] for i in there], [samples.scores[i] for i in there]
    seconds = times_s[-1] - samples.begin
    if seconds <= 0:
        return None
    top = max([*scores, (samples.threshold or 0.0) * 1.3, 1e-6])
    kept = thinned(scores, STRIP_POINTS)
    points = curve([(times_s[i] - samples.begin) / seconds for i in kept], [scores[i] / top for i in kept])
    end = e.record.end_time if e.record.end_time is not None else times_s[-1]
    x1, x2 = ((min(max(t - samples.begin, 0.0), seconds)) / seconds * STRIP_W for t in (e.record.start_time, end))
    alarm = None if samples.threshold is None else round(STRIP_H * (1.0 - max(samples.threshold, 0.0) / top), 1)
    return Strip(points, alarm, round(x1, 1), round(max(x2 - x1, 4.0), 1), samples.begin, round(seconds, 3))


def curve(x: Sequence[float], y: Sequence[float]) -> str:
    """Points of an SVG polyline. x, y: 0 to 1, y upward."""
    return " ".join(f"{STRIP_W * a:.0f},{STRIP_H * (1.0 - min(max(b, 0.0), 1.0)):.1f}" for a, b in zip(x, y, strict=True))
