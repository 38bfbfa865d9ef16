"""Which arithmetic trains faster here: measured, not guessed."""

from __future__ import annotations

import copy
import time

import torch

from normalcy.training.modules import Batch, ProxyTask

GAIN = 1.15
"""bf16 has to be this much faster to be taken: below, its coarser numbers are not worth it."""


def choose_precision(task: ProxyTask, batch: Batch, device: torch.device, wish: str) -> str:
    """``fp32`` or ``bf16``. With wish ``auto`` both are timed on a copy of the network with one real batch.

    bf16 is only taken where it is clearly faster and its gradients are finite (with very short clips they were not always).
    """
    if wish != "auto":
        return wish
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        fp32, _ = _time(task, batch, device, bf16=False)
        bf16, finite = _time(task, batch, device, bf16=True)
    return "bf16" if finite and fp32 / bf16 >= GAIN else "fp32"


def _time(task: ProxyTask, batch: Batch, device: torch.device, bf16: bool) -> tuple[float, bool]:
    network = copy.deepcopy(task.network).to(device)
    probe = ProxyTask(network, task.cfg)
    moved = {k: v.to(device) for k, v in batch.items()}
    best, finite = float("inf"), True
    for _ in range(3):  # the first run pays for warming up; the minimum leaves it out
        started = time.perf_counter()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            loss, _ = probe.terms(moved)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        finite &= all(bool(torch.isfinite(g).all()) for g in gradients)
        best = min(best, time.perf_counter() - started)
        network.zero_grad()
    return best, finite
