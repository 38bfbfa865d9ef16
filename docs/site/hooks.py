"""Hooks of MkDocs: pages that live outside docs/ are part of the site, and links between the two kinds work in both places."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
"""File of the repository -> page of the site."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that live outside docs/."""
    for source, page in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_moved(text, Path(source), Path(page))))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of a page in docs/ that lead out of it lead to the page of the site instead."""
    if page.file.src_uri.startswith("project/"):
        return markdown
    return _moved(markdown, Path("docs") / page.file.src_uri, Path(page.file.src_uri))


def _moved(text: str, source: Path, page: Path) -> str:
    """Links of the file ``source`` as they are from ``page``; a link to a file that is no page becomes plain text."""

    def link(m: re.Match[str]) -> str:
        words, target, anchor = m.group(1), m.group(2), m.group(3) or ""
        at = Path(_normal((source.parent / target).as_posix()))
        if at.as_posix() in OUTSIDE:
            to = Path(OUTSIDE[at.as_posix()])
        elif at.as_posix() == "README.md":
            to = Path("index.md")
        elif at.parts[:1] == ("docs",):
            to = at.relative_to("docs")
        else:
            return words
        up = "../" * (len(page.parts) - 1)
        return f"[{words}]({up}{to.as_posix()}{anchor})"

    return re.sub(r"\[([^\]]+)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)", link, text)


def _normal(path: str) -> str:
    """a/../b -> b."""
    out: list[str] = []
    for part in path.split("/"):
        if part == ".." and out:
            out.pop()
        elif part not in ("", "."):
            out.append(part)
    return "/".join(out)
