"""The decoder: where the gap is, that the frame left out stays out, and that it learns."""

from __future__ import annotations

import pytest
import torch

from normalcy.nn.build import Network, build_network
from normalcy.nn.decoder import Decoder, at_gap
from normalcy.presets import load_config


def _network(*sets: str, awake: bool = True) -> Network:
    torch.manual_seed(0)
    net = build_network(load_config("tiny", sets=("decoder.steps=1", "decoder.width=8", *sets), environ={}))
    assert net.decoder is not None
    if awake:  # the last layer starts at zero; give it something to say
        torch.nn.init.normal_(net.decoder.out.weight, std=0.1)
        with torch.no_grad():  # and running statistics that fit, or nothing gets through the layers
            for _ in range(10):
                net.estimate(torch.rand(4, 4, 16, 24, 3), torch.arange(4))
    return net.eval()


def _times(values: torch.Tensor, t: int, frames: int) -> list[float]:
    got = at_gap(values.view(1, 1, -1, 1, 1), torch.tensor([t]), frames)
    return [round(v, 6) for v in got.flatten().tolist()]


@pytest.mark.parametrize(
    ("t", "expected"),
    [(0, [0, 0, 0]), (1, [0, 0.5, 1]), (2, [1, 1.5, 2]), (3, [2, 2.5, 3]), (4, [3, 3, 3])],
)
def test_features_around_the_gap(t: int, expected: list[float]) -> None:
    # T = 5, the four frames that remain carry their own position.
    assert _times(torch.arange(4.0), t, 4) == expected


def test_features_around_the_gap_with_a_time_stride() -> None:
    # Four frames in two steps: frame i lies at step (i + 0.5) / 2 - 0.5, so frames 1, 1.5, 2 at 0.25, 0.5, 0.75.
    assert _times(torch.arange(2.0), 2, 4) == [0.25, 0.5, 0.75]
    assert _times(torch.tensor([7.0]), 2, 4) == [7, 7, 7]


@pytest.mark.parametrize("t", [0, 1, 2, 3])
def test_it_starts_at_the_mean_of_the_neighbours(t: int) -> None:
    net = _network(awake=False)
    x = torch.rand(1, 4, 16, 24, 3)
    before, after = x[0, max(t - 1, 0) if t else 1], x[0, t + 1 if t < 3 else 2]
    got = net.estimate(x, torch.tensor([t]))
    torch.testing.assert_close(got[0].permute(1, 2, 0), (before + after) / 2)


@pytest.mark.parametrize("keep", ["uint8", "float"])
def test_frame_t_reaches_the_estimate_by_no_road(keep: str) -> None:
    net = _network()
    x = torch.randint(0, 256, (4, 4, 16, 24, 3), dtype=torch.uint8)
    t = torch.arange(4)
    changed = x.clone()
    changed[torch.arange(4), t] = 255 - changed[torch.arange(4), t]
    if keep == "float":
        x, changed = x / 255, changed / 255
    assert torch.equal(net.estimate(x, t), net.estimate(changed, t))


def test_every_other_frame_and_the_position_do_reach_it() -> None:
    net = _network()
    x = torch.rand(1, 4, 16, 24, 3)
    t = torch.tensor([1])
    base = net.estimate(x, t)
    for other in (0, 2, 3):
        changed = x.clone()
        changed[:, other] = 1 - changed[:, other]
        assert (net.estimate(changed, t) - base).abs().max() > 1e-4, other
    assert net.decoder is not None
    f = torch.ones(1, net.encoder.channels, 3, 2, 3)  # nothing but the position tells the two apart
    same = torch.rand(1, 3, 16, 24)
    one, two = (net.decoder(f, torch.tensor([i]), same, same) for i in (1, 2))
    assert (one - two).abs().max() > 1e-4


def test_rows_of_a_batch_may_leave_out_different_frames() -> None:
    net = _network()
    x = torch.rand(3, 4, 16, 16, 3)
    together = net.estimate(x, torch.tensor([2, 1, 3]))
    for row, t in enumerate((2, 1, 3)):
        torch.testing.assert_close(together[row], net.estimate(x[row : row + 1], torch.tensor([t]))[0], atol=1e-5, rtol=1e-5)


def test_odd_sizes_and_time_strides() -> None:
    net = _network()
    assert net.estimate(torch.rand(2, 4, 13, 21, 3), torch.tensor([1, 2])).shape == (2, 3, 13, 21)
    deep = Decoder(6, 32, 16, 12)
    got = deep(torch.rand(2, 6, 2, 2, 3), torch.tensor([1, 10]), torch.rand(2, 3, 64, 96), torch.rand(2, 3, 64, 96))
    assert got.shape == (2, 3, 64, 96)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="power of two"):
        Decoder(4, 6, 8, 5)
    net = _network()
    with pytest.raises(ValueError, match="4 frames, got 5"):
        net.estimate(torch.rand(1, 5, 16, 16, 3), torch.tensor([1]))
    assert net.decoder is not None
    with pytest.raises(ValueError, match="do not cover"):
        net.decoder(torch.rand(1, 16, 3, 2, 2), torch.tensor([1]), torch.rand(1, 3, 17, 16), torch.rand(1, 3, 17, 16))
    with pytest.raises(ValueError, match="no decoder"):
        build_network(load_config("tiny", environ={})).estimate(torch.rand(1, 4, 16, 16, 3), torch.tensor([1]))


def test_bfloat16_keeps_the_neighbours_exact() -> None:
    net = _network(awake=False)
    x = torch.rand(1, 4, 16, 16, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = net.estimate(x, torch.tensor([1]))
    torch.testing.assert_close(got[0].permute(1, 2, 0), (x[0, 0] + x[0, 2]) / 2)


def test_it_learns_what_the_mean_of_the_neighbours_cannot() -> None:
    # A square moves by a third of a step, then two thirds: the middle frame is not the mean of the two.
    net = _network(awake=False).train()
    net.encoder.eval().requires_grad_(False)
    x = torch.zeros(8, 4, 16, 16, 3)
    for i in range(8):
        for frame, shift in enumerate((0, 1, 3, 4)):
            x[i, frame, 4:10, i // 2 + shift : i // 2 + shift + 4] = 1.0
    t = torch.full((8,), 1)
    target = x[:, 1].permute(0, 3, 1, 2)
    optimiser = torch.optim.Adam((p for p in net.parameters() if p.requires_grad), lr=1e-2)
    errors = []
    for _ in range(60):
        loss = torch.nn.functional.mse_loss(net.estimate(x, t), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    assert errors[-1] < 0.5 * errors[0], f"mean of the neighbours {errors[0]:.4f}, after 60 steps {errors[-1]:.4f}"
