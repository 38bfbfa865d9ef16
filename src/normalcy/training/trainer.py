"""The Lightning trainer of one stage, alike in all processes that train together."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, Trainer

from normalcy.config import Config

VALIDATIONS = 5
"""How often over the whole training the held-out part is looked at."""


def make_trainer(
    cfg: Config, device: torch.device, steps: int, precision: str, loggers: Any, callbacks: list[Callback]
) -> Trainer:
    """A trainer for so many steps. precision: fp32 or bf16. loggers: False for none."""
    several: dict[str, Any] = {}
    if cfg.train.devices > 1:
        from lightning.pytorch.strategies import DDPStrategy

        backend = "nccl" if device.type == "cuda" else "gloo"
        # static_graph: heads of tasks that are off get no gradient, in any step. Buffers are equal everywhere already.
        strategy = DDPStrategy(process_group_backend=backend, static_graph=True, broadcast_buffers=False)
        several = {"strategy": strategy, "use_distributed_sampler": False}
    return Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=cfg.train.devices,
        max_steps=steps,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        gradient_clip_val=cfg.train.clip_norm,
        logger=loggers,
        callbacks=callbacks,
        val_check_interval=max(1, steps // VALIDATIONS),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=max(1, min(50, steps // 100)),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **several,
    )
