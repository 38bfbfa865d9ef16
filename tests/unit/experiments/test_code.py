"""The digest of the code: which modules it is over, and what changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from normalcy.experiments import code

FRAME, OBJECT = code.score_modules(False), code.score_modules(True)


def test_every_module_that_decides_a_number_is_in_it() -> None:
    """Read off the imports: some of each room on the way from a video to a figure, and nothing that only shows it."""
    for name in (
        "api.levels",
        "api.score_video",
        "clips.sampling",
        "config",
        "data.sampler",
        "data.split",
        "evaluation.evaluate",
        "evaluation.motion",
        "events.detector",
        "metrics.auc",
        "nn.i3d",
        "nn.tasks",
        "presets",
        "results.scores_csv",
        "scoring.density",
        "scoring.smooth",
        "training.run",
        "types",
        "video.decode",
    ):
        assert name in FRAME, name
    rooms = {name.partition(".")[0] for name in OBJECT}
    assert {"objects", "detection"} < rooms and not rooms & {"report", "cli", "experiments", "virtual"}
    assert not {"data.avenue", "data.folder", "api.doctor", "api.detect"} & OBJECT


def test_frame_level_does_not_depend_on_objects() -> None:
    assert {name.partition(".")[0] for name in OBJECT - FRAME} == {"objects", "detection"}
    assert FRAME < OBJECT


def test_networks_depend_on_nothing_that_comes_after_them() -> None:
    for objects in (False, True):
        modules = code.network_modules(objects)
        assert modules < code.score_modules(objects)
        assert {"training.run", "training.modules", "nn.losses", "data.sampler", "video.cache", "clips.sampling"} < modules
        assert not {name.partition(".")[0] for name in modules} & {"scoring", "metrics", "evaluation", "results", "config"}


def test_what_is_left_out_exists() -> None:
    root = Path(code.normalcy.__file__).parent
    for name in (*code.NO_NUMBER, *code.AFTER_NETWORK, *code.SETTINGS, *code.OBJECTS):
        at = root / name.replace(".", "/")
        assert at.is_dir() or at.with_suffix(".py").is_file(), name


def test_digest_sees_meaning_and_not_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code.normalcy, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "a.py").write_text('"""Words."""\n\n\ndef f(x):\n    """More."""\n    return x + 1  # why\n')
    first = code._digest(["a"])
    (tmp_path / "a.py").write_text("def f(x): return (x + 1)\n")
    assert code._digest(["a"]) == first
    (tmp_path / "a.py").write_text("def f(x): return x + 2\n")
    assert code._digest(["a"]) != first


def test_imports_are_followed_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code.normalcy, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "room").mkdir()
    (tmp_path / "a.py").write_text(
        "from typing import TYPE_CHECKING\nfrom normalcy.room import b\nimport os\n"
        "if TYPE_CHECKING:\n    from normalcy.seen import Nothing\n"
    )
    (tmp_path / "room" / "b.py").write_text(
        "PARTS = {'named': 'normalcy.named:Part'}\ndef f():\n    from normalcy.late import g\n    return g\n"
    )
    (tmp_path / "late.py").write_text("import normalcy.a\n")
    for name in ("seen", "named"):
        (tmp_path / f"{name}.py").write_text("")
    assert code._reached("normalcy.a", ()) == {"a", "room.b", "late", "named"}
    assert code._reached("normalcy.a", ("room",)) == {"a"}


def test_nothing_changes_while_nothing_is_written() -> None:
    assert len({code.network_code(False), code.network_code(True), code.score_code(False), code.score_code(True)}) == 4
    assert not code.changed()
