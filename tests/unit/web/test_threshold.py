"""The preview of a number of alarms a day, and live state, over the API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from made_events import made_event
from normalcy.api.live import LIVE, CameraCard, read_budget, write_card
from normalcy.events.state import CameraState, WatchState
from normalcy.events.store import Saying, Store
from normalcy.scoring.threshold import Threshold
from normalcy.web.app import create_app
from normalcy.web.live import _news

HERE = "http://127.0.0.1:8765"
THRESHOLD = Threshold(2.0, 1.0 / 24.0, 10.0, 60, 1.2, 0.8, "exponential").for_budget(2.0 / 24.0)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    store, now = Store(tmp_path), time.time()
    for i, peak in enumerate((2.2, 2.6, 3.4)):
        store.send(made_event(i, now - 3600.0 * (i + 1), camera="gate", peak=peak))
    ids = [e.record.id for e in store.events()]
    store.tell([Saying(ids[0], "normal"), Saying(ids[2], "anomaly")])
    for minute, score in ((200, 1.0), (150, 1.9), (149, 1.9), (20, 1.9)):
        store._sampled.clear()
        store.report(WatchState(now - 60.0 * minute, (CameraState("gate", "rtsp://host", "on", score=score),)))
    store.close()
    write_card(tmp_path, CameraCard("gate", "rtsp://host", "m", "h", "frame", THRESHOLD.to_dict(), "", {}, []))
    return tmp_path


@pytest.fixture
def client(out: Path) -> Iterator[TestClient]:
    with TestClient(create_app(out), base_url=HERE) as c:
        yield c


def test_fewer_alarms_a_day_are_previewed_then_set(client: TestClient, out: Path) -> None:
    address = "/api/v1/cameras/gate/threshold"
    now = client.get(address).json()
    assert now["value"] == now["now"] == pytest.approx(THRESHOLD.value) and now["set_per_day"] is None
    rates = [client.get(address, params={"per_day": r}).json() for r in (500, 2, 0.1, 0.02)]
    assert [r["value"] for r in rates] == sorted(r["value"] for r in rates)
    assert [r["raised"] for r in rates] == sorted((r["raised"] for r in rates), reverse=True)
    assert all(r["raised"] + len(r["missed"]) == r["of"] == 3 for r in rates)
    for r in rates:
        found = [e for e in (2.2, 2.6, 3.4) if e > r["value"]]
        assert r["raised"] == len(found)
        assert r["normals"] == [int(r["value"] < 2.2), 1] and r["anomalies"] == [int(r["value"] < 3.4), 1]
    low = client.get(address, params={"per_day": 1000}).json()
    assert low["value"] < 1.9 and low["more"] == 2  # two stretches of noted minutes without an event
    assert client.put(address, json={"per_day": 0.1}).json()["set_per_day"] == 0.1 and read_budget(out, "gate") == 0.1
    assert client.get(address).json()["now"] == rates[2]["value"]
    assert client.put(address, json={"per_day": None}).json()["set_per_day"] is None and read_budget(out, "gate") is None
    for wrong in (0, -1, 1e9, "x"):
        assert client.put(address, json={"per_day": wrong}).status_code == 422
    assert client.get("/api/v1/cameras/nobody/threshold").status_code == 404
    assert 'data-camera="gate"' in client.get("/threshold?camera=gate").text


def test_live_state_and_stills_come_from_the_folder(client: TestClient, out: Path) -> None:
    assert client.get("/api/v1/live").json()["cameras"] == []
    assert client.get("/api/v1/cameras/gate/still").status_code == 404
    (out / LIVE).mkdir()
    state = WatchState(time.time(), (CameraState("gate", "rtsp://host", "on", score=1.0, threshold=2.0),)).to_dict()
    state["cameras"][0]["history"] = [[1.0, 2.0]]
    (out / LIVE / "state.json").write_text(json.dumps(state))
    (out / LIVE / "gate.jpg").write_bytes(b"\xff\xd8")
    now = client.get("/api/v1/live").json()
    assert now["fresh"] and now["cameras"][0]["last_event"]["peak"] == 2.2
    assert client.get("/api/v1/cameras/gate/still").content == b"\xff\xd8"
    assert (out / LIVE / "wanted").exists()
    assert client.get("/api/v1/cameras/..%2fgate/still").status_code == 404


def test_news_is_what_changes_after_one_began_to_look(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from normalcy.web import live

    monkeypatch.setattr(live, "EVERY_S", 0.01)
    app = create_app(out)
    site = app.state.site

    class Asked:
        def __init__(self) -> None:
            self.app, self.asked = app, 0

        async def is_disconnected(self) -> bool:
            self.asked += 1
            if self.asked == 2:
                site.store.send(made_event(77, time.time(), camera="gate"))
                site.store.tell([Saying(site.store.events()[-1].record.id, "unsure")])
            return self.asked > 4

    async def read() -> list[str]:
        return [m async for m in _news(site, "events", Asked())]  # type: ignore[arg-type]

    messages = [json.loads(m.partition("data: ")[2]) for m in asyncio.run(read()) if "data: " in m]
    assert sorted((m["state"], m["peak"]) for m in messages) == [("new", 4.6), ("unsure", 3.4)]
    site.store.close()
