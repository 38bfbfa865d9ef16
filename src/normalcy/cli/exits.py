"""From whatever went wrong to one line on stderr and the documented exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import typer

from normalcy.errors import NormalcyError, UsageError

OK, FAILED, USAGE, PARTLY, INTERRUPTED = 0, 1, 2, 4, 130
EXIT_CODES = {
    OK: "done",
    FAILED: "failed",
    USAGE: "the command, an option or a setting is wrong",
    PARTLY: "some inputs failed, the rest are done",
    INTERRUPTED: "interrupted, what was finished is kept",
}
"""3 is kept free for ``events found``."""
ENV_DEBUG = "NORMALCY_DEBUG"


def say(message: str) -> None:
    """One line on stderr. A stderr that nobody reads any more must not hide the exit code."""
    try:
        print(f"normalcy: {message}", file=sys.stderr, flush=True)  # noqa: T201
    except (OSError, ValueError):
        return


def run(app: Callable[..., Any], argv: list[str] | None) -> int:
    """Run a typer application and return its exit code; nothing but SystemExit of the argument parser gets past this."""
    try:
        with _plain_warnings():
            code = app(argv, prog_name="normalcy", standalone_mode=False)
            sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):  # Abort is what some typer versions make of Ctrl-C
        say("interrupted")
        code = INTERRUPTED
    except BrokenPipeError:
        code = FAILED
        _discard_stdout()
    except Exception as e:
        if os.environ.get(ENV_DEBUG, "0") not in ("", "0"):
            traceback.print_exc()
        message, code = explain(e)
        say(message)
        if isinstance(e, OSError):
            _discard_stdout()
    return code if isinstance(code, int) else OK


def explain(e: Exception) -> tuple[str, int]:
    """(one line, exit code) for an error."""
    text = "; ".join(line.strip() for line in str(e).splitlines() if line.strip())
    if isinstance(e, NormalcyError):
        return text, USAGE if isinstance(e, UsageError) else FAILED
    if hasattr(e, "format_message") and hasattr(e, "exit_code"):  # the argument parser's; typer does not export the class
        context = getattr(e, "ctx", None)
        command = context.command_path if context is not None else "normalcy"
        return f"{e.format_message().rstrip('.')}. See '{command} --help'.", int(e.exit_code)
    if isinstance(e, OSError):
        return _explain_os(e, text), FAILED
    if isinstance(e, MemoryError):
        return f"out of memory{': ' + text if text else ''}. A smaller input.short_side or train.batch needs less", FAILED
    if type(e).__name__ == "OutOfMemoryError":  # torch's; importing torch to name it would cost a second
        return "the GPU is out of memory: use a smaller train.batch or input.short_side, or --device cpu", FAILED
    return f"unexpected {type(e).__name__}: {text or 'no message'} ({ENV_DEBUG}=1 shows where)", FAILED


def _explain_os(e: OSError, text: str) -> str:
    where = e.filename2 or e.filename
    reason = e.strerror or text or type(e).__name__
    advice = "; free some space and run again: finished work is kept" if e.errno == errno.ENOSPC else ""
    return f"{os.fsdecode(where)}: {reason}{advice}" if where is not None else f"{reason}{advice}"


@contextmanager
def interruptible(advice: str) -> Iterator[None]:
    """Ctrl-C inside ends the program with code 130 and one line that says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted. {advice}")
        raise typer.Exit(INTERRUPTED) from None


def leave(failed: Mapping[str, str], *, some_done: bool) -> None:
    """Name every input that failed (name -> reason) on stderr, and leave with the code for it; without any, go on."""
    for name, reason in failed.items():
        say(reason if name in reason else f"{name}: {reason}")
    if failed:
        raise typer.Exit(PARTLY if some_done else FAILED)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings as one line on stderr, without the source line that Python adds."""
    before = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        say(f"warning: {' '.join(str(message).split())}")

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


def _discard_stdout() -> None:
    """Point stdout at nothing: Python's own flush at exit would fail once more and print a traceback."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        return
