"""Messages to people, through apprise: one address for each of a hundred services."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from normalcy.errors import ConfigError, UsageError
from normalcy.events.outbox import SinkError
from normalcy.events.record import EventRecord
from normalcy.events.state import WatchState


class Notify:
    """One message when an alert begins, with its snapshot. Updates, ends and lesser events are not sent."""

    def __init__(self, urls: Sequence[str], media: Path, name: str = "notify") -> None:
        """urls: as apprise has them (ntfy://, tgram://, mailto://, ...). media: the folder that snapshots are relative to.

        Raises ConfigError for an address that apprise does not know, UsageError where apprise is not installed.
        """
        try:
            import apprise
        except ImportError as e:
            raise UsageError("notifications need apprise: pip install 'normalcy[watch]'") from e
        self.name, self._media = name, media
        self._apprise: Any = apprise.Apprise()
        for i, url in enumerate(urls, 1):
            if not self._apprise.add(url):
                raise ConfigError(f"sinks.{name}: address {i} ({url.partition('://')[0]}://...) is none that apprise knows")

    def send(self, record: EventRecord) -> None:
        if record.type != "new" or record.severity != "alert":
            return
        picture = None if record.snapshot is None else self._media / record.snapshot
        attach = str(picture) if picture is not None and picture.exists() else None
        if not self._apprise.notify(title=f"{record.camera}: {record.kind}", body=record.text, attach=attach):
            raise SinkError(f"{self.name}: a service did not take the message")

    def report(self, state: WatchState) -> None:
        return

    def close(self) -> None:
        return
