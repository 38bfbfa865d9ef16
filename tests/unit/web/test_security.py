"""Who may look, who may change things, and what no answer may leave out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from made_events import fill
from normalcy.errors import UsageError
from normalcy.web import guard as guard_module
from normalcy.web.app import create_app
from normalcy.web.guard import Guard, set_password

HERE, TOKEN = "http://127.0.0.1:8765", "correct horse battery"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    fill(tmp_path, 2)
    return tmp_path


def client_of(out: Path, **how: object) -> TestClient:
    return TestClient(create_app(out, **how), base_url=HERE, follow_redirects=False)  # type: ignore[arg-type]


def test_others_are_let_in_only_by_token(out: Path) -> None:
    with pytest.raises(UsageError, match="--token"):
        create_app(out, host="0.0.0.0")
    with pytest.raises(UsageError, match="at least 8"):
        create_app(out, token="short")
    client = client_of(out, host="0.0.0.0", token=TOKEN)
    assert client.get("/live").headers["location"] == "/login?next=/live"
    answer = client.get("/api/v1/events")
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/api/v1/openapi.json").status_code == 401
    assert client.get("/api/v1/events", headers={"authorization": "Bearer wrong token"}).status_code == 401
    assert client.get("/api/v1/events", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/static/page.css").status_code == 200


def test_a_login_is_a_session_that_survives_a_restart_and_ends_on_logout(out: Path) -> None:
    client = client_of(out, token=TOKEN)
    form = client.get("/login?next=//evil.example/x")
    csrf = re.search(r'name="csrf" value="([^"]+)"', form.text)[1]  # type: ignore[index]
    assert 'value="/"' in form.text  # not the stranger's address
    assert client.post("/login", data={"token": TOKEN, "csrf": "other"}).status_code == 403
    assert client.post("/login", data={"token": "not the token", "csrf": csrf}).status_code == 401
    done = client.post("/login", data={"token": TOKEN, "csrf": csrf, "next": "/live"})
    assert (done.status_code, done.headers["location"]) == (303, "/live")
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and TOKEN not in cookie
    assert client.get("/").status_code == 200

    again = client_of(out, token=TOKEN)
    again.cookies = client.cookies
    page = again.get("/")
    assert page.status_code == 200
    changed = client_of(out, token="another token altogether")
    changed.cookies = client.cookies
    assert changed.get("/").status_code == 303

    csrf = re.search(r'name="csrf" content="([^"]+)"', page.text)[1]  # type: ignore[index]
    stolen = dict(again.cookies)
    assert again.post("/logout", data={"csrf": "other"}).status_code == 403
    assert again.post("/logout", data={"csrf": csrf}).status_code == 303
    again.cookies.update(stolen)
    assert again.get("/").status_code == 303
    kept = b"".join(p.read_bytes() for p in (out / "web").iterdir() if p.is_file())
    assert TOKEN.encode() not in kept and stolen["normalcy_session"].encode() not in kept
    assert (out / "web").stat().st_mode & 0o077 == 0


def test_a_token_in_an_address_becomes_a_cookie_and_is_gone(out: Path) -> None:
    client = client_of(out, token=TOKEN)
    answer = client.get("/", params={"token": TOKEN, "state": "normal"})
    assert answer.status_code == 303 and answer.headers["location"] == "/?state=normal"
    assert answer.headers["referrer-policy"] == "same-origin" and "normalcy_session" in answer.headers["set-cookie"]
    assert client.get("/?state=normal").status_code == 200
    assert client_of(out, token=TOKEN).get("/", params={"token": "wrong token"}).status_code == 401


def test_guessing_is_limited(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(out, token=TOKEN)
    for _ in range(guard_module.TRIES):
        assert client.get("/api/v1/events", headers={"authorization": "Bearer not the token"}).status_code == 401
    limited = client.get("/api/v1/events", headers={"authorization": f"Bearer {TOKEN}"})
    assert limited.status_code == 429 and 0 < int(limited.headers["retry-after"]) <= 61
    monkeypatch.setattr(guard_module, "WINDOW_S", 0.0)
    assert client.get("/api/v1/events", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_password_is_kept_as_a_hash(tmp_path: Path) -> None:
    set_password(tmp_path / "web", "a long password")
    assert "a long password" not in (tmp_path / "web" / "password").read_text()
    guard = Guard(tmp_path / "web", None)
    assert guard.asks and guard.right("a long password") and not guard.right("a long passworD")
    (tmp_path / "web" / "password").write_text("not a hash")
    assert not Guard(tmp_path / "web", None).right("a long password")


def test_another_site_can_change_nothing_and_another_name_shows_nothing(out: Path) -> None:
    client = client_of(out)
    html = client.get("/?state=").text
    id, csrf = re.search(r'id="e-([^"]+)"', html)[1], re.search(r'name="csrf" content="([^"]+)"', html)[1]  # type: ignore[index]
    path, body = f"/api/v1/events/{id}/mark", {"verdict": "normal"}
    for headers in (
        {},  # with the cookie, and without what only the page knows
        {"x-csrf-token": "0" * 64},
        {"x-csrf-token": csrf, "origin": "http://evil.example"},
        {"x-csrf-token": csrf, "origin": "null"},
        {"x-csrf-token": csrf, "sec-fetch-site": "cross-site"},
    ):
        assert client.post(path, json=body, headers=headers).status_code == 403
    assert client.post(path, json=body, headers={"x-csrf-token": csrf, "origin": HERE}).status_code == 200
    stranger = client_of(out)
    assert stranger.post(path, json=body, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert stranger.post(path, json=body).status_code == 200  # a program on this machine
    assert client.get("/", headers={"host": "evil.example:8765"}).status_code == 403
    assert client.get("/", headers={"host": "localhost:8765"}).status_code == 200


def test_every_answer_says_what_a_page_may_load(out: Path) -> None:
    client = client_of(out)
    for path in ("/", "/nothing", "/api/v1/events", "/static/base.js", "/api/v1/events/x/clip"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"] and "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    for path in ("/", "/live", "/recorded", "/threshold", "/learned", "/login"):
        html = client.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son[a-z]+=|\sstyle=|https?://", html), path


@pytest.mark.parametrize(
    "path",
    [
        "/static/../guard.py",
        "/static/%2e%2e/guard.py",
        "/static/..%2f..%2fguard.py",
        "/static//etc/passwd",
        "/static/%00",
        "/%00",
    ],
)
def test_no_path_leads_out(out: Path, path: str) -> None:
    assert client_of(out).get(path).status_code == 404


def test_a_record_that_names_a_file_elsewhere_shows_none(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    out = tmp_path / "out"
    out.mkdir()
    (out / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    for i, name in enumerate(("../secret.mp4", str(tmp_path / "secret.mp4"), "link.mp4", "a\0b", ".")):
        (r,) = fill(out, 1, start=1000.0 + i, clip=name, snapshot=name)
        client = client_of(out)
        for what in ("clip", "snapshot", "thumb"):
            assert client.get(f"/api/v1/events/{r.id}/{what}").status_code == 404
        assert client.get("/?state=").status_code == 200
