"""One line on stderr and the documented code, whatever goes wrong."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import typer

from normalcy import errors
from normalcy.cli import EXIT_CODES, exits
from normalcy.cli.options import EPILOG


def app_that(raises: BaseException | None = None, returns: object = None):
    def app(argv: list[str] | None, prog_name: str, standalone_mode: bool) -> object:
        assert not standalone_mode
        if raises is not None:
            raise raises
        return returns

    return app


def every_error() -> list[type[errors.NormalcyError]]:
    return [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.NormalcyError)]


@pytest.mark.parametrize("kind", every_error())
def test_each_error_of_the_tree_is_one_line_with_its_code(kind: type[errors.NormalcyError], capsys) -> None:
    code = exits.run(app_that(kind("a.mp4: is broken\n  in two ways")), [])
    assert code == (2 if issubclass(kind, errors.UsageError) else 1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "normalcy: a.mp4: is broken; in two ways\n"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/out/scores.csv"), "/out/scores.csv: No space left on device; free"),
        (PermissionError(errno.EACCES, "Permission denied", "/out"), "/out: Permission denied"),
        (OSError("odd"), "odd"),
        (MemoryError("Unable to allocate 9 GiB"), "out of memory: Unable to allocate 9 GiB"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA ..."), "the GPU is out of memory"),
        (
            ZeroDivisionError("division by zero"),
            "unexpected ZeroDivisionError: division by zero (NORMALCY_DEBUG=1 shows where)",
        ),
        (ValueError(), "unexpected ValueError: no message"),
    ],
)
def test_other_errors_are_one_line_too(error: Exception, says: str, capsys) -> None:
    assert exits.run(app_that(error), []) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"normalcy: {says}")
    assert err.count("\n") == 1


def test_the_traceback_is_shown_on_request_only(capsys, monkeypatch) -> None:
    monkeypatch.delenv("NORMALCY_DEBUG", raising=False)
    exits.run(app_that(ZeroDivisionError("x")), [])
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("NORMALCY_DEBUG", "1")
    assert exits.run(app_that(ZeroDivisionError("x")), []) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("(NORMALCY_DEBUG=1 shows where)\n")


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), typer.Abort()])
def test_ctrl_c_is_130(interrupt: BaseException, capsys) -> None:
    assert exits.run(app_that(interrupt), []) == 130
    assert capsys.readouterr().err == "normalcy: interrupted\n"


def test_an_interrupted_command_says_how_to_go_on(capsys) -> None:
    with pytest.raises(typer.Exit) as e, exits.interruptible("Go on with --resume"):
        raise KeyboardInterrupt
    assert e.value.exit_code == 130
    assert capsys.readouterr().err == "normalcy: interrupted. Go on with --resume\n"


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (4, 4), (0, 0), ("text", 0)])
def test_what_the_application_returns(returned: object, code: int) -> None:
    assert exits.run(app_that(returns=returned), []) == code


def test_a_warning_is_one_line_and_the_hook_is_put_back(capsys) -> None:
    def app(*_: object, **__: object) -> None:
        warnings.warn("two\nlines", UserWarning, stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        before = warnings.showwarning
        assert exits.run(app, []) == 0
        assert warnings.showwarning is before
    assert capsys.readouterr().err == "normalcy: warning: two lines\n"


def test_every_code_is_documented_in_the_help() -> None:
    assert set(EXIT_CODES) == {0, 1, 2, 4, 130}
    for code, words in EXIT_CODES.items():
        assert f"{code} {words}" in EPILOG


def run_real(*args: str, stdout: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "normalcy", *args],
        stdout=stdout,  # type: ignore[call-overload]
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        **more,
    )


def test_a_reader_that_goes_away_is_not_a_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_real("config", "schema", stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_under_stdout_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = run_real("config", "schema", stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("normalcy: standard output: No space left on device")
    assert done.stderr.count("\n") == 1


def test_a_closed_stderr_does_not_change_the_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os; os.close(2)\nfrom normalcy.cli import main; main(['no-such-command'])"], timeout=60
    )
    assert done.returncode == 2
