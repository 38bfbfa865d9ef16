"""Fields taken apart: a picture woven from two moments becomes one of one moment, by libavfilter's bwdif."""

from __future__ import annotations

from typing import Any, Literal

import av.filter


class Deinterlacer:
    """push() decoded frames, get as many back in the same order, the last ones from finish().

    mode: auto takes apart the frames that the decoder flags as interlaced, and does nothing at all before the first of them;
    on: all; off: none. Raises what PyAV raises.
    """

    def __init__(self, mode: Literal["auto", "on", "off"]) -> None:
        self._mode = mode
        self._graph: Any = None
        self._form: tuple[int, int, str] | None = None

    def push(self, frame: Any) -> list[Any]:
        """Take the next frame; returns those that are ready (one waits for its successor)."""
        if self._mode == "off" or (self._graph is None and self._mode == "auto" and not frame.interlaced_frame):
            return [frame]
        form = (frame.width, frame.height, frame.format.name)
        done = self.finish() if form != self._form else []
        if self._graph is None:
            self._graph, self._form = _graph(frame, "interlaced" if self._mode == "auto" else "all"), form
        self._graph.push(frame)
        return done + self._pull()

    def finish(self) -> list[Any]:
        """The frames that still wait; another stretch of video may follow."""
        if self._graph is None:
            return []
        self._graph.push(None)
        done = self._pull()
        self._graph = self._form = None
        return done

    @property
    def active(self) -> bool:
        """Whether frames pass through the filter now."""
        return self._graph is not None

    def _pull(self) -> list[Any]:
        done = []
        while True:
            try:
                done.append(self._graph.pull())
            except (BlockingIOError, EOFError):
                return done


def _graph(frame: Any, which: str) -> Any:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    bwdif = graph.add("bwdif", f"mode=send_frame:parity=auto:deint={which}")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph
