"""Which way each readout points. What all of them keep is in tests/contract."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from made_models import square_frames, tiny_config, tiny_network
from normalcy.config import Config
from normalcy.errors import ModelError
from normalcy.nn.build import Network
from normalcy.scoring.readouts import READOUTS, Proxy, build_readouts
from normalcy.scoring.windows import Windows

B, T = 5, 4


def config(name: str, *sets: str) -> Config:
    return tiny_config(f"scoring.readouts=[{name}]", "decoder.steps=1", "decoder.width=8", *sets)


def windows(network: Network, images: np.ndarray, cfg: Config) -> Windows:
    index = np.arange(B)[:, None] + np.arange(T)
    return Windows(network, torch.from_numpy(images), torch.from_numpy(index), cfg)


@pytest.mark.parametrize("name", ["density", "frame_density"])
@torch.inference_mode()
def test_a_density_needs_normal_video_and_is_higher_away_from_it(name: str) -> None:
    cfg = config(name)
    network = tiny_network(cfg)
    (readout,) = build_readouts(cfg)
    normal = square_frames(B + T)
    with pytest.raises(ModelError, match="not fitted"):
        readout.maps(windows(network, normal, cfg))
    for seed in range(4):
        readout.observe(windows(network, square_frames(B + T, seed), cfg))
    readout.fit()
    noise = np.random.default_rng(0).integers(0, 256, normal.shape, dtype=np.uint8)
    assert readout.maps(windows(network, noise, cfg)).mean() > 2 * readout.maps(windows(network, normal, cfg)).mean()


@torch.inference_mode()
def test_motion_is_higher_where_and_when_more_moves() -> None:
    cfg = config("motion")
    network = tiny_network(cfg)
    (readout,) = build_readouts(cfg)
    still = np.full((B + T, 48, 64, 3), 90, dtype=np.uint8)
    moving = still.copy()
    moving[1::2, :16, :16] = 200
    assert not readout.maps(windows(network, still, cfg)).any()
    m = readout.maps(windows(network, moving, cfg))[0, 0]
    assert m[0, 0] == pytest.approx(110 / 255, abs=1e-5) and m[-1, -1] == 0


@torch.inference_mode()
def test_psnr_is_higher_for_a_frame_that_its_neighbours_do_not_tell() -> None:
    """An untrained decoder is the mean of the two neighbours, which makes eq. 9 and 10 computable by hand."""
    cfg = config("psnr")
    network = tiny_network(cfg)
    (readout,) = build_readouts(cfg)
    frames = np.full((4, 48, 64, 3), 100, dtype=np.uint8)
    frames[2] = 151
    w = Windows(network, torch.from_numpy(frames), torch.tensor([[0, 1, 2, 3], [0, 1, 1, 3]]), cfg)
    maps = readout.maps(w)
    values = readout.values(maps)
    assert values is not None
    assert values[0] == pytest.approx(10 * np.log10(3 * (51 / 255) ** 2), abs=1e-3)  # squared error summed over RGB
    assert values[1] == pytest.approx(-100.0)  # nothing is different: the floor of 1e-10
    assert maps[0].amin() == pytest.approx(3 * (51 / 255) ** 2, rel=1e-4)


@torch.inference_mode()
def test_psnr_without_a_decoder_says_what_is_missing() -> None:
    cfg = tiny_config()
    network = tiny_network(cfg)
    with pytest.raises(ModelError, match=r"decoder\.steps"):
        READOUTS["psnr"](config("psnr")).maps(windows(network, square_frames(B + T), cfg))  # type: ignore[attr-defined]


@torch.inference_mode()
def test_continuity_follows_p1() -> None:
    cfg = config("continuity")
    network = tiny_network(cfg)
    (readout,) = build_readouts(cfg)
    before = readout.maps(windows(network, square_frames(B + T), cfg))
    network.heads.p1[-1].bias += torch.tensor([0.0, 2.0])  # class 1 is "discontinuous"
    after = readout.maps(windows(network, square_frames(B + T), cfg))
    torch.testing.assert_close(after, before + 2.0)


@torch.inference_mode()
def test_feature_is_higher_for_a_frame_that_does_not_belong() -> None:
    cfg = config("feature")
    network = tiny_network(cfg)
    (readout,) = build_readouts(cfg)
    frames = np.stack([square_frames(1)[0], 255 - square_frames(1)[0]])
    w = Windows(network, torch.from_numpy(frames), torch.tensor([[0, 0, 0, 0], [0, 0, 1, 0]]), cfg)
    fits, strange = readout.maps(w)
    assert strange.mean() > fits.mean()


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("of", ["pair", "clip"])
@torch.inference_mode()
def test_proxy_is_made_of_the_three_tasks(dense: bool, of: str) -> None:
    cfg = config("proxy", f"train.dense={dense}", f"tasks.continuity_of={of}")
    network = tiny_network(cfg)
    proxy = build_readouts(cfg)[0]
    assert isinstance(proxy, Proxy) and proxy.two_sided == (False, True, True)
    w = windows(network, square_frames(B + T), cfg)
    got = proxy.maps(w)
    heads, pool = network.heads, w.pool
    judged = (1, 1) if dense else pool
    miss, distance = [], []
    for t in (1, 2):
        rest = network.features(w.clips_BTHWC[:, [i for i in range(T) if i != t]])
        frame = network.features(w.clips_BTHWC[:, t : t + 1])
        miss.append(-F.log_softmax(heads.localise(rest, judged), dim=1)[:, t - 1])
        distance.append(1 - F.cosine_similarity(heads.project(rest, pool), heads.project(frame, pool), dim=1))
    logits = heads.continuity(network.features(w.clips_BTHWC if of == "clip" else w.clips_BTHWC[:, 1:3]), judged)
    want = torch.stack([logits[:, 1] - logits[:, 0], (miss[0] + miss[1]) / 2, (distance[0] + distance[1]) / 2], dim=1)
    torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4)
    assert got[:, 1].min() >= 0 and got[:, 2].min() > -1e-6 and got[:, 2].max() <= 2
