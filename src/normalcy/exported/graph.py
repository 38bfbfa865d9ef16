"""A network as a graph that runs without PyTorch, by OpenVINO or by onnxruntime. The only place that knows how."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from normalcy.errors import ModelError, UsageError
from normalcy.versions import usable_cores, version

Clips = NDArray[np.uint8]
"""(B, T, H, W, 3) RGB."""
Features = NDArray[np.float32]
"""(B, D, t, h, w)."""
SHAPES_KEPT = 4
"""Picture sizes that OpenVINO's compiled graphs are kept for: cameras of one model may differ."""
RUNTIMES = ("openvino", "onnxruntime")


class Graph(Protocol):
    """Clips in, features out. One thread at a time."""

    def __call__(self, clips_BTHWC: Clips) -> Features: ...


@dataclass(frozen=True, slots=True)
class GraphFile:
    """A graph as it lies in a model folder."""

    name: str
    """Its file, for messages: ``x.onnx``, or ``x.xml``, whose weights lie in ``x.bin``."""
    data: bytes
    weights: bytes = b""
    precision: str = "fp32"
    """fp32, bf16 or int8."""

    @property
    def kind(self) -> str:
        """``onnx`` or ``openvino``."""
        return "onnx" if self.name.endswith(".onnx") else "openvino"


def runtimes_of(kind: str, precision: str) -> tuple[str, ...]:
    """Runtimes that can run graphs of this kind in this precision, whether they are installed or not."""
    if kind == "openvino" or precision == "bf16":
        return ("openvino",)
    return ("onnxruntime",) if precision == "int8" else RUNTIMES


def installed(runtime: str) -> bool:
    """Whether a runtime's package is there."""
    try:
        return importlib.util.find_spec(runtime) is not None
    except (ImportError, ValueError):  # something is there that cannot be imported
        return False


def usual_threads() -> int:
    """Threads that a graph runs on: OMP_NUM_THREADS where it is set, as for PyTorch, else the cores that may be used."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) else usable_cores()


def open_graph(file: GraphFile, runtime: str, threads: int) -> Graph:
    """Make a graph ready.

    Raises UsageError where the runtime is missing or the processor lacks the precision, ModelError for the graph itself.
    """
    if not installed(runtime):
        raise UsageError(f"runtime {runtime} is not installed: pip install {runtime}, or 'normalcy[runtime]' for all runtimes")
    opened: Callable[[GraphFile, int], Graph] = OpenVinoGraph if runtime == "openvino" else OnnxGraph
    try:
        return opened(file, threads)
    except (UsageError, ModelError):
        raise
    except Exception as e:  # what a runtime raises on a graph that it cannot read is its own affair
        reason = " ".join(str(e).split())[:200] or type(e).__name__
        raise ModelError(f"{file.name}: {runtime} {version(runtime)} cannot read it: {reason}; export the model again") from e


class OpenVinoGraph:
    """A graph in OpenVINO, compiled for each picture size that comes: for known sizes it is faster than for any."""

    def __init__(self, file: GraphFile, threads: int) -> None:
        """Raises UsageError for bf16 on a processor that has none: OpenVINO would emulate it without a word."""
        import openvino

        self._core = openvino.Core()
        able = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if file.precision == "bf16" and "BF16" not in able:
            raise UsageError(
                f"{file.name}: this processor computes no bf16 (OpenVINO offers {', '.join(able)}); export with precision fp32"
            )
        self._file, self._threads = file, threads
        self._model: Any = self._read()
        self._ready: dict[tuple[int, ...], Any] = {}

    def _read(self) -> Any:
        if self._file.kind == "onnx":
            return self._core.read_model(self._file.data)
        return self._core.read_model(self._file.data, self._file.weights)

    def __call__(self, clips_BTHWC: Clips) -> Features:
        return np.asarray(self._compiled(clips_BTHWC.shape[1:])(clips_BTHWC)[0], dtype=np.float32)

    def _compiled(self, shape: tuple[int, ...]) -> Any:
        ready = self._ready.pop(shape, None)
        if ready is None:
            model = self._read() if self._ready else self._model
            model.reshape([-1, *shape])
            # Without the hint OpenVINO takes bf16 on processors that have it, and scores change without a word.
            hint = "bf16" if self._file.precision == "bf16" else "f32"
            settings = {
                "INFERENCE_PRECISION_HINT": hint,
                "INFERENCE_NUM_THREADS": self._threads,
                "PERFORMANCE_HINT": "LATENCY",
                "ENABLE_CPU_PINNING": False,
            }
            ready = self._core.compile_model(model, "CPU", settings)
        self._ready[shape] = ready  # the newest last
        if len(self._ready) > SHAPES_KEPT:
            del self._ready[next(iter(self._ready))]
        return ready


class OnnxGraph:
    """A graph in onnxruntime."""

    def __init__(self, file: GraphFile, threads: int) -> None:
        import onnxruntime

        if file.kind != "onnx":
            raise UsageError(f"{file.name}: onnxruntime reads ONNX graphs alone; export with --format onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # beside decoding, spinning takes its time
        self._session = onnxruntime.InferenceSession(file.data, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, clips_BTHWC: Clips) -> Features:
        return np.asarray(self._session.run(None, {self._input: np.ascontiguousarray(clips_BTHWC)})[0], dtype=np.float32)


Graphs = Mapping[str, Graph]
"""By name: ``clips`` for any number of frames, ``pair`` for two."""
