"""What a mark teaches: in the background, one after the other, since a lesson looks at the event's clip for some seconds."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor

from normalcy.api.marks import Marked, learn_from, model_of
from normalcy.api.teach import lesson_of_event
from normalcy.errors import NormalcyError
from normalcy.events import browse
from normalcy.events.store import StoredEvent
from normalcy.web.site import Site

LEARNING = "The model learns that this is normal here; What I learned lists it in a few seconds, and can take it back."
FORGOTTEN = "What this event taught is taken back."

_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lessons")
_log = logging.getLogger(__name__)


def teach(site: Site, told: StoredEvent, before: str | None) -> str | None:
    """Called after a verdict was stored that is not what it was. before: the verdict until then.

    Returns what it changes, in a sentence for the person, or None. Must not raise for a reason that the person cannot act on.
    """
    if told.record.kind != "anomaly" or "normal" not in (told.verdict, before):
        return None
    folder = model_of(site.out, told.record.camera)
    if folder is None or not folder.is_dir():
        return "The model of this camera is not known here, so nothing was taught." if told.verdict == "normal" else None
    if told.verdict == "normal" and (told.record.clip is None or site.inside(told.record.clip) is None):
        return "The event has no clip, so nothing was taught."
    later(site, told.record.id)
    return LEARNING if told.verdict == "normal" else FORGOTTEN


def later(site: Site, id: str) -> Future[Marked | None]:
    """Teach or take back what the verdict of an event then asks for."""
    return _worker.submit(_learn, site, id)


def _learn(site: Site, id: str) -> Marked | None:
    """By the verdict as it is by now: a mark that was undone meanwhile teaches nothing."""
    try:
        now = browse.one(site.store, id)
        if now is None or (now.verdict != "normal" and not _taught(site, now)):
            return None
        return learn_from(site.out, now)
    except NormalcyError as e:
        _log.warning("event %s: %s", id, e)
        return None


def _taught(site: Site, e: StoredEvent) -> bool:
    folder = model_of(site.out, e.record.camera)
    return folder is not None and folder.is_dir() and lesson_of_event(folder, e.record.id) is not None
