"""What a mark teaches."""

from __future__ import annotations

from normalcy.events.store import StoredEvent
from normalcy.web.site import Site


def teach(site: Site, told: StoredEvent, before: str | None) -> str | None:
    """Called after a verdict was stored that is not what it was. before: the verdict until then.

    Returns what it changed, in a sentence for the person, or None. Must not raise for a reason that the person cannot act on.
    """
    return None
