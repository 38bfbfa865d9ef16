"""The tasks of the multi-task backbone: what each loss asks for, and what each score says of a clip."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from normalcy.config import Config
from normalcy.errors import ConfigError
from normalcy.nn.build import Network, build_network
from normalcy.nn.heads import PLACE
from normalcy.nn.losses import localisation_loss
from normalcy.nn.passes import Passes, moving, without_frame
from normalcy.nn.tasks import TASKS
from normalcy.presets import load_config
from normalcy.scoring.windows import Windows

T, SIDE, B, K = 5, 32, 8, 3
BACKBONE = ("arrow", "irregularity", "middle", "distillation")


def config(*on: str) -> Config:
    off = [f"tasks.{n}=0" for n in ("continuity", "localisation", "estimation") if n not in on]
    sets = [
        "level=object",
        f"clip.length={T}",
        f"heads.classes={K}",
        "objects.detector=file",
        *off,
        *(f"tasks.{n}=1" for n in on),
    ]
    return load_config("tiny", environ={}, sets=sets)


def gliding(steps: tuple[float, ...], x0: float, bright: int = 255) -> np.ndarray:
    """(T, SIDE, SIDE, 3): a square that lies at x0 + each of steps."""
    out = np.full((len(steps), SIDE, SIDE, 3), 30, np.uint8)
    for frame, dx in zip(out, steps, strict=True):
        x = round(x0 + dx)
        frame[12:20, x : x + 8] = bright
    return out


def batch(seed: int, starts_to: int = 4) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    starts = rng.integers(1, starts_to, B)
    v = np.stack([gliding((0, 2, 4, 6, 8), x, 255 if i % 2 else 140) for i, x in enumerate(starts)])
    irregular = np.stack([gliding((0, 6, 8, 16, 18), x) for x in starts])
    teacher = np.stack([[0.9, 0.1, 0.0] if i % 2 else [0.0, 0.1, 0.9] for i in range(B)]).astype(np.float32)
    return {
        "v": torch.from_numpy(v),
        "c": torch.from_numpy(v[::-1, : T - 1].copy()),
        "m": torch.from_numpy(rng.integers(1, T - 1, B)),
        "video": torch.arange(B) % 2,
        "irregular": torch.from_numpy(irregular),
        "teacher": torch.from_numpy(teacher),
    }


def clips(network: Network, v: Tensor, cfg: Config) -> Windows:
    return Windows(network, v.flatten(0, 1), torch.arange(len(v) * T).view(-1, T), cfg)


def trained(name: str, steps: int = 60) -> Network:
    torch.manual_seed(0)
    cfg = config(name)
    network = build_network(cfg).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for i in range(steps):
        loss, _ = TASKS[name].loss(Passes(network, batch(i), cfg))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


def score(name: str, network: Network, v: Tensor, teacher: Tensor | None = None) -> Tensor:
    with torch.inference_mode():
        return TASKS[name].score(clips(network, v, config(name)), teacher)


def test_the_arrow_of_time_is_learned() -> None:
    network, b = trained("arrow"), batch(1000)
    assert (score("arrow", network, b["v"].flip(1)) > score("arrow", network, b["v"])).all()


def test_uneven_steps_are_learned() -> None:
    network, b = trained("irregularity"), batch(1000)
    assert (score("irregularity", network, b["irregular"]) > score("irregularity", network, b["v"])).all()


def test_class_scores_are_learned_from_the_middle_frame_alone() -> None:
    network, b = trained("distillation", 120), batch(1000)
    right = score("distillation", network, b["v"], b["teacher"])
    wrong = score("distillation", network, b["v"], b["teacher"].flip(1))
    assert (right < wrong).all()
    changed = b["v"].clone()
    changed[:, [0, 1, 3, 4]] = 0
    assert torch.equal(score("distillation", network, changed, b["teacher"]), right)


def test_boxes_without_class_scores_teach_nothing() -> None:
    cfg = config("distillation")
    network = build_network(cfg).train()
    b = batch(0)
    b["teacher"][:4] = 0.0
    loss, _ = TASKS["distillation"].loss(Passes(network, b, cfg))
    m = torch.full((B,), T // 2)
    told = torch.sigmoid(network.heads.answer("p6", Passes(network, b, cfg).single(m)))
    torch.testing.assert_close(loss, (told - b["teacher"]).abs()[4:].mean())
    b["teacher"][:] = 0.0
    assert TASKS["distillation"].loss(Passes(network, b, cfg))[0].item() == 0.0


def test_the_middle_frame_is_painted_from_the_others() -> None:
    """Its score is the mean absolute error, and what is painted does not change with the middle frame itself."""
    network, b = trained("middle", 80), batch(1000)
    flat = torch.full_like(b["v"], 30)
    painted = network.painter
    assert painted is not None
    dropped = clips(network, b["v"], config("middle")).dropped(2)
    with torch.inference_mode():
        picture = painted(dropped, (SIDE, SIDE))
        by_hand = (picture - b["v"][:, 2].permute(0, 3, 1, 2) / 255.0).abs().mean(dim=(1, 2, 3))
    torch.testing.assert_close(score("middle", network, b["v"]), by_hand)
    odd = b["v"].clone()
    odd[:, 2] = 255 - odd[:, 2]
    assert (score("middle", network, odd) > by_hand).all()
    assert by_hand.mean() < 0.5 * (flat[:, 2] / 255.0 - 0.5).abs().mean()  # better than painting grey


@pytest.mark.parametrize(("of", "passes"), [("clip", [T - 1, T]), ("pair", [2, T - 1, T])])
def test_together_they_share_one_pass_for_each_length_of_clip(of: str, passes: list[int]) -> None:
    cfg = config("continuity", "localisation", "estimation", *BACKBONE)
    cfg = cfg.model_copy(update={"tasks": cfg.tasks.model_copy(update={"continuity_of": of})})
    network = build_network(cfg).train()
    lengths: list[int] = []
    network.encoder.register_forward_hook(lambda m, x, y: lengths.append(x[0].shape[2]))
    p = Passes(network, batch(0), cfg)
    for name in ("continuity", "localisation", "arrow", "irregularity", "middle"):
        TASKS[name].loss(p)
    assert sorted(lengths) == passes


def frame_config(*sets: str) -> Config:
    return load_config("tiny", environ={}, sets=[f"clip.length={T}", *sets])


@pytest.mark.parametrize(
    ("widest", "far"), [(2, [2] * 8), (3, [2, 3] * 4), (4, [2, 3, 4, 2, 3, 4, 2, 3]), (9, [2, 3, 4, 2, 3, 4, 2, 3])]
)
def test_a_pair_has_a_gap_or_none(widest: int, far: list[int]) -> None:
    cfg = frame_config(f"tasks.widest_gap={widest}")
    network = build_network(cfg)
    b = batch(0)
    gap, beside = Passes(network.eval(), b, cfg).pairs
    for i, k in enumerate(far):
        torch.testing.assert_close(gap[i], network.features(b["v"][i : i + 1, [0, k]])[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(beside[i], network.features(b["v"][i : i + 1, [0, 1]])[0], rtol=1e-4, atol=1e-5)


def test_places_count_where_something_moves() -> None:
    clips = torch.full((2, 3, 64, 64, 3), 60, dtype=torch.uint8)
    clips[0, 1, 16:24, 40:48] = 255
    weight = moving(clips, (8, 8))
    assert weight.shape == (2, 8, 8) and not weight[1].any()
    assert weight[0, 2, 5] == weight[0].amax() > 0.8
    assert weight[0, 5:].amax() == 0 and weight.amax() < 1


def test_a_dense_loss_is_the_mean_over_moving_places() -> None:
    cfg = frame_config()
    network = build_network(cfg).eval()
    p = Passes(network, batch(0), cfg)
    loss, figures = TASKS["localisation"].loss(p)
    logits = network.heads.localise(p.d, PLACE)
    weight = moving(p.batch["v"], (logits.shape[-2], logits.shape[-1]))
    m = (p.batch["m"] - 1).tolist()
    ce = torch.stack([-logits[i].log_softmax(dim=0)[k] for i, k in enumerate(m)])
    right = torch.stack([(logits[i].argmax(dim=0) == k).float() for i, k in enumerate(m)])
    torch.testing.assert_close(loss, (ce * weight).sum() / weight.sum())
    torch.testing.assert_close(figures["localisation_accuracy"], (right * weight).sum() / weight.sum())


def test_the_crop_of_one_object_is_judged_as_a_whole() -> None:
    cfg = config("continuity", "localisation")
    assert cfg.train.dense and not cfg.judges_places
    p = Passes(build_network(cfg).eval(), batch(0), cfg)
    loss, _ = TASKS["localisation"].loss(p)
    torch.testing.assert_close(loss, localisation_loss(p.network.heads.localise(p.d), p.batch["m"]))


@pytest.mark.parametrize("dense", ["true", "false"])
@pytest.mark.parametrize("of", ["pair", "clip"])
def test_continuity_is_learned_of_places_and_of_crops(dense: str, of: str) -> None:
    """Squares of two brightnesses that glide by 2 pixels a frame: by 4 and more is a gap."""
    torch.manual_seed(0)
    cfg = frame_config(f"train.dense={dense}", f"tasks.continuity_of={of}")
    network = build_network(cfg).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for i in range(80):
        loss, figures = TASKS["continuity"].loss(Passes(network, batch(i, starts_to=15), cfg))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(figures["continuity_accuracy"]) > 0.85
    network.eval()
    with torch.inference_mode():
        slow = np.stack([gliding((0, 2, 4, 6, 8), x) for x in (4, 6)])
        fast = np.stack([gliding((0, 4, 8, 12, 16), x) for x in (2, 4)])
        slow_odds, fast_odds = (TASKS["continuity"].score(clips(network, torch.from_numpy(v), cfg)) for v in (slow, fast))
    assert slow_odds.shape == (2,)
    if of == "pair":  # of a whole clip that is fast throughout the shape of the training clips says nothing
        assert fast_odds.min() > slow_odds.max()


def test_without_frame_takes_out_the_one_frame_of_each_clip() -> None:
    v = torch.arange(2 * T).view(2, T)
    assert without_frame(v, torch.tensor([1, 3])).tolist() == [[0, 2, 3, 4], [5, 6, 7, 9]]


def test_heads_exist_only_for_tasks_that_are_on() -> None:
    plain = build_network(load_config("tiny", environ={})).state_dict()
    assert not any(n.startswith(("heads.p4", "heads.p5", "heads.p6", "painter")) for n in plain)
    whole = build_network(config(*BACKBONE)).state_dict()
    for part in ("heads.p4", "heads.p5", "heads.p6", "painter"):
        assert any(n.startswith(part) for n in whole)


@pytest.mark.parametrize("name", BACKBONE)
def test_they_need_the_object_level(name: str) -> None:
    with pytest.raises(ConfigError, match="level=object"):
        load_config("tiny", environ={}, sets=[f"tasks.{name}=1"])
