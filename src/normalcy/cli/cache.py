"""The command cache."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from normalcy.cli import exits, show
from normalcy.cli.options import Json
from normalcy.errors import UsageError

if TYPE_CHECKING:
    from normalcy.api.cache import CacheState


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove everything in it. Not while a training runs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --clear: do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Decoded frames and boxes that are kept to save time: where they are, how much space they take; --clear removes them."""
    from normalcy.api.cache import cache_state
    from normalcy.api.cache import clear as remove

    if yes and not clear:
        raise UsageError("--yes goes with --clear")
    state = cache_state()
    if clear and state.bytes and not yes:
        _ask(state)
    if clear:
        state = remove()
    done = {"cleared": clear, "bytes": state.bytes}
    show.out(show.as_json({**asdict(state), **done}) if as_json else _cleared(state) if clear else _words(state))


def _ask(state: CacheState) -> None:
    """Go on only if someone says so. Raises UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError("--clear asks before it removes anything, and nobody is there to answer; say --yes")
    if not typer.confirm(f"Remove {_size(state.bytes)} from {state.folder}?", err=True):
        exits.say("nothing was removed")
        raise typer.Exit(exits.FAILED)


def _words(s: CacheState) -> str:
    lines = [("folder", str(s.folder)), ("frames", f"{_size(s.frame_bytes)} of {s.videos} decoded videos")]
    lines += [("boxes", f"{_size(s.box_bytes)} in {s.boxes} files")]
    lines += [("free", f"{s.free_bytes / 2**30:.1f} GiB on that disk")] if s.free_bytes is not None else []
    return "\n".join(f"{name:6}  {words}" for name, words in lines)


def _cleared(s: CacheState) -> str:
    return f"removed {_size(s.bytes)} from {s.folder}: frames of {s.videos} videos, {s.boxes} files of boxes"


def _size(number: int) -> str:
    return f"{number / 2**20:.1f} MiB"
