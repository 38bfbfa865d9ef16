"""Results as one page, an event explained, what was learned: from what a tiny training and a scored video left."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import normalcy
from normalcy.api.explain import Explainer, explain_event, rare
from normalcy.api.learned import learned
from normalcy.errors import DataError
from normalcy.events.record import EventRecord
from normalcy.report.learned import learned_html
from normalcy.report.why import Why, why_html
from normalcy.scoring.exemplars import FILE, Exemplars
from normalcy.scoring.threshold import Threshold

LOW = ("alarm.budget_per_hour=3600",)


@pytest.fixture(scope="module")
def scores(model_dir: Path, odd: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scores")
    normalcy.score(odd, model_dir, out, maps=True, sets=LOW, device="cpu")
    return out


def outside(page: str) -> list[str]:
    """Addresses that a browser would fetch."""
    return [u for u in re.findall(r"""(?:src|href)=["']([^"']*)""", page) if not u.startswith(("data:", "#"))]


def test_training_keeps_pictures_of_normal_video(model_dir: Path) -> None:
    kept = Exemplars.load(model_dir)
    assert kept.of("background") and kept.of("moment")
    assert (model_dir / FILE).stat().st_size < 1_000_000


def test_a_folder_of_results_is_one_file_without_addresses(scores: Path, model_dir: Path, tmp_path: Path) -> None:
    plain = normalcy.write_report(scores, out=tmp_path / "plain.html")
    told = normalcy.write_report(scores, model=model_dir, out=tmp_path / "told.html", title="<b>mine</b>")
    for path in (plain, told):
        page = path.read_text(encoding="utf-8")
        assert outside(page) == [] and "<script" not in page and "odd" in page
    page = told.read_text(encoding="utf-8")
    assert "What the model learned" in page and "&lt;b&gt;mine&lt;/b&gt;" in page
    if normalcy.read_scores(scores / "odd" / "scores.csv").score.max() > 0 and "event" in page:
        assert page.count('class="why"') == page.count('class="badge"')
    assert normalcy.write_report(scores / "odd").name == "report.html"
    (scores / "odd" / "report.html").unlink()


def test_no_results_no_page(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished result"):
        normalcy.write_report(tmp_path)


def test_a_stretch_of_video_is_explained_beside_normal_moments(model_dir: Path, odd: Path) -> None:
    why = normalcy.explain(model_dir, odd, device="cpu")
    assert why.headline.endswith(".") and "ormal video" in why.rarity
    assert why.picture and why.map and why.normal and len(why.normal) <= 6
    assert all(p.uri.startswith("data:image/jpeg") for p in why.normal)
    assert Why.from_dict(why.to_dict()) == why
    html = str(why_html(why))
    assert outside(html) == [] and why.normal_words in html
    with pytest.raises(DataError, match="no frame between"):
        normalcy.explain(model_dir, odd, start_s=99.0, device="cpu")


def test_an_event_of_a_watch_is_explained_from_its_clip_and_kept(model_dir: Path, odd: Path, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    shutil.copy(odd, tmp_path / "media" / "e.mp4")
    record = EventRecord(
        "e", "gate", 1, "end", "anomaly", "alert", 0, 0, 1, 2.0, 0.5, 1.0, (0.1, 0.1, 0.4, 0.6), readout="motion"
    )
    from dataclasses import replace

    why = explain_event(tmp_path, replace(record, clip="media/e.mp4"), model_dir, "cpu")
    assert why.map and (tmp_path / "media" / "e.why.json").exists()
    assert explain_event(tmp_path, replace(record, clip="media/e.mp4"), model_dir, "cpu") == why
    gone = explain_event(tmp_path, replace(record, clip="media/gone.mp4"), model_dir, "cpu")
    assert gone.map is None and "no longer at hand" in gone.note and gone.fired[0].name == "motion"
    assert gone.normal  # the same place of normal video


def test_what_was_learned_is_told_from_the_folder_alone(model_dir: Path, tmp_path: Path) -> None:
    lone = Path(shutil.copytree(model_dir, tmp_path / "m"))
    told = learned(lone)
    assert len(told.scenes) == 2  # two backgrounds
    scene = told.scenes[0]
    assert scene.where and scene.how and "minutes of video" in told.summary
    assert outside(str(learned_html(told))) == []
    (lone / "taught").mkdir()
    assert learned(lone).lessons == []
    explainer = Explainer(lone, "cpu")
    assert explainer.exemplars.of("background")


def test_rarity_is_never_said_more_surely_than_the_video_allows() -> None:
    t = Threshold(2.0, 1.0, 0.5, 4, 1.0, 0.5, "exponential")
    assert rare(None, 3.0) == ""
    assert "about one minute of" in rare(t, 1.0)
    assert "at most one minute of 7 days" in rare(t, 9.0)
