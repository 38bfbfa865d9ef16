"""The benchmarks that can be read, and the check of a copy: what ``normalcy datasets`` shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from normalcy.data.check import CheckReport
    from normalcy.types import Progress


def list_datasets() -> list[dict[str, Any]]:
    """One mapping per benchmark, in plain JSON types: name, title, labels (label sets, the default first), official counts,
    where it is to be had, terms and citation."""
    from normalcy.data.catalogue import list_datasets as entries

    out = []
    for e in entries():
        o = e.official
        out.append(
            {
                "name": e.name,
                "title": e.title,
                "labels": list(e.label_sources),
                "official": {
                    "train_videos": o.train_videos,
                    "train_frames": o.train_frames,
                    "test_videos": o.test_videos,
                    "test_frames": o.test_frames,
                    "scenes": o.scenes,
                    "abnormal_test_frames": dict(o.abnormal or {}),
                },
                "where": e.where,
                "terms": e.terms,
                "cite": e.cite,
            }
        )
    return out


def check_dataset(
    name: str, root: str | Path, *, labels: str | None = None, masks: bool = True, progress: Progress | None = None
) -> CheckReport:
    """Look at a copy of a benchmark: what is there and missing, counts against the official ones, label lengths against true
    frame counts, one-class videos. ``report.ok`` says whether results on it would be right; ``report.lines()`` is the text.

    labels: label set where there are several (Avenue: masks or hasan). masks: also read pixel masks and tracks.

    Raises UsageError for an unknown name or label set, DataError where there is no such folder or a list cannot be read.
    """
    from normalcy.data.check import check

    return check(name, root, progress, labels=labels, masks=masks)
