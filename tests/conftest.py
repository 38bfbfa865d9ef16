"""What tests of several folders use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Ran = tuple[int, str, str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command line in this process: (exit code, stdout, stderr)."""

    def go(*argv: str | Path) -> Ran:
        from normalcy.cli import main

        with pytest.raises(SystemExit) as e:
            main([str(a) for a in argv])
        captured = capsys.readouterr()
        assert isinstance(e.value.code, int)
        return e.value.code, captured.out, captured.err

    return go
