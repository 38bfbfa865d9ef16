"""The self-supervised tasks: for each its loss on a training batch and its score of a clip. Nothing here knows Lightning.

Continuity judgment, discontinuity localisation and missing frame estimation are the paper's. Arrow of time, motion
irregularity, the middle frame and distillation are those of the multi-task backbone that its starred rows build on
(Georgescu et al., "Anomaly Detection in Video via Self-Supervised and Multi-Task Learning", CVPR 2021), for clips of objects.
A score is of whole clips, (B,), higher is more abnormal unless ``two_sided``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from normalcy.config import Config
from normalcy.nn import losses
from normalcy.nn.heads import PLACE, Pool
from normalcy.nn.inputs import picture
from normalcy.nn.passes import Passes, ScoredClips
from normalcy.nn.share import by_shares

if TYPE_CHECKING:
    from normalcy.nn.build import Network

Terms = tuple[Tensor, dict[str, Tensor]]
"""A loss, and figures without gradient that tell how well the task is solved."""


class Task:
    """One proxy task: its loss, its score, and what is to be said of it."""

    name = ""
    """Its weight in ``tasks.*``."""
    abbreviation = ""
    """As tables of the paper and of [11] name it."""
    title = ""
    """In a few words, for a row of a table."""
    words = ""
    """What a high score says of what was looked at, for people; the end of a sentence."""
    levels: tuple[str, ...] = ("frame", "object")
    """Where it can be trained."""
    head = ""
    """Name of a head of its own beside P1, P2 and P3, which the network has where the task is on."""
    guess: float | None = None
    """Accuracy of guessing; None for a task without an accuracy, or where it depends on the video."""
    two_sided = False
    """A score that is unusually low is a sign too: fast objects are easier to localise than normal ones."""

    def loss(self, p: Passes) -> Terms:
        """Loss of a training batch, mean over its clips."""
        raise NotImplementedError

    def outputs(self, cfg: Config) -> int:
        """Of its own head."""
        return 2

    def chance(self, length: int) -> float | None:
        """``guess`` for clips of so many frames."""
        return self.guess

    def score(self, w: ScoredClips, teacher_BK: Tensor | None = None) -> Tensor:
        """(B,) how badly the task is solved on each clip. teacher_BK: the detector's class scores, where it has any."""
        raise NotImplementedError


def _odds(logits_B2: Tensor) -> Tensor:
    return logits_B2[:, 1] - logits_B2[:, 0]


def continuity_odds(w: ScoredClips, pool: Pool) -> Tensor:
    """P1's log-odds of "discontinuous" on what it was trained on, intact: whole clips, or their two middle frames. As of
    _whole()."""
    f = w.full if w.cfg.tasks.continuity_of == "clip" else w.pair
    return _odds(w.network.heads.continuity(f, pool))


def localisation_miss(w: ScoredClips, pool: Pool) -> Tensor:
    """-log p(the frame that was taken out), mean over the interior frames. As of _whole()."""
    localise = w.network.heads.localise
    miss = [-F.log_softmax(localise(w.dropped(t), pool), dim=1)[:, t - 1] for t in range(1, w.length - 1)]
    return torch.stack(miss).mean(dim=0)


def _whole(judged: Callable[[ScoredClips, Pool], Tensor], w: ScoredClips) -> Tensor:
    """(B,) of whole clips, the way the heads were trained: on the pooled clip, or at each place, and then the mean."""
    if w.cfg.judges_places:
        return judged(w, PLACE).mean(dim=(1, 2))
    return judged(w, None)


def _accuracy(zero_B2: Tensor, one_B2: Tensor, weight_0: Tensor | None = None, weight_1: Tensor | None = None) -> Tensor:
    """Of logits (B, 2) or (B, 2, h, w) of clips of class 0 and of class 1, both counting the same."""
    zero = losses.weighted_mean((zero_B2.argmax(dim=1) == 0).float(), weight_0)
    one = losses.weighted_mean((one_B2.argmax(dim=1) == 1).float(), weight_1)
    return ((zero + one) / 2).detach()


class Continuity(Task):
    """P1, eq. 1: is a frame missing? Score: log-odds of "discontinuous" on the intact clip, or on its two middle frames."""

    name = "continuity"
    abbreviation = "CJ"
    title = "continuity judgment"
    words = "its motion does not look continuous, as that of normal video does"
    guess = 0.5

    def loss(self, p: Passes) -> Terms:
        if p.weights.continuity_of == "clip":
            (d, c), (of_d, of_c) = (p.d, p.c), (p.batch["v"], p.batch["c"])
        else:  # both pairs count where the three frames differ: a place that counted for the gap alone would give it away
            (d, c), (of_d, of_c) = p.pairs, (p.around, p.around)
        l_d, l_c = p.network.heads.continuity(d, p.pool), p.network.heads.continuity(c, p.pool)
        w_d, w_c = p.counts(of_d, d), p.counts(of_c, c)
        return losses.continuity_loss(l_d, l_c, w_d, w_c), {"continuity_accuracy": _accuracy(l_c, l_d, w_c, w_d)}

    def score(self, w: ScoredClips, teacher_BK: Tensor | None = None) -> Tensor:
        return _whole(continuity_odds, w)


class Localisation(Task):
    """P2, eq. 2: which frame is missing? Score: mean over the interior frames of -log p(the one that was taken out)."""

    name = "localisation"
    abbreviation = "DL"
    title = "discontinuity localisation"
    words = "which of its frames was taken out is unusually hard, or easy, to tell"
    two_sided = True

    def chance(self, length: int) -> float:
        return 1.0 / (length - 2)

    def loss(self, p: Passes) -> Terms:
        logits, m = p.network.heads.localise(p.d, p.pool), p.batch["m"]
        weight = p.counts(p.batch["v"], p.d)
        found = logits.argmax(dim=1)
        right = (found == (m - 1).view(-1, *[1] * (found.ndim - 1))).float()
        accuracy = losses.weighted_mean(right, weight).detach()
        return losses.localisation_loss(logits, m, weight), {"localisation_accuracy": accuracy}

    def score(self, w: ScoredClips, teacher_BK: Tensor | None = None) -> Tensor:
        return _whole(localisation_miss, w)


class Estimation(Task):
    """P3, eq. 3: the missing frame in feature space. Score: mean cosine distance between estimated and real frame."""

    name = "estimation"
    abbreviation = "MFE"
    title = "missing frame estimation"
    words = "a frame that was taken out is unusually far from its estimate, or near to it"
    guess = 0.5
    two_sided = True

    def loss(self, p: Passes) -> Terms:
        w, heads = p.weights, p.network.heads
        f_m = p.single(p.batch["m"])
        z_d, z_m, z_c = heads.project(p.d), heads.project(f_m), heads.project(p.c)
        video = p.batch["video"]
        other = video[:, None] != video[None, :]
        # One video in the batch: its other clips stand in for those of other videos.
        other |= ~other.any(dim=1, keepdim=True) & ~torch.eye(len(video), dtype=torch.bool, device=video.device)
        loss = losses.estimation_loss(z_d, z_m, z_c, w.omega, w.gamma, w.tau, other)
        with torch.no_grad():  # how often the missing frame is nearer to V_d than V_c is (chance: half)
            nearer = F.cosine_similarity(z_d.float(), z_m.float()) > F.cosine_similarity(z_d.float(), z_c.float())
        return loss, {"estimation_accuracy": nearer.float().mean()}

    def score(self, w: ScoredClips, teacher_BK: Tensor | None = None) -> Tensor:
        project = w.network.heads.project
        far = [1.0 - F.cosine_similarity(project(w.dropped(t)), project(w.single(t)), dim=1) for t in range(1, w.length - 1)]
        return torch.stack(far).mean(dim=0)


class FramePrediction(Task):
    """The baseline of Table 2: the last frame from those before. Its score is the readout psnr."""

    name = "frame_prediction"
    abbreviation = "FP"
    title = "frame prediction"
    words = "its last frame is not what those before it led to expect"
    levels = ("frame",)

    def loss(self, p: Passes) -> Terms:
        v = p.batch["v"]
        last = torch.full((len(v),), v.shape[1] - 1, dtype=torch.long, device=v.device)
        estimate, target = by_shares(p.network.estimate, v, last), picture(v[:, -1])
        return losses.intensity_loss(estimate, target) + losses.gradient_loss(estimate, target), {}


class Arrow(Task):
    """Arrow of time: is the clip played backward? Score: log-odds of "backward" on the clip as it is."""

    name = "arrow"
    abbreviation = "AT"
    title = "arrow of time"
    words = "moves as normal objects do when their video is played backward"
    head = "p4"
    levels = ("object",)
    guess = 0.5

    def loss(self, p: Passes) -> Terms:
        forward, backward = (p.network.heads.answer(self.head, f) for f in (p.v, p.backward))
        return losses.continuity_loss(backward, forward), {"arrow_accuracy": _accuracy(forward, backward)}

    def score(self, w: ScoredClips, teacher_BK: Tensor | None = None) -> Tensor:
        return _odds(w.network.heads.answer(self.head, w.full))


class Irregularity(Task):
    """Motion irregularity: do frames lie at uneven steps? Score: log-odds of "irregular" on the regular clip."""

    name = "irregularity"
    abbreviation = "MI"
    title = "motion irregularity"
    words = "moves unevenly, as normal objects do where frames lie at uneven steps"
    head = "p5"
    levels = ("object",)
    guess = 0.5

    def loss(self, p: Passes) -> Terms:
        even, uneven = (p.network.heads.answer(self.head, f) for f in (p.v, p.irregular))
        return losses.continuity_loss(uneven, even), {"irregularity_accuracy": _accuracy(even, uneven)}

    def score(self, w: ScoredClips, teacher_BK: Tensor | None = None) -> Tensor:
        return _odds(w.network.heads.answer(self.head, w.full))


class Middle(Task):
    """The middle frame of the object from the others, painted from features alone. Score: mean absolute error."""

    name = "middle"
    abbreviation = "MB"
    title = "middle frame of the object"
    words = "how it looks in one frame does not follow from the frames around it"
    levels = ("object",)

    def loss(self, p: Passes) -> Terms:
        middle = picture(p.batch["v"][:, p.batch["v"].shape[1] // 2])
        return F.l1_loss(_painter(p.network)(p.rest, middle.shape[-2:]), middle), {}

    def score(self, w: ScoredClips, teacher_BK: Tensor | None = None) -> Tensor:
        middle = picture(w.clips_BTHWC[:, w.length // 2])
        painted: Tensor = _painter(w.network)(w.dropped(w.length // 2), middle.shape[-2:])
        return (painted - middle).abs().mean(dim=(1, 2, 3))


def _painter(network: Network) -> Any:
    if network.painter is None:
        raise ValueError("this network paints no middle frame: its task 'middle' was switched off")
    return network.painter


class Distillation(Task):
    """The detector's class scores, told from the middle frame alone. Score: mean absolute difference to the detector."""

    name = "distillation"
    abbreviation = "KD"
    title = "distillation of the detector's class scores"
    words = "its looks do not tell what the detector takes it for"
    levels = ("object",)
    head = "p6"

    def outputs(self, cfg: Config) -> int:
        return cfg.heads.classes

    def loss(self, p: Passes) -> Terms:
        m = torch.full_like(p.batch["m"], p.batch["v"].shape[1] // 2)
        told, teacher = torch.sigmoid(p.network.heads.answer(self.head, p.single(m))), p.batch["teacher"]
        known = (teacher > 0).any(dim=1)  # boxes of the motion detector come without class scores
        same = (told.argmax(dim=1) == teacher.argmax(dim=1))[known].float().sum() / known.sum().clamp_min(1)
        far = (told - teacher).abs().mean(dim=1)
        return torch.where(known, far, 0.0).sum() / known.sum().clamp_min(1), {"distillation_accuracy": same.detach()}

    def score(self, w: ScoredClips, teacher_BK: Tensor | None = None) -> Tensor:
        if teacher_BK is None:
            raise ValueError("distillation needs a detector with class scores")
        told_BK = torch.sigmoid(w.network.heads.answer(self.head, w.single(w.length // 2)))
        return (told_BK - teacher_BK).abs().mean(dim=1)


TASKS: dict[str, Task] = {
    t.name: t
    for t in (Continuity(), Localisation(), Estimation(), FramePrediction(), Arrow(), Irregularity(), Middle(), Distillation())
}
"""Every task by its weight's name in ``tasks.*``, in the order of their losses."""


def chance(cfg: Config) -> dict[str, float]:
    """Accuracy of guessing of each task that is switched on, where it is known."""
    levels = {n: task.chance(cfg.clip.length) for n, task in TASKS.items() if getattr(cfg.tasks, n)}
    return {n: v for n, v in levels.items() if v is not None}
