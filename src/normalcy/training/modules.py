"""The Lightning modules, kept thin: what a step computes and which optimiser it uses. Networks and losses live in nn."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from normalcy.config import Config
from normalcy.errors import TrainingError
from normalcy.nn import losses
from normalcy.nn.build import Network
from normalcy.nn.inputs import picture
from normalcy.nn.passes import Batch, Passes, without_frame
from normalcy.nn.share import by_shares
from normalcy.nn.tasks import TASKS

__all__ = ["Batch", "DecoderTask", "ProxyTask", "without_frame"]


MOST_LEFT_OUT = 0.1
"""Share of the steps that may be left out because their gradients are not finite."""


class _Task(LightningModule):
    """AdamW with a linear warm-up and a cosine to zero, over a fixed number of steps."""

    def __init__(self, network: Network, cfg: Config, steps: int, lr: float) -> None:
        super().__init__()
        self.network, self.cfg = network, cfg
        self._steps, self._lr, self._left_out = steps, lr, 0

    def configure_optimizers(self) -> Any:
        train = self.cfg.train
        parameters = [p for p in self.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(parameters, lr=self._lr, weight_decay=train.weight_decay)
        rise = round(train.warmup * self._steps)

        def factor(step: int) -> float:
            if step < rise:
                return (step + 1) / (rise + 1)
            return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (step - rise) / max(1, self._steps - rise))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: Any = None, gradient_clip_algorithm: Any = None
    ) -> None:
        """Clip by the norm over all parameters. A step whose gradients are not finite is left out: in bfloat16 a CPU's kernels
        now and then give such for a wide convolution, and one of them would end the training.

        Raises TrainingError when that is no exception any more.
        """
        parameters = [p for p in self.parameters() if p.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(parameters, float(gradient_clip_val or math.inf))
        if torch.isfinite(norm):
            return
        self._left_out += 1
        if self._left_out > MOST_LEFT_OUT * self._steps:
            raise TrainingError(
                f"the gradients of {self._left_out} steps were not finite, the last at step {self.global_step}: "
                "train in full precision (train.precision=fp32) or with a lower train.lr"
            )
        for p in parameters:
            p.grad = None

    def _report(self, terms: dict[str, Tensor], prefix: str) -> None:
        for name, value in terms.items():
            if name.endswith("loss") and not torch.isfinite(value):
                raise TrainingError(
                    f"{name} became {value.item()} at step {self.global_step}: "
                    "train in full precision (train.precision=fp32) or with a lower train.lr"
                )
        size = 1  # every batch has the same size, so the mean over batches needs no weights
        self.log_dict({f"{prefix}/{k}": v.detach() for k, v in terms.items()}, batch_size=size)


class ProxyTask(_Task):
    """Stage 1: the joint loss of equation 8 over the tasks that are switched on."""

    def __init__(self, network: Network, cfg: Config) -> None:
        super().__init__(network, cfg, cfg.train.steps, cfg.train.lr)
        if self.cfg.encoder.frozen:
            network.encoder.requires_grad_(False)

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        if self.cfg.encoder.frozen:  # without gradients its running statistics would still move
            self.network.encoder.eval()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        loss, terms = self.terms(batch)
        self._report({**terms, "loss": loss}, "train")  # the task's own loss first: an error then names the one to blame
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        loss, terms = self.terms(batch)
        self._report({**terms, "loss": loss}, "val")

    def terms(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """(joint loss, every task's loss and accuracy). Losses carry gradients, accuracies do not."""
        passes = Passes(self.network, batch, self.cfg)
        terms: dict[str, Tensor] = {}
        extra: dict[str, Tensor] = {}
        for name, task in TASKS.items():
            if getattr(self.cfg.tasks, name):
                terms[name], more = task.loss(passes)
                extra |= more
        weights = {n: getattr(self.cfg.tasks, n) for n in terms}
        return losses.joint_loss(terms, weights), {**{f"{n}_loss": t for n, t in terms.items()}, **extra}


class DecoderTask(_Task):
    """Stage 2: estimate a dropped interior frame from the others (intensity + gradient loss), F frozen unless asked."""

    def __init__(self, network: Network, cfg: Config) -> None:
        super().__init__(network, cfg, cfg.decoder.steps, cfg.decoder.lr)
        self._frozen = self.cfg.decoder.freeze_encoder
        network.heads.requires_grad_(False)
        network.encoder.requires_grad_(not self._frozen)

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        if self._frozen:
            self.network.encoder.eval()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        return self._step(batch, "train")

    def validation_step(self, batch: Batch, index: int) -> None:
        self._step(batch, "val")

    def _step(self, batch: Batch, prefix: str) -> Tensor:
        v, m = batch["v"], batch["m"]
        rows = torch.arange(len(m), device=m.device)
        estimate, target = by_shares(self.network.estimate, v, m), picture(v[rows, m])
        intensity = losses.intensity_loss(estimate, target)
        loss = intensity + losses.gradient_loss(estimate, target)
        between = (picture(v[rows, m - 1]) + picture(v[rows, m + 1])) * 0.5
        # Below 1 the decoder beats the mean of the two neighbours; at 1 the psnr readout says nothing of its own.
        ratio = intensity.detach() / losses.intensity_loss(between, target).clamp_min(1e-8)
        self._report({"loss": loss, "against_interpolation": ratio}, prefix)
        return loss
