"""The commands watch and events."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from normalcy.cli import exits, show
from normalcy.cli.options import Device, Json, Runtime, Settings
from normalcy.errors import SourceError, UsageError

if TYPE_CHECKING:
    from normalcy.events.record import EventRecord, Verdict
    from normalcy.events.store import Store, StoredEvent

SOURCES = (
    "rtsp:// or http:// address (write a password as ${NAME}, in single quotes), webcam number, video file, growing folder."
)


def watch(
    sources: Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help=SOURCES, show_default=False)] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL_DIR", help="A model that train wrote.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for events, clips and snapshots.")] = Path("normalcy-watch"),
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="cameras.yaml: cameras, masks, sinks.", show_default=False)
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Read files as fast as they can be scored.")] = False,
    metrics: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Serve Prometheus metrics and a health check.", show_default=False)
    ] = None,
    with_page: Annotated[bool, typer.Option("--serve", help="Serve the page as well.")] = False,
    serve_at: Annotated[
        str, typer.Option(metavar="[HOST:]PORT", help="Where; other than 127.0.0.1 needs a token or password.")
    ] = "8765",
    token: Annotated[
        str | None, typer.Option(metavar="TEXT", envvar="NORMALCY_TOKEN", help="Of the page.", show_default=False)
    ] = None,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Print every change of an event as one JSON object.")] = False,
    sets: Settings = None,
    device: Device = "auto",
    runtime: Runtime = "auto",
) -> None:
    """Watch cameras, and say when something is not normal. Ctrl-C or SIGTERM ends it cleanly."""
    with _installed():
        from normalcy.api.watch import watch as run

    def shown(r: EventRecord) -> None:
        show.out(json.dumps(r.to_dict(), allow_nan=False) if as_jsonl else line(r))

    from normalcy.cli.serve import address, page

    shows = page(out, *address(serve_at), token, store=store_of(config)) if with_page else nullcontext()
    with stopped_by_signals() as stop, shows:
        result = run(
            sources or [],
            out,
            model=model,
            config=config,
            sets=sets or (),
            fast=fast,
            device=device,
            runtime=runtime,
            metrics=metrics,
            stop=stop,
            tell=exits.say,
            show=shown,
        )
    if not as_jsonl:
        for c in result.cameras:
            show.out(f"{c.name}: {c.scored} of {c.frames} frames scored, {c.skipped} dropped, {sum(c.events.values())} events")
    if result.failed:
        raise SourceError("; ".join(result.failed.values()))


def store_of(config: Path | None) -> str | None:
    """The database that the configuration names, as it names it."""
    from normalcy.api.cameras import load_cameras

    return None if config is None else load_cameras(config, ["0"]).store.url


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second one is the usual interruption."""
    stop = threading.Event()
    before = {}

    def ask(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def line(r: EventRecord) -> str:
    """A change in one line."""
    return f"{_clock(r.time)}  {r.type:<6}  {r.kind:<8}  {r.text}"


def events(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that watch wrote.", show_default=False)],
    camera: Annotated[str | None, typer.Option(metavar="NAME", help="Of this camera alone.", show_default=False)] = None,
    last: Annotated[int, typer.Option(metavar="N", help="So many, the newest.", min=1)] = 50,
    mark: Annotated[list[str] | None, typer.Option(metavar="ID", help="Keep this event for ever.", show_default=False)] = None,
    unmark: Annotated[list[str] | None, typer.Option(metavar="ID", help="No longer keep it.", show_default=False)] = None,
    verdict: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="ID normal|anomaly|unsure",
            help="What you say of an event; normal also teaches the camera's model.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="The database, where it is not in DIR.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """List the events of a watch, mark those to keep, and say what they were."""
    with _installed():
        from normalcy.events.store import FILE, Store
    from normalcy.video.address import from_environment

    if store is None and not (out / FILE).exists():
        raise UsageError(f"{out}: no events here: not a folder that watch wrote")
    kept = Store(out, None if store is None else from_environment(store))
    try:
        if mark:
            kept.say(mark, marked=True)
        if unmark:
            kept.say(unmark, marked=False)
        if verdict is not None:
            _mark(out, *verdict, kept)
        found = kept.events(camera, limit=last)
    finally:
        kept.close()
    show.out(show.as_json({"events": [e.to_dict() for e in found]}) if as_json else listed(found))


@contextmanager
def _installed() -> Iterator[None]:
    """Name the extra that a missing library comes with."""
    try:
        yield
    except ModuleNotFoundError as e:
        raise UsageError(f"{e.name} is not installed: pip install 'normalcy[watch]'") from e


def _mark(out: Path, event: str, word: str, kept: Store) -> None:
    """Say what an event was; what its camera's model learned by it is told on stderr."""
    from normalcy.api.marks import mark

    m = mark(out, event, _verdict(word), store=kept)
    if m.lesson is not None:
        quiet = "the same event would raise no alarm" if m.lesson.quiet else "the same event would still raise an alarm"
        exits.say(f"taught, lesson {m.lesson.id}: score {m.lesson.before:.2f} -> {m.lesson.after:.2f}; {quiet}")
    if m.forgotten is not None:
        exits.say(f"lesson {m.forgotten} was taken back")
    if m.note:
        exits.say(m.note)


def _verdict(word: str) -> Verdict:
    from normalcy.events.record import Verdict

    for known in get_args(Verdict):
        if word == known:
            return cast("Verdict", known)
    raise UsageError(f"--verdict {word}: say {', '.join(get_args(Verdict))}")


def listed(found: list[StoredEvent]) -> str:
    """One line per event, newest first."""
    if not found:
        return "no events"
    rows: list[list[object]] = [["begin", "seconds", "camera", "kind", "peak", "said", "id", "what"]]
    for e in found:
        r = e.record
        said = ", ".join(w for w in (e.verdict, "kept" if e.marked else None) if w)
        length = "goes on" if r.end_time is None else f"{r.end_time - r.start_time:.1f}"
        peak = "" if r.peak is None else f"{r.peak:.2f}"
        rows.append([_clock(r.start_time), length, r.camera, r.kind, peak, said, r.id, r.text.removeprefix(f"{r.camera}: ")])
    return show.columns(rows)


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
