"""watch(): cameras for as long as they run."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from normalcy.api.camera import Camera
from normalcy.api.cameras import CameraSpec, load_cameras
from normalcy.api.hub import Hub
from normalcy.api.live import Board, CameraCard, read_budget, write_card
from normalcy.api.load import load_model, with_taught
from normalcy.errors import OutputError, UsageError
from normalcy.events.endpoint import Endpoint
from normalcy.events.record import EventRecord
from normalcy.events.state import CameraState, WatchState
from normalcy.exported.graph import installed
from normalcy.scoring.lesson_files import stamp
from normalcy.scoring.model import Model
from normalcy.scoring.settings import Alarm, alarm, with_settings
from normalcy.types import FrameScore
from normalcy.versions import usable_cores
from normalcy.video.connection import target_of
from normalcy.video.live import Patience

REPORT_S = 1.0
LOW_DELAY = "scoring.batch=1"
"""A window is scored as soon as it is there, unless a camera's settings say otherwise."""


Load = Callable[[CameraSpec], tuple[Model, Path]]


@dataclass(frozen=True, slots=True)
class WatchResult:
    """What a watch that ended had done."""

    cameras: tuple[CameraState, ...]
    failed: dict[str, str]
    """Cameras whose file could not be read to its end, with the reason."""


def watch(
    sources: Sequence[str],
    out: str | Path,
    *,
    model: str | Path | None = None,
    config: str | Path | None = None,
    sets: Sequence[str] = (),
    fast: bool = False,
    device: str = "auto",
    runtime: str = "auto",
    metrics: str | None = None,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] = lambda line: None,
    show: Callable[[EventRecord], None] | None = None,
    scored: Callable[[str, FrameScore, float], None] | None = None,
    patience: Patience = Patience(),
) -> WatchResult:
    """Watch cameras until ``stop`` is set, or until all of them are files that ended.

    Events go to ``out/events.jsonl``, the event store and the sinks of the configuration; clips and snapshots to ``out/media``.
    A later watch of the same folder goes on: it ends the events that a kill left open and delivers what was not delivered.

    Args:
        sources: RTSP or HTTP addresses (``${NAME}`` is taken from the environment), webcams, video files, folders that grow.
        out: the output folder, for one watch at a time.
        model: a model folder, for cameras that name none.
        config: cameras.yaml.
        sets: settings for scoring, for every camera.
        fast: read files as fast as they can be scored; else as fast as they were filmed.
        device: auto, cpu or cuda.
        runtime: what runs the networks, as for :func:`normalcy.load`.
        metrics: ``HOST:PORT`` or ``PORT`` (of 127.0.0.1) to serve Prometheus metrics and the health check on.
        stop: ends the watch when set, within seconds: open events are ended and written.
        tell: takes lines for the person who runs this.
        show: is given every change of every event.
        scored: is given every frame score, with the camera's name and the time (seconds since 1970) at which the frame came.
        patience: time limits of connections.

    Raises:
        UsageError, ConfigError: the call or the configuration is wrong. SourceError: a source that is none.
        ModelError: a model cannot be loaded. OutputError: the folder, the store or the port cannot be used.
    """
    out, stop, done = Path(out), stop or threading.Event(), threading.Event()
    settings = load_cameras(config, sources)
    workers = _workers(len(settings.cameras), device)
    news = [threading.Event() for _ in range(workers)]
    loaders = [_loader(model, device, runtime, 1 if workers > 1 else None) for _ in range(workers)]  # a model serves one thread
    with ExitStack() as stack:
        _claim(out, stack)
        cameras = [
            _camera(spec, loaders[i % workers], sets, fast, out, tell, news[i % workers], patience)
            for i, spec in enumerate(settings.cameras)
        ]
        by_name = {c.spec.name: c for c in cameras}

        def enable(name: str, on: bool) -> None:
            by_name[name].enabled = on
            tell(f"{name}: alarms are {'on' if on else 'off'}")

        hub = Hub(out, settings, tell, enable, show)
        stack.callback(hub.close)

        def state() -> WatchState:
            return WatchState(time.time(), tuple(c.state() for c in cameras), hub.spooled)

        where = _address(metrics) if metrics is not None else None
        if where is None and settings.metrics is not None:
            where = settings.metrics.host, settings.metrics.port
        if where is not None:
            endpoint = Endpoint(state, *where)
            stack.callback(endpoint.close)
            tell(f"metrics and health check on http://{where[0]}:{endpoint.port}/metrics and /health")
        board = Board(out)

        def report() -> None:
            now = state()
            hub.report(now)
            stills = {c.spec.name: c.still() for c in cameras} if board.wanted else {}
            board.show(now, {name: data for name, data in stills.items() if data is not None})
            for c in cameras:
                budgets.look(c)

        budgets = _Budgets(out, settings.cameras)
        for c in cameras:
            c.start(hub, scored)
        shares = [(cameras[i::workers], news[i]) for i in range(workers)]
        threads = [threading.Thread(target=_work, args=(*s, stop, done), name=f"scoring-{i}") for i, s in enumerate(shares)]
        for t in threads:
            t.start()
        try:
            while alive := next((t for t in threads if t.is_alive()), None):
                report()
                alive.join(REPORT_S)
        finally:
            done.set()
            for t in threads:
                t.join()
            for c in cameras:
                c.stop()
            hub.drain()
            for c in cameras:
                c.close()
            hub.report(state())
            board.show(state(), now=True)
        return WatchResult(tuple(c.state() for c in cameras), {c.spec.name: c.failed for c in cameras if c.failed is not None})


def _work(cameras: Sequence[Camera], news: threading.Event, stop: threading.Event, done: threading.Event) -> None:
    """Score what these cameras bring until told to stop or until all of them ended."""
    while not (stop.is_set() or done.is_set()) and not all(c.ended for c in cameras):
        news.clear()
        busy = [c.step() for c in cameras]  # every one of them, whatever the first says
        if not any(busy):
            news.wait(0.2)


class _Budgets:
    """Numbers of false alarms a day that people set on the page while the watch runs."""

    def __init__(self, out: Path, cameras: Sequence[CameraSpec]) -> None:
        self._out = out
        self._now: dict[str, float | None] = {c.name: None for c in cameras}

    def look(self, camera: Camera) -> None:
        """Hand on what was set since the last look; what is taken back counts again as configured."""
        wanted = read_budget(self._out, camera.spec.name)
        if wanted != self._now[camera.spec.name]:
            self._now[camera.spec.name] = wanted
            camera.rebudget(camera.configured_per_hour if wanted is None else wanted / 24.0)


def _workers(cameras: int, device: str) -> int:
    """Scoring threads: on a CPU one for each core, each with one torch thread, which share no work and wait for nobody."""
    workers: int = min(cameras, usable_cores())
    if installed("torch"):  # models that were exported do without
        import torch

        from normalcy.nn.device import pick_device

        if pick_device(device).type != "cpu":
            return 1
        if workers > 1:
            torch.set_num_threads(1)
    return workers


def _loader(shared: str | Path | None, device: str, runtime: str, threads: int | None) -> Load:
    """The model of a camera as it was trained, loaded once for all that share it, and its folder."""
    loaded: dict[Path, Model] = {}

    def load(spec: CameraSpec) -> tuple[Model, Path]:
        folder = spec.model or (None if shared is None else Path(shared))
        if folder is None:
            raise UsageError(f"{spec.name}: no model: give --model, or model: in the configuration")
        if folder not in loaded:
            loaded[folder] = load_model(folder, device, runtime, threads, taught=False)
        return loaded[folder], folder

    return load


def _camera(
    spec: CameraSpec,
    load: Load,
    sets: Sequence[str],
    fast: bool,
    out: Path,
    tell: Callable[[str], None],
    news: threading.Event,
    patience: Patience,
) -> Camera:
    trained, folder = load(spec)
    budget = [] if spec.budget_per_day is None else [f"alarm.budget_per_hour={spec.budget_per_day / 24.0}"]

    def ready() -> tuple[Model, Alarm]:
        model = with_settings(with_taught(trained, folder), None, [LOW_DELAY, *sets, *spec.set, *budget])
        return model, alarm(trained.cfg, model)

    known = stamp(folder)

    def taught() -> tuple[Model, Alarm] | None:
        nonlocal known
        now = stamp(folder)
        if now == known:
            return None
        known = now
        return ready()

    model, rest = ready()
    tell(f"{spec.name}: {rest.note}")
    if rest.warning is not None:
        tell(f"{spec.name}: warning: {rest.warning}")
    write_card(out, _card(spec, folder, trained, model, rest))
    return Camera(spec, model, rest, out, tell, fast, news, patience, taught)


def _card(spec: CameraSpec, folder: Path, trained: Model, model: Model, rest: Alarm) -> CameraCard:
    return CameraCard(
        name=spec.name,
        source=target_of(spec.source).shown,
        model=str(folder.resolve()),
        model_hash=trained.hash,
        level=model.cfg.level,
        threshold=None if rest.threshold is None else rest.threshold.to_dict(),
        note=rest.note,
        words=dict(model.words),
        zones=[z.model_dump(mode="json") for z in spec.zones],
    )


def _claim(out: Path, stack: ExitStack) -> None:
    """The folder is this process's until it ends, however it ends."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((out / ".watch.lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        raise OutputError(f"{out}: another watch writes here; give each its own folder") from e
    except OSError as e:
        raise OutputError(f"{out}: cannot write here: {e.strerror or e}") from e


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--metrics {text}: write HOST:PORT or PORT")
    return host or "127.0.0.1", int(port)
