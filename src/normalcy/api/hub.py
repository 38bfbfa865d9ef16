"""Where all cameras' events meet: pictures and clips are made, then every sink gets every event."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from normalcy.api.cameras import Around, WatchConfig, secret
from normalcy.errors import NormalcyError
from normalcy.events.outbox import Outbox, Sink
from normalcy.events.record import EventRecord, record_from
from normalcy.events.sinks.jsonl import JsonLines
from normalcy.events.state import WatchState
from normalcy.events.store import Store

EVENTS, SPOOL = "events.jsonl", "spool"
PRUNE_S = 3600.0
Prepare = Callable[[EventRecord], EventRecord]
"""Makes the files of an event and returns it with their names."""
_NOTHING = EventRecord("", "", 0, "end", "anomaly", "detection", 0.0, 0.0)
_END, _PRUNE = (replace(_NOTHING, id="end"), None), (replace(_NOTHING, id="prune"), None)


class Hub:
    """Takes events of all cameras and gives them to all sinks, in a thread of its own."""

    def __init__(
        self,
        out: Path,
        config: WatchConfig,
        tell: Callable[[str], None],
        enable: Callable[[str, bool], None],
        show: Callable[[EventRecord], None] | None = None,
    ) -> None:
        """Open the store and the sinks; events that an earlier run left open end here.

        Args:
            out: the output folder.
            config: what is watched and where events go.
            tell: takes lines for the person who runs this.
            enable: is called with a camera and whether it is to raise alarms, when someone switches it by MQTT.
            show: is given every change as well, before the sinks are.

        Raises:
            NormalcyError: a sink or the store cannot be used as configured.
        """
        self._config, self._tell, self._show = config, tell, show
        self._jobs: queue.SimpleQueue[tuple[EventRecord, Prepare | None] | Callable[[], None]] = queue.SimpleQueue()
        self._open: dict[str, EventRecord] = {}
        self._pruned = 0.0
        store_url = secret(config.store.url)
        self.store = Store(out, store_url)
        left = _left_open(self.store, out / SPOOL / Store.name)
        sinks: list[Sink] = [JsonLines(out / EVENTS), self.store]
        names = [c.name for c in config.cameras]
        sinks += [spec.open(Around(name, names, out, enable)) for name, spec in config.sinks.items()]
        self._boxes = [Outbox(s, out / SPOOL / s.name, tell) for s in sinks]
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()
        for r in left:
            if r.camera in names:
                end = replace(r, change=r.change + 1, type="end", end_time=r.time, time=time.time())
                self.emit(replace(end, text=f"{r.camera}: the watcher was stopped during this event"))

    def emit(self, record: EventRecord, prepare: Prepare | None = None) -> None:
        """Take a change. prepare: makes its files first, off the caller's thread."""
        self._jobs.put((record, prepare))

    def later(self, job: Callable[[], None]) -> None:
        """Do something in the hub's thread, in turn; an error of a file is passed over."""
        self._jobs.put(job)

    def report(self, state: WatchState) -> None:
        """The newest state of all cameras, for every sink."""
        for box in self._boxes:
            box.report(state)
        if state.time - self._pruned > PRUNE_S:
            self._pruned = state.time
            self._jobs.put(_PRUNE)

    @property
    def spooled(self) -> Mapping[str, int]:
        """Changes that each sink has still to take."""
        return {b.name: b.spooled for b in self._boxes}

    def drain(self, timeout_s: float = 30.0) -> None:
        """Wait until every event has its files and lies with the sinks. Nothing may be emitted any more."""
        self._jobs.put(_END)
        self._thread.join(timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Deliver for up to timeout_s seconds more; the rest is delivered after the next start."""
        threads = [threading.Thread(target=b.close, args=(timeout_s,)) for b in self._boxes]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job == _END:
                return
            if job == _PRUNE:
                self._prune()
                continue
            if callable(job):
                with suppress(OSError, NormalcyError):
                    job()
                continue
            record, prepare = job
            if prepare is not None:
                try:
                    record = prepare(record)
                except Exception as e:  # the event goes out without its files
                    self._tell(f"{record.camera}: no picture or clip of event {record.id}: {e}")
            if self._show is not None:
                self._show(record)
            for box in self._boxes:
                box.put(record)

    def _prune(self) -> None:
        keep = self._config.store
        with suppress(NormalcyError):  # tried again in an hour
            self.store.prune(time.time(), keep.keep_days, None if keep.keep_gb is None else int(keep.keep_gb * 1e9))


def _left_open(store: Store, spool: Path) -> list[EventRecord]:
    """Events that no end was ever written for, as the store and what it has still to take know them."""
    found = {r.id: r for r in store.unfinished()}
    for path in sorted(spool.glob("*.json")):
        with suppress(OSError, ValueError, NormalcyError):
            r = record_from(json.loads(path.read_text(encoding="utf-8")))
            if r.id not in found or r.change > found[r.id].change:
                found[r.id] = r
    return [r for r in found.values() if r.type != "end"]
