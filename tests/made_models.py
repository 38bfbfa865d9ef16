"""Small networks and models for tests: random weights, fitted on made-up video within a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from fakes import moving_square_video
from normalcy.clips.sampling import sliding
from normalcy.config import Config
from normalcy.nn.build import Network, build_network
from normalcy.presets import load_config
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.windows import Windows
from normalcy.types import Frame, VideoInfo

SIZE = (64, 48)
"""(width, height) of the made-up video; tiny works at this very size with short_side 48."""


def tiny_config(*sets: str) -> Config:
    return load_config("tiny", sets=["input.short_side=48", *sets], environ={})


def tiny_network(cfg: Config, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    network = build_network(cfg).eval()
    with torch.no_grad():
        for p in network.parameters():
            if p.ndim > 1:  # fresh weights answer nearly the same to everything, which would hide mistakes
                p.mul_(2.0)
    return network


def square_frames(n: int, seed: int = 0, speed: float = 2.0) -> np.ndarray:
    """(n, 48, 64, 3) uint8."""
    return moving_square_video(n, SIZE[1], SIZE[0], seed=seed, speed=speed)


def video_info(size: tuple[int, int] = SIZE, fps: float = 25.0, name: str = "made-up") -> VideoInfo:
    return VideoInfo(name, Path(name), *size, fps, None)


def stream(images: np.ndarray, fps: float = 25.0) -> list[Frame]:
    return [Frame(i, i / fps, image) for i, image in enumerate(images)]


def windows_of(model: FrameModel, images: np.ndarray, stride: int = 1, batch: int = 8) -> list[Windows]:
    index = sliding(len(images), model.cfg.clip.length, 1, stride)
    return [model.windows(images, index[i : i + batch]) for i in range(0, len(index), batch)]


def fitted_model(cfg: Config, images: np.ndarray | None = None, seed: int = 0) -> FrameModel:
    """A model calibrated on made-up normal video."""
    images = square_frames(60) if images is None else images
    model = FrameModel(cfg, tiny_network(cfg, seed))
    for w in windows_of(model, images):
        model.observe(w)
    model.fit()
    model.calibrate(windows_of(model, images))
    return model


def again(model: FrameModel, *sets: str) -> FrameModel:
    """The same network and calibration under other settings of scoring."""
    cfg = tiny_config(*sets)
    return FrameModel.from_state(cfg, model.network, *model.state())


def batch_of(clips: np.ndarray, m: Sequence[int], video: Sequence[int]) -> dict[str, torch.Tensor]:
    """A training batch whose V and V_c are the halves of 2 B clips (2 B, T, H, W, 3)."""
    b = len(m)
    x = torch.from_numpy(clips)
    return {"v": x[:b], "c": x[b:, :-1], "m": torch.tensor(m), "video": torch.tensor(video)}
