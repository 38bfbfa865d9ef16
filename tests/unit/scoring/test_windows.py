"""Windows share what they can; nobody must be able to tell from the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from made_models import square_frames, tiny_config, tiny_network
from normalcy.nn.fold_batchnorm import folded
from normalcy.scoring import windows as module
from normalcy.scoring.windows import Windows, to_grid

INDICES = {
    "overlapping": [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]],
    "steps": [[0, 3, 6, 9], [2, 5, 8, 11]],
    "apart": [[0, 1, 2, 3], [8, 9, 10, 11]],
    "one": [[4, 5, 6, 7]],
    "last frame repeated": [[9, 10, 11, 11], [10, 11, 11, 11]],
}


@pytest.fixture(params=["grey_diff", "rgb_diff", "rgb"])
def channels(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
@pytest.mark.parametrize("chunk", [1, 1_000_000])
@torch.inference_mode()
def test_every_pass_equals_the_network_on_each_clip(
    index: list[list[int]], chunk: int, channels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_PIXELS", chunk)
    cfg = tiny_config(f"input.channels={channels}")
    network = tiny_network(cfg)
    frames = torch.from_numpy(square_frames(12))
    clips = frames[torch.tensor(index)]
    w = Windows(network, frames, torch.tensor(index), cfg, folded(network.encoder))

    def close(got: torch.Tensor, clip: torch.Tensor) -> None:
        want = torch.cat([network.features(c[None]) for c in clip])
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)

    assert len(w) == len(index) and w.length == 4
    assert torch.equal(w.clips_BTHWC, clips)
    close(w.full, clips)
    close(w.pair, clips[:, 1:3])
    torch.testing.assert_close(w.pooled, w.pair.mean(dim=2))
    for t in (1, 2):
        close(w.dropped(t), clips[:, [i for i in range(4) if i != t]])
        close(w.single(t), clips[:, t : t + 1])


@torch.inference_mode()
def test_motion_is_the_mean_absolute_grey_difference() -> None:
    network = tiny_network(tiny_config())
    frames, index = square_frames(12), np.array(INDICES["overlapping"] + INDICES["steps"])
    w = Windows(network, torch.from_numpy(frames), torch.from_numpy(index), tiny_config())
    grey = frames[index].astype(np.float64).mean(axis=-1) / 255.0
    want = to_grid(torch.from_numpy(np.abs(np.diff(grey, axis=1)).mean(axis=1)), w.grid)
    np.testing.assert_allclose(w.motion.numpy(), want.numpy(), atol=1e-6)


def test_no_pass_is_run_twice_or_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    network = tiny_network(tiny_config())
    seen: list[int] = []
    monkeypatch.setattr(Windows, "_encode", lambda self, index: seen.append(len(index)) or torch.zeros(len(index), 2, 1, 1, 1))
    w = Windows(network, torch.from_numpy(square_frames(12)), torch.tensor(INDICES["overlapping"]), tiny_config())
    assert w.grid == (6, 8) and w.motion.shape == (3, 6, 8) and not seen
    _ = w.full, w.full
    assert seen == [3]
    _ = w.pair, w.pooled
    assert seen.pop() == 3 and seen == [3]
    _ = w.dropped(1), w.dropped(1), w.dropped(2)
    assert seen == [3, 3, 3]
    _ = w.single(1), w.single(2)
    assert seen == [3, 3, 3, 4]  # the four frames 1 to 4 are interior ones: each once, not once per window
