"""The list and the page of an event, as a browser without scripts gets them; the JSON behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from made_events import NOON, Media, fill
from normalcy.web.app import create_app

HERE = "http://127.0.0.1:8765"
N = 60


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    fill(folder, N)
    fill(folder, 3, media=Media(tmp_path_factory.mktemp("media")), change=2)
    return folder


@pytest.fixture
def client(out: Path) -> Iterator[TestClient]:
    with TestClient(create_app(out), base_url=HERE) as c:
        csrf = re.search(r'name="csrf" content="([^"]+)"', c.get("/").text)
        assert csrf is not None
        c.headers["x-csrf-token"] = csrf[1]
        yield c


def ids(html: str) -> list[str]:
    return re.findall(r'<article class="card [^"]*" id="e-([^"]+)"', html)


def test_the_list_comes_in_windows_newest_first_without_a_gap(client: TestClient) -> None:
    seen, address = [], "/?state="
    while address:
        html = client.get(address).text
        seen += ids(html)
        more = re.search(r'hx-get="(/\?[^"]*after=[^"]*)"', html)
        address = more[1].replace("&amp;", "&") if more else ""
    assert len(seen) == N == len(set(seen))
    assert seen == sorted(seen, key=lambda i: -float(i.partition("-")[0]))


def test_filters_choose_by_camera_strength_reason_zone_state_and_day(client: TestClient) -> None:
    def found(**query: str) -> list[dict[str, object]]:
        listed = client.get("/api/v1/events", params={"limit": "200", **query}).json()["events"]
        html = client.get("/", params={"state": "", **query}).text
        assert ids(html) == [e["id"] for e in listed[:24]]
        return listed

    assert {e["camera"] for e in found(camera="gate")} == {"gate"}
    assert {e["reason"] for e in found(reason="motion")} == {"motion"}
    assert all("door" in e["zones"] for e in found(zone="door")) and len(found(zone="door")) == N // 4
    strong = found(least="0.8")
    assert 0 < len(strong) < N and all(e["strength"] >= 0.8 for e in strong)  # type: ignore[operator]
    day = client.get("/", params={"state": "", "day": "2026-11-25"}).text
    assert "Wednesday, 25 November 2026" in day and "Thursday" not in day
    assert client.get("/", params={"day": "2026-02-31"}).status_code == 422


def test_days_of_the_calendar_are_those_of_the_viewer(client: TestClient) -> None:
    def days(zone: str) -> list[int]:
        return client.get("/api/v1/days", params={"month": "2026-11", "zone": zone}).json()["days"]

    assert days("UTC")[23:26] == [60 - 13 - 24, 24, 13] and sum(days("UTC")) == N
    assert days("Pacific/Kiritimati")[24:27] == [24, 24, 3]  # 14 hours ahead
    client.cookies.set("normalcy_zone", "Pacific%2FKiritimati")
    assert "Friday, 27 November 2026" in client.get("/?state=").text
    client.cookies.set("normalcy_zone", "../../etc/passwd")
    assert "Thursday, 26 November 2026" in client.get("/?state=").text


def test_an_event_has_a_page_a_clip_in_ranges_and_pictures(client: TestClient) -> None:
    e = client.get("/api/v1/events").json()["events"][0]
    html = client.get(f"/events/{e['id']}").text
    assert "Something moves as nothing usually does there" in html and 'id="why"' in html and "Thursday, 26 November" in html
    whole = client.get(f"/api/v1/events/{e['id']}/clip")
    assert whole.headers["content-type"] == "video/mp4" and whole.content[4:8] == b"ftyp"
    part = client.get(f"/api/v1/events/{e['id']}/clip", headers={"range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == whole.content[100:200]
    assert client.get(f"/api/v1/events/{e['id']}/clip", headers={"range": "bytes=99999999-"}).status_code == 416
    assert client.get(f"/api/v1/events/{e['id']}/snapshot").content[:2] == b"\xff\xd8"
    assert client.get(f"/api/v1/events/{e['id']}/thumb").content[:2] == b"\xff\xd8"
    scores = client.get(f"/api/v1/events/{e['id']}/scores").json()
    assert scores["begin"] == NOON - 2.5 and max(scores["scores"]) > scores["threshold"] == 2.0
    assert client.get("/events/nobody").status_code == 404 and "Not found" in client.get("/events/nobody").text


def test_marks_are_written_taken_back_and_never_overwritten_unawares(client: TestClient) -> None:
    a, b = (e["id"] for e in client.get("/api/v1/events").json()["events"][:2])
    said = client.post(f"/api/v1/events/{a}/mark", json={"verdict": "normal", "seen": 0}).json()["events"][0]
    assert (said["state"], said["version"]) == ("normal", 1)
    late = client.post(f"/api/v1/events/{a}/mark", json={"verdict": "anomaly", "seen": 0})
    assert late.status_code == 409 and "normal" in late.json()["error"]
    both = {"marks": [{"id": b, "verdict": "anomaly"}, {"id": a, "verdict": "anomaly", "seen": 0}]}
    assert client.post("/api/v1/marks", json=both).status_code == 409
    assert client.get(f"/api/v1/events/{b}").json()["state"] == "new"  # all or nothing
    assert a not in ids(client.get("/").text) and a in ids(client.get("/?state=normal").text)
    undone = client.post(f"/api/v1/events/{a}/mark", json={"verdict": "none", "reviewed": False}).json()["events"][0]
    assert (undone["state"], undone["verdict"]) == ("new", None)
    assert client.post("/api/v1/events/nobody/mark", json={"verdict": "normal"}).status_code == 404


def test_what_a_camera_says_is_shown_and_never_run(tmp_path: Path) -> None:
    fill(tmp_path, 1, text="gate: <script>alert(1)</script>", zones=('"><img src=x>',), kind="light", readout=None, peak=None)
    with TestClient(create_app(tmp_path), base_url=HERE) as client:
        html = client.get("/?state=").text
    assert "<script>alert" not in html and "<img src=x>" not in html and "&lt;script&gt;" in html
