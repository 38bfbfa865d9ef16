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
from normalcy.nn.build import Network, frozen_statistics
from normalcy.nn.inputs import picture, to_input

Batch = dict[str, Tensor]
"""v (B, T, h, w, 3) uint8, c the same or one frame shorter, m (B,), scene (B,): see normalcy.data.clips."""


def without_frame(v_BTHWC: Tensor, m: Tensor) -> Tensor:
    """V_d: each clip without its frame m. (B, T, ...) -> (B, T-1, ...)."""
    order = torch.arange(v_BTHWC.shape[1] - 1, device=m.device)[None]
    return v_BTHWC[torch.arange(len(m), device=m.device)[:, None], order + (order >= m[:, None])]


class _Task(LightningModule):
    """AdamW with a linear warm-up and a cosine to zero, over a fixed number of steps."""

    def __init__(self, network: Network, steps: int, lr: float) -> None:
        super().__init__()
        self.network = network
        self.cfg: Config = network.cfg
        self._steps, self._lr = steps, lr

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

    def __init__(self, network: Network) -> None:
        super().__init__(network, network.cfg.train.steps, network.cfg.train.lr)
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
        w, heads = self.cfg.tasks, self.network.heads
        v, c, m = batch["v"], batch["c"], batch["m"]
        terms: dict[str, Tensor] = {}
        extra: dict[str, Tensor] = {}
        if w.continuity or w.localisation or w.estimation:
            f_d, f_c = self._clip_features(without_frame(v, m), c)
            if w.continuity:
                l_d, l_c = heads.continuity(f_d), heads.continuity(f_c)
                terms["continuity"] = losses.continuity_loss(l_d, l_c)
                right = torch.cat([l_d.argmax(dim=1) == 1, l_c.argmax(dim=1) == 0])
                extra["continuity_accuracy"] = right.float().mean()
            if w.localisation:
                logits = heads.localise(f_d)
                terms["localisation"] = losses.localisation_loss(logits, m)
                extra["localisation_accuracy"] = (logits.argmax(dim=1) == m - 1).float().mean()
            if w.estimation:
                terms["estimation"], extra["estimation_accuracy"] = self._estimation(f_d, f_c, batch)
        if w.frame_prediction:
            terms["frame_prediction"] = self._prediction(v)
        weights = {n: getattr(w, n) for n in terms}
        return losses.joint_loss(terms, weights), {**{f"{n}_loss": t for n, t in terms.items()}, **extra}

    def _clip_features(self, d: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        if d.shape[1] == c.shape[1]:  # one pass; batch statistics then see both kinds alike
            both = self._encode(torch.cat([d, c]))
            return both[: len(d)], both[len(d) :]
        return self._encode(d), self._encode(c)

    def _encode(self, x_BTHWC: Tensor) -> Tensor:
        f: Tensor = self.network.encoder(_laid_out(to_input(x_BTHWC, self.cfg.input.channels)))
        return f

    def _estimation(self, f_d: Tensor, f_c: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Equation 3, and how often the missing frame is nearer to V_d than V_c is (chance: half)."""
        w, heads = self.cfg.tasks, self.network.heads
        rows = torch.arange(len(batch["m"]), device=batch["m"].device)
        single = batch["v"][rows, batch["m"]].unsqueeze(1)
        with frozen_statistics(self.network.encoder):
            f_m = self._encode(single)
        z_d, z_m, z_c = heads.project(f_d), heads.project(f_m), heads.project(f_c)
        scene = batch["scene"]
        other = scene[:, None] != scene[None, :]
        # One scene in the batch: other clips stand in for "other scenes".
        other |= ~other.any(dim=1, keepdim=True) & ~torch.eye(len(scene), dtype=torch.bool, device=scene.device)
        loss = losses.estimation_loss(z_d, z_m, z_c, w.omega, w.gamma, w.tau, other)
        with torch.no_grad():
            cos = torch.nn.functional.cosine_similarity
            nearer = cos(z_d.float(), z_m.float()) > cos(z_d.float(), z_c.float())
        return loss, nearer.float().mean()

    def _prediction(self, v: Tensor) -> Tensor:
        last = torch.full((len(v),), v.shape[1] - 1, dtype=torch.long, device=v.device)
        estimate, target = self.network.estimate(v, last), picture(v[:, -1])
        return losses.intensity_loss(estimate, target) + losses.gradient_loss(estimate, target)


class DecoderTask(_Task):
    """Stage 2: estimate a dropped interior frame from the others (intensity + gradient loss), F frozen unless asked."""

    def __init__(self, network: Network) -> None:
        super().__init__(network, network.cfg.decoder.steps, network.cfg.decoder.lr)
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
        estimate, target = self.network.estimate(v, m), picture(v[rows, m])
        intensity = losses.intensity_loss(estimate, target)
        loss = intensity + losses.gradient_loss(estimate, target)
        between = (picture(v[rows, m - 1]) + picture(v[rows, m + 1])) * 0.5
        # Below 1 the decoder beats the mean of the two neighbours; at 1 the psnr readout says nothing of its own.
        ratio = intensity.detach() / losses.intensity_loss(between, target).clamp_min(1e-8)
        self._report({"loss": loss, "against_interpolation": ratio}, prefix)
        return loss


def _laid_out(x_BCTHW: Tensor) -> Tensor:
    return x_BCTHW.contiguous(memory_format=torch.channels_last_3d)
