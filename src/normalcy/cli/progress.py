"""Progress on stderr: live bars on a terminal; elsewhere a plain line per stage, and one every ten seconds in a long one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType
    from rich.progress import Progress

Report = Callable[[str, int, int | None, Mapping[str, float]], None]
"""What the API calls with (stage, done, total or None, latest figures)."""
EVERY_S = 10.0


class _Shown(Protocol):
    def __call__(self, stage: str, done: int, total: int | None, figures: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


@contextmanager
def shown(stream: TextIO | None = None) -> Iterator[Report]:
    """A callback for the API's ``progress``, shown on stderr until the context ends. stream: instead of stderr, for tests."""
    out = stream if stream is not None else sys.stderr
    view: _Shown = Bars(out) if out.isatty() else Lines(out)
    try:
        yield view
    finally:
        view.close()


class Lines:
    """Plain lines for a log file."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._stage = ""
        self._pending: str | None = None
        self._started = self._last = clock()

    def __call__(self, stage: str, done: int, total: int | None, figures: Mapping[str, float]) -> None:
        """Take one report; prints at the stage's end and at most every ten seconds before it."""
        now = self._clock()
        if stage != self._stage:
            self.close()
            self._stage, self._started, self._last = stage, now, now
        text = ", ".join([f"{stage}: {count(done, total)} in {now - self._started:.0f} s", *summary(figures)])
        if done == total or now - self._last >= EVERY_S:
            self._print(text)
            self._last, self._pending = now, None
        else:
            self._pending = text

    def close(self) -> None:
        """Print where the last stage stood, if its last line has not."""
        if self._pending is not None:
            self._print(self._pending)
        self._pending = None

    def _print(self, text: str) -> None:
        try:
            print(text, file=self._out, flush=True)
        except OSError:  # nobody reads stderr any more; the work goes on
            return


class Bars:
    """One live bar for the stage that runs, with the table of losses and accuracies under it; a line for each that is done."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console

        self._figures: Mapping[str, float] = {}
        self._bar = _bar(Console(file=out), lambda: _table(self._figures))
        self._bar.start()
        self._stage = ""
        self._task = self._bar.add_task("", visible=False)
        self._state: tuple[int, int | None] = (0, None)
        self._started = time.monotonic()

    def __call__(self, stage: str, done: int, total: int | None, figures: Mapping[str, float]) -> None:
        """Take one report."""
        if stage != self._stage:
            self._settle()
            self._bar.remove_task(self._task)
            self._task = self._bar.add_task(stage, total=total)
            self._stage, self._started = stage, time.monotonic()
        self._state, self._figures = (done, total), figures
        self._bar.update(self._task, completed=done, total=total)

    def _settle(self) -> None:
        """Leave one line of a finished stage on the screen: a hundred videos would be a hundred bars."""
        if self._stage:
            took = time.monotonic() - self._started
            parts = [f"{self._stage}: {count(*self._state)} in {took:.0f} s", *summary(self._figures)]
            self._bar.console.print(", ".join(parts), highlight=False, markup=False, style="dim")
        self._figures = {}

    def refresh(self) -> None:
        """Draw now, instead of within a tenth of a second."""
        self._bar.refresh()

    def close(self) -> None:
        """Take the bar off the screen."""
        self._settle()
        self._bar.remove_task(self._task)
        self._bar.stop()


def count(done: int, total: int | None) -> str:
    """``3/10``, or ``3`` where the total is not known."""
    return f"{done}" if total is None else f"{done}/{total}"


def summary(figures: Mapping[str, float]) -> list[str]:
    """The figures in words, one entry per task: held-out ones where there are any, since those say whether it learns."""
    out = []
    for name, (loss, accuracy) in (_rows(figures, "val") or _rows(figures, "train")).items():
        chance = figures.get(f"chance/{name}")
        text = f"{name} loss {loss:.3f}" if loss is not None else name
        if accuracy is not None:
            text += f" accuracy {accuracy:.2f}" + ("" if chance is None else f" (chance {chance:.2f})")
        out.append(text)
    if not out and (loss := figures.get("val/loss", figures.get("train/loss"))) is not None:
        out.append(f"loss {loss:.3f}")
    return out


def _rows(figures: Mapping[str, float], part: str) -> dict[str, tuple[float | None, float | None]]:
    """Task -> (loss, accuracy), of the tasks that have figures. part: train or val."""
    of = [k.removeprefix(f"{part}/").rpartition("_") for k in figures if k.startswith(f"{part}/")]
    names = dict.fromkeys(name for name, _, kind in of if name and kind in ("loss", "accuracy"))
    return {n: (figures.get(f"{part}/{n}_loss"), figures.get(f"{part}/{n}_accuracy")) for n in names}


def _table(figures: Mapping[str, float]) -> RenderableType | None:
    """Loss and accuracy against chance of every task, in training and on held-out video; None without figures."""
    from rich.table import Table

    train, held = _rows(figures, "train"), _rows(figures, "val")
    if not train and not held:
        return None
    from normalcy.nn.tasks import TASKS  # where there are figures, a training runs: PyTorch is loaded

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for title in ("loss", "held out", "accuracy", "held out", "chance"):
        table.add_column(title, justify="right")
    for name in train | held:
        (loss, accuracy), (v_loss, v_accuracy) = train.get(name, (None, None)), held.get(name, (None, None))
        cells = [_number(v) for v in (loss, v_loss, accuracy, v_accuracy, figures.get(f"chance/{name}"))]
        table.add_row(TASKS[name].title if name in TASKS else name, *cells)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _bar(console: object, below: Callable[[], RenderableType | None]) -> Progress:
    from rich import progress as rp
    from rich.console import Console

    assert isinstance(console, Console)

    class WithTable(rp.Progress):
        def get_renderables(self) -> Iterable[RenderableType]:
            yield from super().get_renderables()
            table = below()
            if table is not None:
                yield table

    return WithTable(
        rp.TextColumn("{task.description}"),
        rp.BarColumn(bar_width=30),
        rp.MofNCompleteColumn(),
        rp.TimeElapsedColumn(),
        rp.TextColumn("left"),
        rp.TimeRemainingColumn(),
        console=console,
        transient=True,
    )
