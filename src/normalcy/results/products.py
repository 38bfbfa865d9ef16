"""Which products a scored video has. A new one is a class in a file of its own and a line here."""

from __future__ import annotations

from normalcy.results.events_json import EventsJson
from normalcy.results.maps_npy import MapsNpy
from normalcy.results.objects_csv import ObjectsCsv
from normalcy.results.overlay_mp4 import OverlayMp4
from normalcy.results.product import Product
from normalcy.results.scores_csv import ScoresCsv
from normalcy.results.timeline_png import TimelinePng

PRODUCTS: tuple[type[Product], ...] = (ScoresCsv, MapsNpy, ObjectsCsv, OverlayMp4, TimelinePng, EventsJson)
"""All there are, in the order in which they are finished."""


def products_for(level: str, *, maps: bool = False, overlay: bool = False) -> list[type[Product]]:
    """The products of a video that is scored at this level (frame, object or both). maps, overlay: what is asked for."""
    left_out = {MapsNpy: not maps, OverlayMp4: not overlay, ObjectsCsv: level == "frame"}
    return [p for p in PRODUCTS if not left_out.get(p, False)]
