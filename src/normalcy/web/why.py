"""The section "Why" of an event's page: values for the template why.html."""

from __future__ import annotations

from typing import Any

from normalcy.events.store import StoredEvent
from normalcy.web.site import Site


def why(site: Site, e: StoredEvent) -> dict[str, Any]:
    """What why.html is given as ``why``; only plain values, since the template draws it."""
    return {"rarity": e.record.rarity, "readout": e.record.readout, "zones": list(e.record.zones)}
