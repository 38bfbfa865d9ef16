from __future__ import annotations

import base64
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from normalcy.errors import OutputError
from normalcy.metrics.table import ResultRow
from normalcy.report.curves import Roc, SizeBin, Trace
from normalcy.report.page import EventPicture, ReportData, StripFrame, VideoReport, render_page, write_page
from normalcy.report.summary import Span, summarise
from normalcy.types import Event, VideoScores

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = '<script>alert("x")</script>&\'"$\\frac{1}{'


class Page(HTMLParser):
    """Collects what the tests ask about and checks that every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({k for k, _ in attrs}) == len(attrs), f"doubled attribute in {tag} {attrs}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.tags if t == tag]


def scores_of(name: str, n: int = 120) -> VideoScores:
    score = 4 * np.exp(-(((np.arange(n) - n / 2) / 9) ** 2))
    return VideoScores(name, np.arange(n) / 25, score, {"density": score, "motion": score / 2})


def video_of(name: str, truth: bool = True) -> VideoReport:
    scores = scores_of(name)
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    labels = np.zeros(120, np.uint8)
    labels[50:70] = 1
    mask = np.zeros((48, 64), bool)
    mask[10:20, 10:20] = True
    strip = [
        StripFrame(k / 25, 1.0, image, np.ones((6, 8), np.float32), mask if truth else None, k > 50 if truth else None)
        for k in (3, 60)
    ]
    event = Event(52, 68, 60, 2.08, 2.72, 2.4, 4.0, (10.0, 10.0, 20.0, 20.0), "density")
    return VideoReport(
        scores,
        [
            EventPicture(event, "looks odd", image),
            EventPicture(replace(event, region=None, readout=HOSTILE, start_frame=0, end_frame=0), HOSTILE),
        ],
        labels if truth else None,
        {f"random {name}": np.random.default_rng(1).random(120)} if truth else None,
        strip,
        0.93 if truth else None,
        note=name,
    )


def row(name: str, protocol: str, peeked: str | None = None, **values: float) -> ResultRow:
    keys = {"micro": "micro_auc", "padded": "macro_auc_padded", "defined": "macro_auc_defined", "ap": "average_precision"}
    return ResultRow(name, protocol, peeked, {keys.get(k, k): v for k, v in values.items()})


def full(name: str = "cam 1") -> ReportData:
    step = np.arange(0.0, 100.0)
    return ReportData(
        title=f"Report {name}",
        videos=[video_of(name), video_of(name + " b")],
        threshold=2.0,
        results=[
            row(name, "train", micro=0.871, padded=0.88, defined=0.86, eer=0.21, ap=0.84),
            row("motion", f"per_video {name}", "the whole video", micro=0.71, padded=0.7, ap=0.5),
        ],
        rocs=[Roc(name, np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.9, 1.0]), 0.87, True)],
        sizes=[SizeBin("< 0.5 %", 12, {name: 0.4, "motion": None}), SizeBin("> 8 %", 0, {name: None, "motion": 0.7})],
        losses=[Trace(name, step, np.exp(-step / 30))],
        accuracies=[Trace(name, step, 1 - np.exp(-step / 30), 0.5)],
        details=[("Settings", [("clip.length", "5"), (name, name)])],
        notes=[name],
    )


def bare() -> ReportData:
    return ReportData(title="Scores", videos=[VideoReport(scores_of("one", 1))])


@cache
def rendered(key: str) -> str:
    return render_page(PAGES[key])


PAGES = {
    "full": full(),
    "hostile": full(HOSTILE),
    "no labels": ReportData("x", [video_of("v", truth=False)], 2.0),
    "bare": bare(),
}


@pytest.fixture(scope="module", params=PAGES)
def html(request: pytest.FixtureRequest) -> str:
    return rendered(request.param)


def test_valid_and_accessible(html: str) -> None:
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("title")) == 1
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    assert all(a.get("alt") for a in page.all("img"))
    assert all(a.get("aria-label") for a in page.all("svg"))
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))
    for a in page.all("section"):
        assert a.get("aria-label") or a["aria-labelledby"] in ids
    assert "{{" not in html and "{%" not in html and "None" not in "".join(page.text)


def test_nothing_is_fetched_and_nothing_runs(html: str) -> None:
    page = Page(html)
    assert not [t for t, _ in page.tags if t in ("script", "iframe", "link", "object", "embed", "base", "form")]
    ids = {a["id"] for _, a in page.tags if a.get("id")}
    for tag, attrs in page.tags:
        for key, value in attrs.items():
            assert not key.startswith("on"), f"{tag} {key}"
            if key in ("src", "href", "xlink:href", "action", "poster", "data", "srcset"):
                assert value is not None
                assert value.startswith("data:image/jpeg;base64,") or value[1:] in ids, f"{tag} {key}={value[:60]}"
            for target in re.findall(r"url\(([^)]*)\)", value or ""):
                assert target.startswith("#") and target[1:] in ids
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style and "@import" not in style
    assert "default-src 'none'" in html


def test_hostile_names_are_text() -> None:
    html = rendered("hostile")
    assert "<script" not in html.lower()
    assert HOSTILE in "".join(Page(html).text)
    shown = [a["alt"] for a in Page(html).all("img")]
    assert any(HOSTILE in (alt or "") for alt in shown)


def test_every_picture_decodes() -> None:
    pictures = [a["src"] for a in Page(rendered("full")).all("img")]
    assert len(pictures) == 2 * (2 * 3 + 2)  # two videos: two columns of frame, mask and map; a thumbnail and a close-up
    for src in pictures:
        image = cv2.imdecode(np.frombuffer(base64.b64decode((src or "").split(",")[1]), np.uint8), cv2.IMREAD_COLOR)
        assert image.shape[1] >= 300


def test_table_says_what_it_was_given() -> None:
    html = rendered("full")
    row = re.search(r'<tr class="ours">.*?</tr>', html, re.S)
    assert row is not None
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", row[0])
    assert cells == ["87.1", "86.0", "88.0", "21.0", "84.0", "train"]  # macro: defined before padded, as in the head
    other = re.findall(r"<td[^>]*>([^<]*)</td>", html[html.index(">motion</th>") :])[:6]
    assert other == ["71.0", "–", "70.0", "–", "50.0", "per_video cam 1 (peeked)"]


def test_without_labels_the_page_claims_nothing_about_them() -> None:
    text = "".join(Page(rendered("no labels")).text)
    assert "no labels here" in text
    for word in ("AUC", "true anomal", "Baseline", "coin"):
        assert word not in text, word
    assert "Training" not in text and 'class="tag' not in rendered("no labels")


def test_protocols_that_peek_are_called_out() -> None:
    assert "cannot run live" in rendered("full")
    assert "cannot run live" not in render_page(replace(full(), results=[full().results[0]], videos=[]))


def test_same_input_same_page() -> None:
    data = PAGES["no labels"]
    assert render_page(data) == render_page(data)


def test_written_whole(tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", replace(bare(), title="caf\u00e9 \udcff"))
    assert "café ?" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(OutputError, match=r"nowhere.*report\.html"):
        write_page(tmp_path / "nowhere" / "report.html", bare())


def span(events: list[tuple[int, int]], truth: list[tuple[int, int]] | None) -> Span:
    scores = scores_of("cam", 100)
    labels = None
    if truth is not None:
        labels = np.zeros(100, np.uint8)
        for a, b in truth:
            labels[a : b + 1] = 1
    made = [Event(a, b, a, a / 25, b / 25, a / 25, 5.0 + a, None, "density") for a, b in events]
    return Span(scores, made, labels)


def test_summary_counts_hits_and_misses() -> None:
    text = summarise([span([(5, 8), (12, 14), (20, 30)], [(28, 40), (60, 70)])], [], 2.0)
    assert "3 events: 1 on a true anomaly, 2 false; 1 of 2 true anomalies" in text
    assert "although there is 1 true anomaly" in summarise([span([], [(1, 2)])], [], 2.0)
    assert "strongest in cam at 0.8 s" in summarise([span([(5, 8), (20, 30)], None)], [], 2.0)
    assert "never crossed" in summarise([span([], None)], [], 2.0)
    assert "no threshold" in summarise([span([], None)], [], None)


@pytest.mark.parametrize(("baseline", "word"), [(0.6, "only 60"), (0.8, "also 80"), (0.95, "even 95")])
def test_summary_does_not_flatter(baseline: float, word: str) -> None:
    rows = [row("ours", "train", micro=0.8), row("readout x", "train", micro=0.99)]
    rows += [row("weak", "train", micro=0.5), row("motion", "train", micro=baseline)]
    text = summarise([span([], None)], rows, None, own=2)
    assert "80 times in 100" in text and f"motion, reached {word}" in text
