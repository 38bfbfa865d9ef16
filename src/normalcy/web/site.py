"""What all pages work on: the output folder, its event store, and where files may be taken from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from starlette.requests import HTTPConnection

from normalcy.events.store import Store
from normalcy.web.jobs import Jobs

WEB = "web"
"""Folder inside the output folder for what the page keeps for itself: sessions, uploads, jobs."""


@dataclass(frozen=True, slots=True)
class Site:
    """One page over one output folder."""

    out: Path
    store: Store
    jobs: Jobs
    folders: tuple[Path, ...] = ()
    """Folders that videos and models may be taken from, besides the output folder."""
    most_upload: int = 8 * 10**9
    """Bytes of an upload, at most."""

    @property
    def own(self) -> Path:
        """The page's own folder."""
        return self.out / WEB

    def inside(self, name: str | None) -> Path | None:
        """A file of the output folder by its relative name; None where there is none, or where it lies outside."""
        if not name or "\0" in name:
            return None
        root = self.out.resolve()
        try:
            path = (root / name).resolve()
            return path if path.is_relative_to(root) and path.is_file() else None
        except (OSError, ValueError):
            return None


def site_of(request: HTTPConnection) -> Site:
    """The site that a request is for."""
    site: Site = request.app.state.site
    return site
