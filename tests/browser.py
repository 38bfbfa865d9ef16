"""A headless Chromium for tests of the page: Debian's, driven by Playwright. Tests are skipped where either is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-domain-reliability",
    "--disable-features=MediaRouter,OptimizationHints,Translate",
    "--no-first-run",
    "--no-default-browser-check",
    "--metrics-recording-only",
)
PATIENCE_MS = 60_000


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser. Skips the test, with the reason, where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    with api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=program, args=list(FLAGS), timeout=3 * PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page of a browser, with everything that went wrong on it."""

    def __init__(self, browser: Any, base: str, size: tuple[int, int] = (1440, 900), **how: Any) -> None:
        """base: address of the server, which is the only one that may be asked."""
        w, h = size
        self.base = base.rstrip("/")
        self.context = browser.new_context(viewport={"width": w, "height": h}, timezone_id="Europe/Berlin", **how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.wrong.append(f"asked {request.url}")

    def open(self, path: str) -> Any:
        """The page at a path, once its script has run."""
        self.page.goto(self.base + path)
        return self.page

    def fits(self) -> bool:
        """Whether nothing is wider than the window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
