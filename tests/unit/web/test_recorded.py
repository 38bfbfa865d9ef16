"""Uploads, the queue, and results of score as the page shows them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from fakes import moving_square_video, write_video
from normalcy.web import jobs as jobs_module
from normalcy.web import recorded
from normalcy.web.app import create_app
from normalcy.web.jobs import Job, Jobs, new_id
from peers import wait_for

HERE = "http://127.0.0.1:8765"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that may be used, beside one that may not."""
    for name in ("videos", "private"):
        (tmp_path / name).mkdir()
        write_video(tmp_path / name / "a.mp4", moving_square_video(10, 48, 64), 25)
    (tmp_path / "videos" / "m").mkdir()
    for name in ("model.safetensors", "config.json"):
        (tmp_path / "videos" / "m" / name).write_text("{}")
    (tmp_path / "videos" / "link.mp4").symlink_to(tmp_path / "private" / "a.mp4")
    return tmp_path


@pytest.fixture
def client(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(Jobs, "start", lambda self: None)  # nothing is computed here
    with TestClient(create_app(home / "out", folders=[home / "videos"], most_upload=100_000), base_url=HERE) as c:
        yield c


def test_an_upload_is_kept_under_a_name_of_ours(client: TestClient, home: Path) -> None:
    name = "../../x\n<script>" + "ü" * 300 + ".MP4"
    sent = client.post("/api/v1/uploads", params={"name": name}, content=b"data").json()
    (kept,) = (home / "out" / "web" / "uploads").iterdir()
    assert sent["source"] == f"upload:{kept.name}" and kept.read_bytes() == b"data" and kept.name.endswith(".mp4")
    assert len(sent["name"]) <= 120 and sent["name"].isprintable() and "/" not in sent["name"]
    job = {"kind": "score", "sources": [sent["source"]], "model": str(home / "videos" / "m")}
    made = client.post("/api/v1/jobs", params={"name": name}, json=job)
    assert made.status_code == 201 and made.json()["name"] == sent["name"]
    id = made.json()["id"]
    assert client.delete(f"/api/v1/jobs/{id}").status_code == 409
    assert client.post(f"/api/v1/jobs/{id}/cancel").json()["state"] == "cancelled"
    assert client.delete(f"/api/v1/jobs/{id}").status_code == 204 and not kept.exists()


def test_a_name_is_shown_and_never_run(client: TestClient, home: Path) -> None:
    name = "<script>alert(1)</script>'.mp4"
    job = {"sources": [str(home / "videos" / "a.mp4")], "model": str(home / "videos" / "m")}
    assert client.post("/api/v1/jobs", params={"name": f"'{name}"}, json=job).status_code == 201
    html = client.get("/recorded").text
    assert "script>'" not in html and "<script>alert" not in html and "u003cscript" not in html.partition("data-jobs='")[0]


def test_what_is_no_video_or_too_large_is_refused_and_leaves_nothing(client: TestClient, home: Path) -> None:
    def send(name: str, content: object) -> int:
        return client.post("/api/v1/uploads", params={"name": name}, content=content).status_code  # type: ignore[arg-type]

    assert send("a.zip", b"PK") == 415 and send("mp4", b"x") == 415 and send("a.mp4", b"") == 415
    assert send("a.mp4", b"x" * 100_001) == 413

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"x" * 1000

    assert send("a.mp4", endless()) == 413  # says no length
    folder = home / "out" / "web" / "uploads"
    assert not folder.exists() or list(folder.iterdir()) == []


def test_only_files_of_the_folders_that_may_be_used_are_taken(client: TestClient, home: Path) -> None:
    model = str(home / "videos" / "m")

    def add(source: str, model: str = model) -> int:
        return client.post("/api/v1/jobs", json={"sources": [source], "model": model}).status_code

    assert add(str(home / "videos" / "a.mp4")) == 201
    for source in (
        str(home / "private" / "a.mp4"),
        str(home / "videos" / ".." / "private" / "a.mp4"),
        str(home / "videos" / "link.mp4"),
        str(home / "videos" / "none.mp4"),
        "upload:../../../private/a.mp4",
        "upload:none.mp4",
        "/etc/passwd",
        "videos/\0.mp4",
        "http://host/a.mp4",
        "@/etc/passwd",
    ):
        assert add(source) == 404, source
    assert add(str(home / "videos" / "a.mp4"), str(home / "private")) == 404
    listing = client.get("/api/v1/files").json()
    assert listing["models"] == [model] and str(home / "videos" / "a.mp4") in listing["videos"]


def test_a_model_is_never_trained_over_another(client: TestClient, home: Path) -> None:
    (home / "out" / "models" / "gate").mkdir(parents=True)
    job = {"kind": "train", "sources": [str(home / "videos")], "name": "gate", "preset": "tiny"}
    assert client.post("/api/v1/jobs", json=job).status_code == 409
    assert client.post("/api/v1/jobs", json={**job, "name": "../x"}).status_code == 422
    assert client.post("/api/v1/jobs", json={**job, "name": None}).status_code == 422
    assert client.post("/api/v1/jobs", json={**job, "name": "yard", "steps": 3}).status_code == 201


SLEEPER = """
import json, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
(folder / "progress.json").write_text(json.dumps({"stage": "score", "done": 1, "total": 2, "figures": {}}))
if job["name"] == "long": time.sleep(60)
if job["name"] == "bad": sys.stderr.write("normalcy: a.mp4: it is broken\\n"); sys.exit(1)
"""


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """A queue whose jobs are short programs."""
    real = jobs_module.subprocess.Popen
    monkeypatch.setattr(jobs_module.subprocess, "Popen", lambda argv, **how: real([argv[0], "-c", SLEEPER, *argv[3:]], **how))
    made = Jobs(tmp_path, tmp_path / "jobs")
    made.start()
    yield made
    made.close()


def job(name: str, created: float) -> Job:
    return Job(new_id(), "score", name, ("a.mp4",), "result", "m", created=created)


def state(queue: Jobs, id: str) -> str:
    found = queue.get(id)
    assert found is not None
    return found.state


def test_jobs_run_one_after_the_other_and_say_why_they_failed(queue: Jobs) -> None:
    bad, good = queue.add(job("bad", 1.0)), queue.add(job("good", 2.0))
    wait_for(lambda: state(queue, good.id) == "done", 60)
    failed = queue.get(bad.id)
    assert failed is not None and failed.state == "failed" and failed.error == "a.mp4: it is broken"
    assert [j.name for j in queue.all()] == ["good", "bad"]


def test_a_job_is_cancelled_while_it_runs_and_before(queue: Jobs) -> None:
    long, waits = queue.add(job("long", 1.0)), queue.add(job("good", 2.0))
    wait_for(lambda: (j := queue.get(long.id)) is not None and j.state == "running" and j.done == 1, 60)
    queue.cancel(waits.id)
    queue.cancel(long.id)
    begun = time.monotonic()
    last = queue.add(job("good", 3.0))
    wait_for(lambda: state(queue, last.id) == "done", 60)
    assert time.monotonic() - begun < 50
    assert state(queue, long.id) == state(queue, waits.id) == "cancelled"


def test_what_ran_when_the_server_ended_runs_again(queue: Jobs, tmp_path: Path) -> None:
    long = queue.add(job("long", 1.0))
    wait_for(lambda: state(queue, long.id) == "running", 60)
    other = Jobs(tmp_path, tmp_path / "jobs")
    other.start()  # one queue has one worker
    assert other._thread is None
    queue.close()
    assert state(queue, long.id) == "running"  # as a kill leaves it
    path = tmp_path / "jobs" / long.id / "job.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "name": "good"}))
    again = Jobs(tmp_path, tmp_path / "jobs")
    again.start()
    try:
        wait_for(lambda: state(again, long.id) == "done", 60)
    finally:
        again.close()


def test_an_upload_that_stops_is_given_up(client: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "IDLE_S", 0.2)
    held = threading.Event()

    async def stuck() -> object:
        import asyncio

        await asyncio.sleep(5)
        held.set()
        return {"type": "http.disconnect"}

    import asyncio

    async def call() -> int:
        said: list[dict[str, object]] = []

        async def send(message: dict[str, object]) -> None:
            said.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "root_path": "", "path": "/api/v1/uploads", "raw_path": b"/api/v1/uploads", "query_string": b"name=a.mp4",
            "headers": [(b"host", b"127.0.0.1:8765")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765),
        }  # fmt: skip
        await client.app(scope, stuck, send)  # type: ignore[arg-type]
        return int(said[0]["status"])  # type: ignore[call-overload]

    assert asyncio.run(call()) == 408 and not held.is_set()
    assert list((home / "out" / "web" / "uploads").iterdir()) == []


def test_results_of_score_are_listed_and_played(home: Path, client: TestClient) -> None:
    folder = home / "out" / "<b>day"
    folder.mkdir(parents=True)
    source = {"fps": 25.0, "path": str(home / "videos" / "a.mp4")}
    run = {"finished": True, "name": "<b>day", "frames": 10, "peak": 4.0, "threshold": 2.0, "source": source}
    (folder / "run.json").write_text(json.dumps(run))
    event = {"start_s": 0.1, "end_s": 0.2, "peak": 4.0, "readout": "velocity"}
    (folder / "events.json").write_text(json.dumps({"events": [event]}))
    rows = "".join(f"{i},{i / 25:.6f},{1 + (i == 4) * 3}\n" for i in range(10))
    (folder / "scores.csv").write_text("frame,time_s,score\n" + rows)
    html = client.get("/recorded").text
    assert "&lt;b&gt;day" in html and "<b>day" not in html
    key = html.partition('href="/recorded/')[2].partition('"')[0]
    page = client.get(f"/recorded/{key}").text
    assert "strong" in page and 'data-at="0.1"' in page and "<video" in page
    assert client.get(f"/api/v1/scored/{key}/video", headers={"range": "bytes=0-9"}).status_code == 206
    assert max(client.get(f"/api/v1/scored/{key}/scores").json()["scores"]) == 4.0
    (folder / "run.json").write_text(json.dumps({**run, "source": {"fps": 25.0, "path": str(home / "private" / "a.mp4")}}))
    assert client.get(f"/api/v1/scored/{key}/video").status_code == 404
    for broken in ("", "[]", json.dumps({"finished": False})):
        (folder / "run.json").write_text(broken)
        assert client.get(f"/recorded/{key}").status_code == 404
