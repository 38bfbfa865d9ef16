"""What a machine has and lacks. Every check stands alone: a broken library is a finding, not a crash."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from normalcy.detection.weights import KNOWN, locate, weights_folders
from normalcy.exported.graph import installed
from normalcy.files import check_writable
from normalcy.parts import DETECTORS
from normalcy.versions import usable_cores, version

EXTRAS = {
    "log": ("tensorboard", "TensorBoard logs of training"),
    "data": ("h5py", "label files in MATLAB 7.3 format"),
    "objects": ("onnxruntime", "objects found by a model, not by their motion alone"),
    "runtime": ("openvino", "exported models, scored without PyTorch"),
    "export": ("nncf", "exports in int8"),
    "watch": ("sqlalchemy", "events of live cameras kept in a database"),
    "postgres": ("psycopg", "that database on a PostgreSQL server"),
    "web": ("fastapi", "the page of a watch and of recordings (serve)"),
    "cluster": ("ray", "an archive scored by the workers of a Ray cluster"),
    "s3": ("obstore", "sources and results at s3:// addresses"),
}
"""Optional extra -> (distribution that it brings, what that is for)."""
WITHOUT_TORCH = "PyTorch is not installed", None, "exported models are scored without; training needs it: pip install torch"
LOW_SPACE = 2 * 2**30
"""Bytes; ten minutes of 360p video take about 2 GiB in the cache."""
PROBE_RUNS = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    name: str
    found: str
    ok: bool | None = True
    """None: nothing is wrong, but something optional is missing or slow."""
    advice: str = ""
    """What to do about it; empty where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings."""

    checks: Sequence[Check]

    @property
    def ok(self) -> bool:
        """Whether normalcy can work here."""
        return all(c.ok is not False for c in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"ok": self.ok, "checks": [asdict(c) for c in self.checks]}


def examine(only: Sequence[str] = ()) -> Report:
    """Look at this machine. Takes a few seconds, most of it for importing PyTorch and the speed probe; never raises.

    only: names of checks, to make no others.
    """
    probes: dict[str, Callable[[], Check]] = {
        "normalcy": _normalcy,
        "python": _python,
        "cores": _cores,
        "torch": _torch,
        "gpu": _gpu,
        "video": _video,
        "cache": _cache,
        "speed": _speed,
        "precision": _precision,
        "runtimes": _runtimes,
        **{f"extra {name}": lambda name=name: _extra(name) for name in EXTRAS},  # type: ignore[misc]
        **{f"weights {name}": lambda name=name: _weights(name) for name in KNOWN},  # type: ignore[misc]
    }
    return Report([_run(name, probe) for name, probe in probes.items() if not only or name in only])


def _run(name: str, probe: Callable[[], Check]) -> Check:
    try:
        return probe()
    except Exception as e:  # whatever a broken library raises on import is what the user has to read
        reason = " ".join(str(e).split()) or type(e).__name__
        return Check(name, f"does not work: {reason}", False, "install normalcy again, in an environment of its own")


def _normalcy() -> Check:
    return Check("normalcy", f"{version()} in {Path(__file__).resolve().parents[1]}")


def _python() -> Check:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"
    return Check("python", text)


def _cores() -> Check:
    cores = usable_cores()
    text = f"{cores} usable of {os.cpu_count()}"
    if hasattr(os, "getloadavg"):
        load = os.getloadavg()[0]
        text += f", load {load:.1f}"
        if load > 1.5 * cores:
            return Check("cores", text, None, "the machine is busy: training and scoring will be slower than they could be")
    return Check("cores", text)


def _torch() -> Check:
    if not installed("torch"):
        return Check("torch", *WITHOUT_TORCH)
    import torch

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    return Check("torch", f"{torch.__version__} ({build}), {torch.get_num_threads()} threads")


def _gpu() -> Check:
    if not installed("torch"):
        return Check("gpu", *WITHOUT_TORCH)
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return Check("gpu", ", ".join(f"{p.name} ({p.total_memory / 2**30:.0f} GiB)" for p in names))
    if torch.version.cuda:
        advice = "this PyTorch could use one: look at the driver (nvidia-smi) if the machine has a GPU"
        return Check("gpu", "none that PyTorch sees", None, advice)
    return Check("gpu", "none; this PyTorch is built for the CPU", None, "with a GPU, install PyTorch's CUDA build")


def _video() -> Check:
    from normalcy.video.codecs import decoder, missing_codecs

    lacking = missing_codecs()
    if lacking:
        return Check("video", f"{decoder()}, without {', '.join(lacking)}", False, "install PyAV from PyPI (package av)")
    return Check("video", f"{decoder()}, H.264 in and out")


def _cache() -> Check:
    from normalcy.video.cache import ENV_ROOT, cache_root, cache_size

    root = cache_root()
    there = next(p for p in (root, *root.absolute().parents) if p.exists())
    try:
        check_writable(there)
    except OSError as e:
        return Check("cache", f"{root}: cannot be written: {e.strerror or e}", False, f"set {ENV_ROOT} to a folder of yours")
    free = shutil.disk_usage(there).free
    text = f"{root}: {cache_size() / 2**20:.0f} MiB used, {free / 2**30:.1f} GiB free"
    if free < LOW_SPACE:
        return Check("cache", text, None, f"free some space, or set {ENV_ROOT} to a folder on a larger disk")
    return Check("cache", text)


def _speed() -> Check:
    """Clips per second through the default encoder, with one thread and with all."""
    if not installed("torch"):
        return Check("speed", *WITHOUT_TORCH)
    import torch

    from normalcy.nn.build import build_encoder
    from normalcy.presets import load_config

    cfg = load_config(environ={})
    encoder = build_encoder(cfg).eval()
    x_BCTHW = torch.zeros(4, cfg.input.channel_count, cfg.clip.length, 160, 216)
    before = torch.get_num_threads()
    rates: dict[int, float] = {}
    try:
        for threads in sorted({1, before}):
            torch.set_num_threads(threads)
            rates[threads] = len(x_BCTHW) / _fastest(lambda: encoder(x_BCTHW))
    finally:
        torch.set_num_threads(before)
    text = ", ".join(f"{rate:.0f} clips/s with {n} thread{'s' if n > 1 else ''}" for n, rate in rates.items())
    if rates[before] < rates[1]:
        return Check("speed", text, None, "one thread is faster here: set train.threads=1, or OMP_NUM_THREADS=1 for scoring")
    return Check("speed", text)


def _precision() -> Check:
    """The faster precision of the default encoder by PyTorch, measured unless it is known."""
    if not installed("torch"):
        return Check("precision", *WITHOUT_TORCH)
    from normalcy.api.speed import GAIN, precision_here
    from normalcy.nn.build import build_network
    from normalcy.presets import load_config

    cfg = load_config(environ={})
    m = precision_here(cfg, build_network(cfg).eval())
    ratio = m.seconds["bf16"] / m.seconds["fp32"]
    text = f"bf16 takes {ratio:.2g} times as long as fp32"
    if ratio > 1.0 / GAIN:
        return Check("precision", f"{text}: scoring.precision=auto takes fp32")
    return Check("precision", f"{text}: scoring.precision=auto takes bf16")


def _runtimes() -> Check:
    """What was measured of exported models."""
    from normalcy.api.speed import measured
    from normalcy.exported.graph import RUNTIMES

    there = [f"{r} {version(r)}" for r in RUNTIMES if installed(r)]
    if not there:
        return Check("runtimes", "none for exported models", None, "pip install 'normalcy[runtime]'")
    known = [m.sentence() for m in measured() if m.what.startswith("exported")]
    return Check("runtimes", "; ".join([", ".join(there), *(known or ["measured when an exported model first scores"])]))


def _fastest(work: Callable[[], object]) -> float:
    import torch

    best = float("inf")
    with torch.inference_mode():
        work()  # the first run pays for warming up
        for _ in range(PROBE_RUNS):
            started = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - started)
    return best


def _extra(name: str) -> Check:
    package, purpose = EXTRAS[name]
    detectors = [d for d in DETECTORS if package in DETECTORS[d].requires]
    purpose += f" (detectors {', '.join(detectors)})" if detectors else ""
    try:
        return Check(f"extra {name}", f"{package} {importlib.metadata.version(package)}: {purpose}")
    except importlib.metadata.PackageNotFoundError:
        return Check(f"extra {name}", f"not installed: {purpose}", None, f"pip install {package}")


def _weights(name: str) -> Check:
    known, path = KNOWN[name], locate(name)
    if path is not None:
        return Check(f"weights {name}", f"{path}: {known.what}")
    where = " or ".join(map(str, weights_folders()))
    return Check(f"weights {name}", f"not in {where}: {known.what}", None, known.get)
