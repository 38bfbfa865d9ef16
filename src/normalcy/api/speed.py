"""What is fastest on this machine: measured once, kept in the user's cache, shown by the doctor."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from normalcy.config import Config
from normalcy.errors import NormalcyError, OutputError
from normalcy.exported.graph import RUNTIMES, installed, open_graph, usual_threads
from normalcy.exported.model import Exported
from normalcy.files import write_json
from normalcy.nn.stored import MODEL, Stored
from normalcy.scoring.model import Model
from normalcy.versions import processor, version
from normalcy.video.cache import cache_root
from normalcy.video.reader import working_size

M = TypeVar("M", bound=Model)
FILE = "speed.json"
RUNS = 3
"""The fastest of so many counts, after one that does not."""
BATCH = 8
PICTURE = (1280, 720)
"""Proportions of the video that is measured with."""
GAIN = 1.05
"""bf16 has to be so many times as fast to be chosen: it changes scores."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one network needed on this machine."""

    key: str
    """Of network, processor, threads and versions: anything else is measured anew."""
    what: str
    """For people."""
    seconds: Mapping[str, float]
    """Of a batch, by what was compared."""

    @property
    def best(self) -> str:
        """The fastest."""
        return min(self.seconds, key=lambda name: self.seconds[name])

    def sentence(self) -> str:
        """For the doctor."""
        fastest = self.seconds[self.best]
        return f"{self.what}: " + ", ".join(
            name if s == fastest else f"{name} takes {s / fastest:.2g} times as long"
            for name, s in sorted(self.seconds.items(), key=lambda kv: kv[1])
        )


def fastest(stored: Stored) -> str:
    """The runtime that runs an exported model fastest here, ``torch`` among them where its network is as exact.

    Raises UsageError where none is installed.
    """
    exported = Exported.of(stored)
    there = list(exported.available())
    if installed("torch") and exported.precision == "fp32":
        there.append("torch")
    if len(there) < 2 or not exported.files:
        return there[0] if there else RUNTIMES[0]
    content = b"".join(hashlib.sha256(stored.blobs[n]).digest() for n in sorted(stored.blobs))
    clips = _clips(stored.config, 2 if "pair" in exported.files else stored.config.clip.length)

    def works() -> dict[str, Callable[[], object]]:
        out: dict[str, Callable[[], object]] = {}
        for runtime in there:
            with suppress(NormalcyError):  # one that cannot run it is no choice
                out[runtime] = _torch_work(stored, clips) if runtime == "torch" else _graph_work(exported, runtime, clips)
        return out

    what = f"exported {stored.config.encoder.name} encoder, {exported.precision}"
    return _known_or_measured(_key(content, [version(r) for r in there]), what, works).best


def precision_here(cfg: Config, network: Any) -> Measured:
    """How long a network needs in fp32 and in bf16 by PyTorch on this processor. network: normalcy.nn.build.Network."""
    e, i = cfg.encoder, cfg.input
    content = f"{e.name} {e.width} {e.endpoint} {i.model_dump_json()} {cfg.clip.length}".encode()
    clips = _clips(cfg, 2 if cfg.scoring.density_of == "pair" else cfg.clip.length)

    def works() -> dict[str, Callable[[], object]]:
        return {p: _torch_network_work(cfg, network, clips, p) for p in ("fp32", "bf16")}

    return _known_or_measured(_key(content, [version("torch")]), f"{e.name} encoder, torch", works)


def resolved(cfg: Config, network: Any) -> Config:
    """The configuration with ``scoring.precision: auto`` decided for this machine."""
    if cfg.scoring.precision != "auto":
        return cfg
    s = precision_here(cfg, network).seconds
    precision = "bf16" if s["fp32"] / s["bf16"] >= GAIN else "fp32"
    return cfg.model_copy(update={"scoring": cfg.scoring.model_copy(update={"precision": precision})})


def slower_bf16(cfg: Config, network: Any) -> str | None:
    """A sentence where bf16 was chosen by hand and is the slower one here."""
    if cfg.scoring.precision != "bf16":
        return None
    s = precision_here(cfg, network).seconds
    if s["bf16"] <= s["fp32"]:
        return None
    return f"scoring.precision=bf16 takes {s['bf16'] / s['fp32']:.1f} times as long as fp32 on this processor"


def decided(model: M) -> M:
    """A model with ``scoring.precision: auto`` decided for this machine; warns where bf16 was asked for and is slower."""
    network = getattr(getattr(model, "frame", model), "network", None)
    if network is None or model.device != "cpu":
        return model
    if slow := slower_bf16(model.cfg, network):
        warnings.warn(slow, UserWarning, stacklevel=2)
    cfg = resolved(model.cfg, network)
    return model if cfg is model.cfg else model.with_config(cfg)


def measured() -> list[Measured]:
    """Everything that was measured on this machine so far; empty where nothing was, or where it cannot be read."""
    try:
        content = json.loads(_path().read_text(encoding="utf-8"))
        return [
            Measured(str(m["key"]), str(m["what"]), {str(k): float(v) for k, v in m["seconds"].items()})
            for m in content["measured"]
            if m["seconds"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _known_or_measured(key: str, what: str, works: Callable[[], Mapping[str, Callable[[], object]]]) -> Measured:
    known = measured()
    for m in known:
        if m.key == key:
            return m
    new = Measured(key, what, _times(works()))
    others = [m for m in known if m.what != what]  # the newest of each kind is kept
    with suppress(OSError, OutputError):  # measured again next time
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"measured": [asdict(m) for m in (*others, new)]})
    return new


def _times(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The least seconds of each. They take turns, so that what else the machine does meanwhile hits all alike."""
    best = dict.fromkeys(works, float("inf"))
    for run in range(RUNS + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if run:
                best[name] = min(best[name], time.perf_counter() - started)
    return best


def _path() -> Path:
    return cache_root() / FILE


def _key(content: bytes, versions: list[str]) -> str:
    facts = [processor(), str(usual_threads()), *versions, hashlib.sha256(content).hexdigest()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def _clips(cfg: Config, frames: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    width, height = working_size(*PICTURE, cfg.input)
    return np.random.default_rng(0).integers(0, 256, (BATCH, frames, height, width, 3), dtype=np.uint8)


def _graph_work(exported: Exported, runtime: str, clips: Any) -> Callable[[], object]:
    graphs = [open_graph(f, runtime, usual_threads()) for f in exported.files.values()]
    return lambda: [g(clips) for g in graphs]


def _torch_work(stored: Stored, clips: Any) -> Callable[[], object]:
    from normalcy.nn.bundle import with_network

    assert MODEL in stored.blobs
    return _torch_network_work(stored.config, with_network(stored).network, clips, "fp32")


def _torch_network_work(cfg: Config, network: Any, clips: Any, precision: str) -> Callable[[], object]:
    import torch

    from normalcy.nn.fold_batchnorm import folded
    from normalcy.scoring.windows import Windows

    scoring = cfg.scoring.model_copy(update={"precision": precision})
    own = cfg.model_copy(update={"scoring": scoring})
    b, t = clips.shape[:2]
    frames = torch.from_numpy(clips.reshape(b * t, *clips.shape[2:])).to(next(network.parameters()).device)
    index = torch.arange(b * t, device=frames.device).view(b, t)
    encoder = folded(network.encoder)

    def work() -> object:
        with torch.inference_mode():
            return Windows(network, frames, index, own, encoder).full

    return work
