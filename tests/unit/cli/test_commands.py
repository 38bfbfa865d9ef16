"""The commands with the API replaced: what they print where, and with which code they end."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import normalcy
from normalcy.api.demo import DemoResult
from normalcy.api.doctor import Check, Report
from normalcy.cli import main
from normalcy.cli.demo import has_display
from normalcy.metrics.bootstrap import Interval
from normalcy.metrics.compare import Comparison, Difference
from normalcy.metrics.table import ResultRow
from normalcy.results.scored import ScoredVideo, ScoreResult
from normalcy.types import Event

Ran = tuple[int, str, str]
EVENT = Event(10, 20, 15, 0.4, 0.8, 0.6, 7.25, None, "density")
VIDEO = ScoredVideo("01", Path("out/01"), 200, 2.0, 100.0, False, [EVENT], 7.25, ["its frame rate varies"])
QUIET = ScoredVideo("02", Path("out/02"), 180, 2.0, 90.0, True, [], 1.5)


class Called:
    """Stands in for one function of the API and remembers what it was given."""

    def __init__(self, result: object) -> None:
        self.result, self.given, self.keywords = result, (), {}

    def __call__(self, *given: Any, **keywords: Any) -> object:
        self.given, self.keywords = given, keywords  # type: ignore[assignment]
        if isinstance(self.result, BaseException):
            raise self.result
        if (progress := keywords.get("progress")) is not None:
            progress("decode", 3, 3, {})
        return self.result


@dataclass
class Trained:
    """The fields of normalcy.training.run.TrainResult, without the seconds that importing Lightning takes."""

    failed: dict[str, str]
    folder: Path = Path("m")
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 12.0})
    frames: int = 500
    held_frames: int = 100
    precision: str = "fp32"
    threshold: str = "It rests on little."
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)


def test_version(run) -> None:
    assert run("--version") == (0, f"normalcy {normalcy.__version__}\n", "")


def test_no_command_shows_the_help_and_is_a_usage_error(run) -> None:
    code, out, err = run()
    assert (code, err) == (2, "")
    assert "Exit codes" in out
    assert all(command in out for command in ("train", "score", "eval", "demo", "doctor", "config"))


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["nope"], "No such command 'nope'"),
        (["train", "a.mp4"], "Missing option '--out'"),
        (["train", "--out", "m"], "Missing argument 'SOURCE"),
        (["score", "a.mp4", "--out", "o"], "Missing option '--model'"),
        (["train", "a.mp4", "--out", "m", "--seed", "x"], "Invalid value for '--seed'"),
        (["train", "a.mp4", "--out", "m", "--sed", "1"], "No such option: --sed"),
        (["config", "show", "--preset", "huge"], "unknown preset 'huge'; there are tiny, cpu, paper"),
        (["config", "show", "--set", "train.step=3"], "unknown key 'train.step'; did you mean 'train.steps'?"),
        (["config", "show", "--set", "train.steps=0"], "greater than or equal to 1"),
        (["config", "show", "--set", "train.steps"], "write it as key=value"),
        (["config", "show", "--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["train", "a.mp4", "--out", "m", "--set", "train.step=3"], "did you mean 'train.steps'?"),
    ],
)
def test_usage_errors_are_one_line_and_code_2(run, argv, says) -> None:
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("normalcy: ")
    assert says in err
    assert err.count("\n") == 1


def test_train_with_an_input_left_out_is_4_and_still_prints_its_result(run, monkeypatch) -> None:
    monkeypatch.setattr(normalcy, "train", Called(Trained({"b": "b.mp4: is empty"})))
    code, out, err = run("train", "a", "b", "--out", "m", "--json")
    assert code == 4
    assert json.loads(out)["failed"] == {"b": "b.mp4: is empty"}
    assert "normalcy: b.mp4: is empty\n" in err


def test_train_interrupted_says_how_to_go_on(run, monkeypatch) -> None:
    monkeypatch.setattr(normalcy, "train", Called(KeyboardInterrupt()))
    code, out, err = run("train", "a", "--out", "m")
    assert (code, out) == (130, "")
    assert "--resume" in err
    assert err.count("\n") == 1


def test_score_prints_videos_and_events_and_warns_on_stderr(run, monkeypatch) -> None:
    monkeypatch.setattr(normalcy, "score", Called(ScoreResult([VIDEO, QUIET])))
    code, out, err = run("score", "a", "--model", "m", "--out", "o")
    assert code == 0
    lines = out.splitlines()
    assert lines[1].split() == ["01", "200", "1", "7.25", "100.00"]
    assert lines[2].endswith("done before")
    assert lines[5].split() == ["01", "0.40", "0.80", "0.60", "7.25", "density"]
    assert "normalcy: warning: 01: its frame rate varies\n" in err


def test_score_without_events_says_so(run, monkeypatch) -> None:
    monkeypatch.setattr(normalcy, "score", Called(ScoreResult([QUIET])))
    assert "no event above the threshold" in run("score", "a", "--model", "m", "--out", "o")[1]


@pytest.mark.parametrize(("videos", "code"), [([VIDEO], 4), ([], 1)])
def test_score_with_failures(run, monkeypatch, videos, code) -> None:
    monkeypatch.setattr(normalcy, "score", Called(ScoreResult(videos, {"b": "b.mp4: is empty", "c": "no video stream"})))
    got, out, err = run("score", "a", "--model", "m", "--out", "o", "--json")
    assert got == code
    assert [v["name"] for v in json.loads(out)["videos"]] == [v.name for v in videos]
    assert err.endswith("normalcy: b.mp4: is empty\nnormalcy: c: no video stream\n")


def test_eval_table_with_a_second_method(run, monkeypatch) -> None:
    class Result:
        rows = [ResultRow("scores", "train, gaussian", None, {"micro_auc": 0.91})]
        sizes: dict[str, object] = {}
        notes = ["Two frames have no mask."]
        macro = Difference(0.9, 0.8, 0.1, Interval(None, None, "one video"), {"01": 0.1})
        micro = Difference(0.9, 0.8, 0.1, Interval(0.05, 0.15), {"01": 0.12, "02": -0.02})
        versus = Comparison(micro, macro, None, 0.95, 100, 0, 2, 0)

        def to_dict(self) -> dict[str, object]:
            return {"metrics": {}}

    monkeypatch.setattr(normalcy, "evaluate", Called(Result()))
    code, out, err = run("eval", "--scores", "s", "--labels", "l", "--masks", "m", "--versus", "v")
    assert (code, err) == (0, "")
    assert "micro AUC" in out
    assert "+0.050 to +0.150" in out
    assert "01 +0.120, 02 -0.020" in out
    assert "one video" in out
    assert out.endswith("Two frames have no mask.\n")
    assert json.loads(run("eval", "--scores", "s", "--labels", "l", "--json")[1]) == {"metrics": {}}


def demo_result() -> DemoResult:
    row = ResultRow("normalcy", "train", None, {"micro_auc": 0.9})
    return DemoResult(Path("d"), Path("d/report.html"), [row], {"train": 100.0}, 4)


@pytest.mark.parametrize(("flags", "display", "opened"), [([], True, True), ([], False, False), (["--no-open"], True, False)])
def test_demo_opens_the_report_for_someone_who_sits_here(run, monkeypatch, flags, display, opened) -> None:
    called = Called(demo_result())
    monkeypatch.setattr(normalcy, "demo", called)
    monkeypatch.setattr("normalcy.cli.demo.has_display", lambda: display)
    code, out, _ = run("demo", "--out", "d", "--seed", "3", *flags)
    assert code == 0
    assert called.given == (Path("d"),)
    assert (called.keywords["seed"], called.keywords["open_browser"]) == (3, opened)
    assert out.endswith(f"report  {Path('d/report.html')}\n")


def test_a_display_is_a_terminal_and_a_screen(monkeypatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    assert not has_display()  # pytest's stdout is no terminal
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert has_display()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not has_display()


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (None, 0), (False, 1)])
def test_doctor_fails_only_where_normalcy_cannot_work(run, monkeypatch, ok, code) -> None:
    found = Report([Check("python", "3.11"), Check("cache", "/x", ok, "free some space")])
    monkeypatch.setattr("normalcy.api.doctor.examine", lambda: found)
    got, out, err = run("doctor")
    assert (got, err) == (code, "")
    assert out.splitlines()[0] == "ok   python  3.11"
    assert out.splitlines()[2].strip() == "-> free some space"
    data = json.loads(run("doctor", "--json")[1])
    assert data["ok"] is (ok is not False)
    assert data["checks"][1] == {"name": "cache", "found": "/x", "ok": ok, "advice": "free some space"}


def test_config_show_follows_the_precedence(run, tmp_path: Path, monkeypatch) -> None:
    import yaml

    file = tmp_path / "c.yaml"
    file.write_text("train: {steps: 7, batch: 9, lr: 0.01}\n", encoding="utf-8")
    monkeypatch.setenv("NORMALCY_TRAIN__BATCH", "10")
    monkeypatch.setenv("NORMALCY_TRAIN__LR", "0.02")
    code, out, err = run("config", "show", "--preset", "tiny", "--config", file, "--set", "train.lr=0.03")
    assert (code, err) == (0, "")
    train = yaml.safe_load(out)["train"]
    assert (train["steps"], train["batch"], train["lr"], train["crop"]) == (7, 10, 0.03, 32)


def test_config_schema_is_a_json_schema(run) -> None:
    code, out, _ = run("config", "schema")
    schema = json.loads(out)
    assert code == 0
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["ClipConfig"]["properties"]["length"]["minimum"] == 3


@pytest.mark.parametrize(
    ("given", "want"), [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)]
)
def test_threads_wait_asleep_unless_told_otherwise(
    given: dict[str, str], want: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "environ", {**os.environ, **given})
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ.get("GOMP_SPINCOUNT") == want
