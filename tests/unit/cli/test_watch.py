from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from normalcy.cli import main
from normalcy.cli.watch import line, stopped_by_signals
from peers import record


def test_a_change_in_one_line() -> None:
    assert line(record()).endswith("new     anomaly   gate: something moves as nothing usually does there")


def test_the_first_signal_asks_and_the_second_interrupts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopped_by_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            stop.wait(0)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("words", [["watch", "x.mp4", "--model", "m"], ["events", "x"]])
def test_the_extra_is_named_where_it_is_missing(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [m for m in sys.modules if m.startswith(("normalcy.api.hub", "normalcy.api.watch", "normalcy.events.store"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "alembic", None)
    with pytest.raises(SystemExit) as e:
        main(words)
    assert e.value.code == 2 and "pip install 'normalcy[watch]'" in capsys.readouterr().err


def test_a_folder_that_is_no_watch_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as e:
        main(["events", str(tmp_path)])
    assert e.value.code == 2 and "not a folder that watch wrote" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
