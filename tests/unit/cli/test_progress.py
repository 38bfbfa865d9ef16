"""Progress: never on stdout, bars on a terminal only, few lines elsewhere."""

from __future__ import annotations

import io

import pytest

from normalcy.cli.progress import Bars, Lines, count, shown, summary

TRAIN = {
    "train/loss": 2.5,
    "train/continuity_loss": 1.2,
    "train/continuity_accuracy": 0.71,
    "train/localisation_loss": 1.0,
    "train/localisation_accuracy": 0.4,
    "chance/continuity": 0.5,
    "chance/localisation": 1 / 3,
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def lines() -> tuple[Lines, io.StringIO, Clock]:
    out, clock = io.StringIO(), Clock()
    return Lines(out, clock), out, clock


def test_a_short_stage_is_one_line(lines) -> None:
    view, out, clock = lines
    for i in range(1, 101):
        clock.now += 0.05
        view("decode", i, 100, {})
    view.close()
    assert out.getvalue() == "decode: 100/100 in 5 s\n"


def test_a_long_stage_is_a_line_every_ten_seconds(lines) -> None:
    view, out, clock = lines
    for i in range(1, 61):
        clock.now = float(i)
        view("encoder", i, 100, {})
    view.close()
    assert [line.split()[1] for line in out.getvalue().splitlines()] == [
        "11/100",
        "21/100",
        "31/100",
        "41/100",
        "51/100",
        "60/100",
    ]


def test_a_stage_without_a_total_ends_when_the_next_begins(lines) -> None:
    view, out, clock = lines
    view("score a", 10, None, {})
    view("score a", 25, None, {})
    clock.now = 2.0
    view("score b", 5, None, {})
    view.close()
    view.close()
    assert out.getvalue().splitlines() == ["score a: 25 in 0 s", "score b: 5 in 0 s"]


def test_training_lines_say_each_loss_and_its_accuracy_against_chance(lines) -> None:
    view, out, _ = lines
    view("encoder", 10, 10, TRAIN)
    assert out.getvalue() == (
        "encoder: 10/10 in 0 s, continuity loss 1.200 accuracy 0.71 (chance 0.50), "
        "localisation loss 1.000 accuracy 0.40 (chance 0.33)\n"
    )


def test_held_out_figures_come_first() -> None:
    held = {"val/continuity_loss": 1.3, "val/continuity_accuracy": 0.6}
    assert summary(TRAIN | held) == ["continuity loss 1.300 accuracy 0.60 (chance 0.50)"]
    assert summary({"train/loss": 0.25}) == ["loss 0.250"]
    assert summary({}) == []


def test_a_reader_that_goes_away_does_not_stop_the_work() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    view = Lines(Gone())
    view("decode", 1, 1, {})


def test_not_a_terminal_means_plain_lines_without_control_codes() -> None:
    out = io.StringIO()
    with shown(out) as report:
        report("decode", 3, 3, {})
    assert out.getvalue() == "decode: 3/3 in 0 s\n"


def test_stderr_is_the_default(capsys) -> None:
    with shown() as report:
        report("decode", 1, 1, {})
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "decode: 1/1 in 0 s\n")


def test_the_terminal_shows_a_bar_a_table_and_leaves_one_line_per_stage(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    with shown(out) as report:
        assert isinstance(report, Bars)
        report("decode", 3, 3, {})
        report("encoder", 5, 10, TRAIN)
        report.refresh()
        report("encoder", 10, 10, TRAIN)
    text = out.getvalue()
    assert "\x1b[" in text
    assert "decode: 3/3 in 0 s" in text
    assert "encoder: 10/10 in 0 s" in text
    for word in ("continuity judgment", "discontinuity localisation", "0.710", "0.333", "chance"):
        assert word in text
    assert "missing frame estimation" not in text  # it has no figures here


def test_the_bar_is_taken_off_when_the_work_fails(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with pytest.raises(ValueError, match="broken"), shown(out) as report:
        report("decode", 1, 3, {})
        raise ValueError("broken")
    assert out.getvalue().rstrip("\n").endswith("\x1b[?25h") or "\x1b[?25h" in out.getvalue()  # the cursor is back


def test_counts() -> None:
    assert (count(3, 10), count(3, None)) == ("3/10", "3")
