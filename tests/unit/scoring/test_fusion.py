from __future__ import annotations

import numpy as np
import pytest

from normalcy.scoring.fusion import describe, fuse, fuse_voices, squash


def test_only_what_exceeds_typical_counts() -> None:
    assert fuse(np.array([2.0, -3.0, 1.0, 0.0])) == pytest.approx(0.75)
    assert fuse(np.array([-1.0, -2.0])) == 0.0


def test_readouts_of_one_voice_share_it() -> None:
    rows = np.array([[2.0, 4.0, 1.0], [-1.0, 2.0, -5.0], [0.0, 0.0, 6.0]])
    np.testing.assert_allclose(fuse_voices(rows, ["network", "network", "plain"]), [2.0, 0.5, 3.0])
    np.testing.assert_allclose(fuse_voices(rows, ["a", "b", "c"]), fuse(rows))
    np.testing.assert_allclose(fuse_voices(rows, ["a", "a", "a"]), fuse(rows))
    assert fuse_voices(np.zeros((0, 2)), ["a", "b"]).shape == (0,)


def test_squash_is_linear_near_normal_and_logarithmic_far_out() -> None:
    np.testing.assert_allclose(squash(np.array([-0.01, 0.0, 0.01])), [-0.01, 0.0, 0.01], atol=1e-6)
    far = squash(np.array([100.0, 1000.0]))
    assert far[1] - far[0] == pytest.approx(np.log(10.0), abs=1e-3)


def test_the_rule_is_said_as_it_is() -> None:
    """Of one readout nobody says that it is a mean, and of one voice nobody says how many there are."""
    assert describe({"density": "the network"}) == "what exceeds typical normal video (0)"
    alike = describe({"density": "the network", "continuity": "the network"})
    assert alike == "the mean over readouts of what exceeds typical normal video (0)"
    assert describe({"density": "the network", "flow": "flow", "arrow": "the network"}) == (
        "the mean over 2 voices, each a mean of readouts, of what exceeds typical normal video (0): "
        "the network (density, arrow), flow"
    )
