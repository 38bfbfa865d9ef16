"""Marks on the page teach, "Why" shows normal moments, and "What I learned" lists lessons and takes them back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from fakes import write_video
from normalcy.api.live import CameraCard, write_card
from normalcy.events.record import EventRecord
from normalcy.events.store import Store
from normalcy.scoring.lesson_files import lesson_ids
from normalcy.web import teach
from normalcy.web.app import create_app
from teach_made import odd, save_model

HERE = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("web") / "model")


@pytest.fixture
def client(trained: Path, tmp_path: Path) -> Iterator[TestClient]:
    """A page over a watch with one anomaly that has a clip, and one camera."""
    out = tmp_path / "watch"
    (out / "media").mkdir(parents=True)
    write_video(out / "media" / "a.mp4", odd(), 25.0)
    store, now = Store(out), time.time()
    at = now - 9
    store.send(EventRecord("a", "gate", 1, "end", "anomaly", "alert", now, at, at + 4, 2.0, at + 1, 1.2, clip="media/a.mp4"))
    store.close()
    write_card(out, CameraCard("gate", "file", str(trained), "", "frame", None, "", {}, []))
    with TestClient(create_app(out), base_url=HERE) as c:
        csrf = re.search(r'name="csrf" content="([^"]+)"', c.get("/").text)
        assert csrf is not None
        c.headers["x-csrf-token"] = csrf[1]
        yield c


def settled() -> None:
    """Lessons are learned in the background."""
    teach._worker.submit(lambda: None).result(60)


def test_normal_teaches_and_taking_it_back_is_one_click(client: TestClient, trained: Path) -> None:
    answer = client.post("/api/v1/events/a/mark", json={"verdict": "normal"}).json()
    settled()
    assert len(lesson_ids(trained)) == 1, answer
    html = client.get("/learned?camera=gate").text
    assert "Take back" in html and 'href="/events/a"' in html
    (lesson,) = lesson_ids(trained)
    assert client.post("/learned/forget", data={"camera": "gate", "lesson": lesson}, follow_redirects=False).status_code == 303
    assert lesson_ids(trained) == []
    assert client.post("/learned/forget", data={"camera": "gate", "lesson": "../config"}).status_code == 404
    assert client.post("/learned/forget", data={"camera": "x", "lesson": lesson}).status_code == 404
    client.post("/api/v1/events/a/mark", json={"verdict": "anomaly"})
    settled()
    assert lesson_ids(trained) == []


def test_why_is_found_by_a_look_at_the_clip_and_then_at_once(client: TestClient) -> None:
    first = client.get("/events/a").text
    assert 'hx-get="/events/a/why"' in first and 'class="why"' not in first
    piece = client.get("/events/a/why").text
    assert 'class="why"' in piece and "data:image/jpeg" in piece and "style=" not in piece
    assert 'class="why"' in client.get("/events/a").text
    client.post("/api/v1/events/a/mark", json={"verdict": "normal"})
    settled()
    assert 'class="why"' in client.get("/events/a").text  # an event is explained as if it had taught nothing
    client.post("/api/v1/events/a/mark", json={"verdict": "none"})
    settled()
    assert client.get("/events/b/why").status_code == 404
    assert "--c-alarm: var(--red)" in client.get("/pieces.css").text


def test_what_was_learned_is_shown_by_camera(client: TestClient) -> None:
    html = client.get("/learned").text
    assert 'class="learned"' in html and "gate" in html and "style=" not in html
    assert client.get("/learned?camera=nobody").status_code == 404
