"""The page as a person uses it: a headless browser over a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import normalcy
from browser import Watched, chromium
from fakes import moving_square_video, write_video
from made_events import Media, made_event
from normalcy.events.store import Store
from normalcy.web.app import create_app
from normalcy.web.server import Server
from peers import wait_for
from road import TINY, normal_videos, own_cache

pytestmark = pytest.mark.slow
N = 30


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as b:
        yield b


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    return Media(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model that went through every stage in six steps."""
    with own_cache(tmp_path_factory.mktemp("cache")):
        folder = tmp_path_factory.mktemp("model") / "m"
        normalcy.train(normal_videos(tmp_path_factory.mktemp("normal")), folder, preset="tiny", sets=TINY, device="cpu")
        yield folder


@pytest.fixture
def out(tmp_path: Path, media: Media) -> Path:
    store = Store(tmp_path / "out")
    for i in range(N):
        store.send(media.give(tmp_path / "out", made_event(i)))
    store.close()
    return tmp_path / "out"


@pytest.fixture
def server(out: Path) -> Iterator[Server]:
    s = Server(create_app(out, folders=[out.parent / "videos"]), port=0)
    s.start()
    yield s
    s.close()


def states(out: Path) -> dict[str, str]:
    store = Store(out)
    try:
        return {e.record.id: e.state for e in store.events()}
    finally:
        store.close()


def soon(condition: Callable[[], Any]) -> None:
    wait_for(condition, 60.0)


def test_a_morning_at_the_page(browser: Any, server: Server, out: Path, media: Media) -> None:
    seen = Watched(browser, server.url)
    page = seen.open("/")
    page.wait_for_selector(".card")
    soon(lambda: page.locator(".meta time").first.inner_text() == "13:00:00")  # Berlin, not UTC
    first, second = (page.locator(".card").nth(i).get_attribute("data-id") for i in (0, 1))

    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    video = page.locator(f'[data-id="{first}"] video')
    video.wait_for()
    soon(lambda: video.evaluate("v => v.currentTime > 0.2"))
    strip = page.locator(f'[data-id="{first}"] .strip')
    box = strip.bounding_box()
    strip.click(position={"x": box["width"] * 0.75, "y": 10})
    soon(lambda: abs(video.evaluate("v => v.currentTime") - 6.0) < 1.9)
    assert float(strip.locator(".now").get_attribute("x1")) > 500

    page.keyboard.press("Escape")
    assert video.count() == 0
    page.keyboard.press("n")
    soon(lambda: states(out)[first] == "normal")
    soon(lambda: page.locator(".card.current").get_attribute("data-id") == second)  # goes on by itself
    page.keyboard.press("a")
    soon(lambda: states(out)[second] == "anomaly")
    assert page.locator("#waiting").inner_text() == str(N - 2)
    page.keyboard.press("z")
    soon(lambda: states(out)[second] == "new")
    soon(lambda: page.locator("#waiting").inner_text() == str(N - 1))

    page.keyboard.press("x")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    assert page.locator("#selected").inner_text() == "2"
    page.keyboard.press("r")
    soon(lambda: sum(s == "reviewed" for s in states(out).values()) == 2)

    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("?")

    store = Store(out)
    store.send(media.give(out, made_event(999, time.time())))
    page.evaluate("scrollTo(0, 0)")
    soon(
        lambda: (
            page.locator(f'[data-id="{made_id(store)}"]').count() == 1
            or (page.locator("#arrived").is_visible() and click(page))
        )
    )
    store.close()

    page.select_option("select[name=camera]", "yard")
    page.wait_for_url("**camera=yard**")
    assert set(page.locator(".card .meta span:nth-of-type(1)").all_inner_texts()) == {"yard"}
    page.goto(server.url + "?state=")
    page.locator(".more").scroll_into_view_if_needed()
    soon(lambda: page.locator(".card").count() == N + 1)  # older ones came when the end was in sight
    page.locator(".card h3 a").first.click()
    page.wait_for_selector("#why")
    assert seen.wrong == []


def made_id(store: Store) -> str:
    """The newest event's id."""
    return store.events(limit=1)[0].record.id


def click(page: Any) -> bool:
    with suppress(Exception):
        page.locator("#arrived").click(timeout=1000)
    return False


def test_two_people_mark_one_event(browser: Any, server: Server, out: Path) -> None:
    one_page, other = Watched(browser, server.url), Watched(browser, server.url)
    a, b = one_page.open("/?state="), other.open("/?state=")
    a.wait_for_selector(".card")
    b.wait_for_selector(".card")
    id = a.locator(".card").first.get_attribute("data-id")
    a.locator(".card [data-mark=anomaly]").first.click()
    soon(lambda: states(out)[id] == "anomaly")
    soon(lambda: b.locator(".card").first.get_attribute("data-state") == "anomaly")  # the other page learns of it
    b.evaluate("document.querySelector('.card').dataset.version = 0")  # as if that had not come yet
    b.locator(".card [data-mark=normal]").first.click()
    b.wait_for_selector(".toast.bad")
    assert states(out)[id] == "anomaly" and one_page.wrong == []


def test_every_page_fits_a_phone_and_asks_nobody_else(browser: Any, server: Server, out: Path) -> None:
    seen = Watched(browser, server.url, (390, 844), has_touch=True, is_mobile=True)
    for path in ("/", "/?state=", "/live", "/recorded", "/threshold", "/learned", "/nothing"):
        page = seen.open(path)
        page.wait_for_selector("main")
        assert seen.fits(), path
    page = seen.open("/")
    page.wait_for_selector(".card")
    page.locator(".marks [data-mark=normal]").first.tap()
    soon(lambda: "normal" in states(out).values())
    assert [w for w in seen.wrong if "404" not in w] == []


def test_a_video_is_sent_scored_and_looked_at(browser: Any, out: Path, model_dir: Path, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)> Überwachung \u65e5\u672c.mp4"
    film = write_video(tmp_path / hostile, moving_square_video(60, 64, 96), 25)
    server = Server(create_app(out, folders=[model_dir.parent]), port=0)
    server.start()
    try:
        seen = Watched(browser, server.url)
        page = seen.open("/recorded")
        page.set_input_files("#file", str(film))
        page.click("#go")
        page.wait_for_selector(".job")
        soon_long(lambda: page.locator(".job .tag").inner_text() in ("done", "failed"))
        assert page.locator(".job .tag").inner_text() == "done", page.locator(".job .wrong").inner_text()
        assert page.locator(".job h3").inner_text() == hostile
        page.click(".job .open")
        page.wait_for_selector(".film video")
        soon(lambda: page.locator(".film video").evaluate("v => v.readyState") >= 1)
        assert seen.wrong == []
    finally:
        server.close()


def soon_long(condition: Callable[[], Any]) -> None:
    wait_for(condition, 300.0)


def test_a_login_by_the_form(browser: Any, out: Path) -> None:
    server = Server(create_app(out, token="correct horse battery"), port=0)
    server.start()
    try:
        seen = Watched(browser, server.url)
        page = seen.open("/live")
        page.fill("[name=token]", "correct horse battery")
        page.keyboard.press("Enter")
        page.wait_for_url("**/live")
        page.click("text=Log out")
        page.wait_for_url("**/login")
        assert seen.wrong == []
    finally:
        server.close()
