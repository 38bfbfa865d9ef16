"""An ONNX model, opened to be run on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from normalcy.errors import UsageError, WeightsError


def open_session(path: Path, model: bytes | None, threads: int) -> Any:
    """A session of the file, or of ``model``, which was made from it. Raises UsageError without onnxruntime, WeightsError."""
    try:
        import onnxruntime as ort
    except ImportError as e:
        raise UsageError(f"{path} needs onnxruntime ({e}); pip install 'normalcy[objects]'") from e
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait leave the cores to others
    try:
        return ort.InferenceSession(str(path) if model is None else model, options, providers=["CPUExecutionProvider"])
    except Exception as e:  # onnxruntime's errors have no common class of their own
        raise WeightsError(f"{path}: cannot be opened as an ONNX model: {line_of(e)}") from e


def line_of(e: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(e).split())[:200]
