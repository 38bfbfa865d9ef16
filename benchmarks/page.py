"""How long the list page takes with few and with many events, and what a browser has to fetch for it.

    PYTHONPATH=tests python -W ignore benchmarks/page.py [--events 10 10000 100000] [--times 15]

Prints one JSON object. Seconds are of the processor, so that what else runs does not count; they say little of another machine,
and their ratio to the smallest store is what should stay low. A store of 10 fills less than one window of 24 cards.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import insert
from sqlalchemy.orm import Session

from made_events import made_event
from normalcy.events.store import Store
from normalcy.events.strength import strength
from normalcy.events.tables import EventRow, ZoneRow
from normalcy.web.app import create_app
from normalcy.web.pages import static

PAGES = {
    "to review": "/",
    "all": "/?state=",
    "one camera, strong": "/?state=&camera=gate&least=0.8",
    "one zone": "/?state=&zone=door",
    "older events": "/?state=&after={middle}",
    "JSON": "/api/v1/events?limit=50",
}


def fill(out: Path, n: int) -> str:
    """n events at once; returns the place in the middle of the list."""
    store = Store(out)
    records = [made_event(i, 1_795_694_400.0 - 600.0 * i) for i in range(n)]
    for r in records[:2]:  # of both cameras
        store.send(r)
    with store.begin() as session:
        _insert(session, records[2:])
    store.close()
    middle = records[n // 2]
    return f"{middle.start_time!r}:{middle.id}"


def _insert(session: Session, records: list) -> None:  # type: ignore[type-arg]
    rows = [
        {
            "id": r.id, "camera": r.camera, "kind": r.kind, "severity": r.severity, "change": r.change, "marked": False,
            "start_time": r.start_time, "end_time": r.end_time, "record": r.to_dict(), "note": "", "state": "new", "version": 0,
            "reason": r.readout, "peak": r.peak, "strength": strength(r.peak, r.threshold),
        }
        for r in records
    ]  # fmt: skip
    zones = [{"zone": z, "start_time": r.start_time, "event": r.id} for r in records for z in r.zones]
    for i in range(0, len(rows), 5000):
        session.execute(insert(EventRow), rows[i : i + 5000])
    if zones:
        session.execute(insert(ZoneRow), zones)


def measure(n: int, times: int) -> dict[str, float]:
    """Page -> median seconds."""
    with tempfile.TemporaryDirectory() as folder:
        middle = fill(Path(folder), n)
        out = {}
        with TestClient(create_app(folder), base_url="http://127.0.0.1") as client:
            for name, path in PAGES.items():
                path = path.format(middle=middle)
                taken = []
                for _ in range(times + 1):
                    begun = time.process_time()
                    assert client.get(path).status_code == 200
                    taken.append(time.process_time() - begun)
                out[name] = statistics.median(taken[1:])
    return out


def weight() -> dict[str, object]:
    """What the list page with 24 cards makes a browser fetch."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), 60)
        with TestClient(create_app(folder), base_url="http://127.0.0.1") as client:
            html = client.get("/?state=").text
            files = sorted(set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html)))
            sizes = {f.partition("?")[0]: len(client.get(f).content) for f in files}
            assert static("page.css") in files
    return {"html_bytes": len(html), "static_bytes": sizes, "requests_but_pictures": 1 + len(sizes)}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[10, 10_000, 100_000])
    parser.add_argument("--times", type=int, default=15)
    given = parser.parse_args()
    found = {n: measure(n, given.times) for n in given.events}
    least = found[given.events[0]]
    ratios = {str(n): {k: round(v / least[k], 2) for k, v in f.items()} for n, f in found.items()}
    seconds = {str(n): {k: round(v, 4) for k, v in f.items()} for n, f in found.items()}
    print(json.dumps({"seconds": seconds, "ratio": ratios, "page": weight()}, indent=2))


if __name__ == "__main__":
    main()
