"""Equations 1 to 8 against numbers worked out by hand, and against numerical gradients."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from normalcy.nn import losses

LN2, LN3 = math.log(2), math.log(3)


def test_continuity_by_hand() -> None:
    # V_d, class 1: p = 3/4 -> 0.287682, p = 1/2 -> 0.693147, mean 0.490415.
    # V_c, class 0: p = 1/2 -> 0.693147, p = 1/4 -> 1.386294, mean 1.039721. Their sum is 1.530135.
    got = losses.continuity_loss(torch.tensor([[0.0, LN3], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, LN3]]))
    assert got.item() == pytest.approx(1.530135, abs=1e-5)


def test_continuity_at_chance_is_two_ln_two() -> None:
    assert losses.continuity_loss(torch.zeros(3, 2), torch.zeros(3, 2)).item() == pytest.approx(2 * LN2)


def test_continuity_of_places_counts_them_by_weight() -> None:
    d, c = _logits(3, 2), _logits(3, 2)
    places_d, places_c = torch.stack([d, c], dim=-1).unsqueeze(2), torch.stack([c, d], dim=-1).unsqueeze(2)  # (3, 2, 1, 2)
    weight = torch.tensor([[[1.0, 0.0]]] * 3)
    torch.testing.assert_close(losses.continuity_loss(places_d, places_c, weight, weight), losses.continuity_loss(d, c))
    even = torch.ones(3, 1, 2)
    both = (losses.continuity_loss(d, c) + losses.continuity_loss(c, d)) / 2
    torch.testing.assert_close(losses.continuity_loss(places_d, places_c, even, even), both)
    torch.testing.assert_close(losses.continuity_loss(places_d, places_c), both)
    assert losses.continuity_loss(places_d, places_c, 0 * even, 0 * even).item() == 0


def test_localisation_of_places_counts_them_by_weight() -> None:
    logits, other, m = _logits(3, 4), _logits(3, 4), torch.tensor([1, 4, 2])
    places = torch.stack([logits, other], dim=-1).unsqueeze(2)
    torch.testing.assert_close(
        losses.localisation_loss(places, m, torch.tensor([[[3.0, 1.0]]] * 3)),
        0.75 * losses.localisation_loss(logits, m) + 0.25 * losses.localisation_loss(other, m),
    )


def test_localisation_by_hand() -> None:
    # T = 5. Frame 1 of weights (2, 1, 1): p = 2/4 -> 0.693147. Frame 3 of equal weights: 1.098612. Mean 0.895880.
    got = losses.localisation_loss(torch.tensor([[LN2, 0.0, 0.0], [0.0, 0.0, 0.0]]), torch.tensor([1, 3]))
    assert got.item() == pytest.approx(0.895880, abs=1e-5)


def test_localisation_counts_frames_from_one() -> None:
    sure_of_frame_2 = torch.tensor([[0.0, 20.0, 0.0]])
    assert losses.localisation_loss(sure_of_frame_2, torch.tensor([2])).item() < 1e-6
    assert losses.localisation_loss(sure_of_frame_2, torch.tensor([1])).item() > 19


D, M, C = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8]]), torch.tensor([[0.0, 1.0]])


@pytest.mark.parametrize(
    ("gamma", "expected"),
    [(0.5, 0.0), (0.8, 0.2)],  # p+ = 0.6, p- = 0: max(0, 0.5 - 0.6) = 0, max(0, 0.8 - 0.6) = 0.2
)
def test_triplet_by_hand(gamma: float, expected: float) -> None:
    assert losses.triplet_term(D, M, C, gamma).item() == pytest.approx(expected, abs=1e-6)
    assert losses.triplet_term(3 * D, 7 * M, 2 * C, gamma).item() == pytest.approx(expected, abs=1e-6)


Z_D = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
Z_C = torch.tensor([[0.6, 0.8], [1.0, 0.0]])
# tau = 0.5. Row 0: q+ = e^1.2 = 3.320117, q- = e^0 + e^2 = 8.389056, -ln(3.320117 / 11.709173) = 1.260372.
# Row 1: q+ = e^0 = 1, q- = e^0 + e^1.6 = 5.953032, -ln(1 / 6.953032) = 1.939178.
ROW_0, ROW_1 = 1.260372, 1.939178


def test_contrastive_by_hand() -> None:
    assert losses.contrastive_term(Z_D, Z_C, 0.5).item() == pytest.approx((ROW_0 + ROW_1) / 2, abs=1e-5)


def test_contrastive_takes_only_other_scenes_as_negatives() -> None:
    only_row_0 = torch.tensor([[False, True], [False, False]])
    assert losses.contrastive_term(Z_D, Z_C, 0.5, only_row_0).item() == pytest.approx(ROW_0 / 2, abs=1e-5)
    assert losses.contrastive_term(Z_D, Z_C, 0.5, torch.zeros(2, 2, dtype=torch.bool)).item() == 0.0


def test_contrastive_is_stable_at_a_tiny_temperature() -> None:
    z_d, z_c = Z_D.clone().requires_grad_(), Z_C.clone().requires_grad_()
    got = losses.contrastive_term(z_d, z_c, 1e-4)
    got.backward()
    assert math.isfinite(got.item()) and z_d.grad is not None and z_c.grad is not None
    assert z_d.grad.isfinite().all() and z_c.grad.isfinite().all()


@given(st.integers(0, 2**20), st.integers(2, 6), st.floats(0.05, 2.0))
def test_contrastive_is_the_equation_written_out(seed: int, n: int, tau: float) -> None:
    g = torch.Generator().manual_seed(seed)
    z_d, z_c = (torch.randn(n, 5, generator=g, dtype=torch.float64) for _ in range(2))
    other = torch.rand(n, n, generator=g) < 0.6
    other.fill_diagonal_(False)

    def q(a: Tensor, b: Tensor) -> float:
        return math.exp(float(a @ b / a.norm() / b.norm()) / tau)

    total = 0.0
    for i in range(n):
        negative = sum(q(z_d[i], z_d[j]) + q(z_d[i], z_c[j]) for j in range(n) if other[i, j])
        positive = q(z_d[i], z_c[i])
        total -= math.log(positive / (positive + negative))
    assert losses.contrastive_term(z_d, z_c, tau, other).item() == pytest.approx(total / n, rel=1e-9, abs=1e-12)


def test_estimation_weighs_the_two_terms() -> None:
    z_m = torch.tensor([[0.6, 0.8], [0.6, 0.8]])
    # Triplet, gamma 0.8: row 0: 0.8 - (0.6 - 0.6) = 0.8; row 1: 0.8 - (0.8 - 0) = 0. Mean 0.4.
    expected = 0.25 * 0.4 + 0.75 * (ROW_0 + ROW_1) / 2
    assert losses.estimation_loss(Z_D, z_m, Z_C, 0.25, 0.8, 0.5).item() == pytest.approx(expected, abs=1e-5)


def test_joint_loss_weighs_and_leaves_out() -> None:
    one, two = torch.tensor(1.0), torch.tensor(2.0)
    weights = {"continuity": 0.5, "localisation": 0.25, "estimation": 1.0}
    assert losses.joint_loss({"continuity": one, "localisation": two}, weights).item() == pytest.approx(1.0)
    assert losses.joint_loss({"estimation": two}, weights).item() == pytest.approx(2.0)
    with pytest.raises(ValueError, match="switched off"):
        losses.joint_loss({}, weights)
    with pytest.raises(KeyError):
        losses.joint_loss({"frame_prediction": one}, weights)


def test_frame_prediction_losses_by_hand() -> None:
    pred, target = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]), torch.zeros(1, 1, 2, 2)
    assert losses.intensity_loss(pred, target).item() == pytest.approx(0.5)  # (0 + 1 + 0 + 1) / 4
    assert losses.gradient_loss(pred, target).item() == pytest.approx(1.0)  # across 1 and 1, down 0 and 0
    # Absolute gradients: an edge of the other sign is the same edge, another level is no edge.
    assert losses.gradient_loss(1 - pred, pred).item() == 0.0
    assert losses.gradient_loss(pred + 3, pred).item() == 0.0
    assert losses.gradient_loss(pred.mT, target).item() == pytest.approx(1.0)
    assert losses.gradient_loss(1 - pred.mT, pred.mT).item() == 0.0


def _logits(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    m = torch.tensor([1, 3, 2])
    z = (_logits(3, 4), _logits(3, 4), _logits(3, 4))
    check = torch.autograd.gradcheck
    assert check(losses.continuity_loss, (_logits(3, 2), _logits(3, 2)))
    assert check(lambda logits: losses.localisation_loss(logits, m), (_logits(3, 3),))
    assert check(lambda *z: losses.estimation_loss(*z, omega=0.5, gamma=1.9, tau=0.3), z)
    assert check(losses.intensity_loss, (_logits(1, 3, 4, 4), _logits(1, 3, 4, 4)))
    assert check(losses.gradient_loss, (_logits(1, 3, 4, 4), _logits(1, 3, 4, 4)))


def test_a_step_down_moves_the_right_way() -> None:
    torch.manual_seed(1)
    cos = torch.nn.functional.cosine_similarity
    z_d, z_m, z_c = (torch.randn(4, 8) for _ in range(3))

    def stepped(loss_of: object, z: Tensor) -> Tensor:
        z = z.clone().requires_grad_()
        loss_of(z).backward()  # type: ignore[operator]
        assert z.grad is not None
        return (z - 0.1 * z.grad).detach()

    nearer = stepped(lambda z: losses.triplet_term(z_d, z, z_c, 1.9), z_m)
    assert (cos(z_d, nearer) > cos(z_d, z_m)).all()  # the missing frame is drawn to V_d
    further = stepped(lambda z: losses.triplet_term(z_d, z_m, z, 1.9), z_c)
    assert (cos(z_d, further) < cos(z_d, z_c)).all()  # V_c is pushed away by the motion term
    drawn = stepped(lambda z: losses.contrastive_term(z_d[:1], z, 0.1, None), z_c[:1])
    assert torch.allclose(drawn, z_c[:1])  # alone in the batch: no negatives, no pull
    both = stepped(lambda z: losses.contrastive_term(Z_D, z, 0.5), Z_C)
    assert (cos(Z_D, both) > cos(Z_D, Z_C)).all()  # and drawn near by the appearance term


def test_bfloat16_inputs_are_computed_in_float32() -> None:
    torch.manual_seed(0)
    z = [torch.randn(16, 8).bfloat16() for _ in range(3)]
    exact = losses.estimation_loss(*(x.double() for x in z), omega=0.5, gamma=0.5, tau=0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = losses.estimation_loss(*z, omega=0.5, gamma=0.5, tau=0.1)
    assert got.dtype == torch.float32 and got.item() == pytest.approx(exact.item(), rel=1e-4)
