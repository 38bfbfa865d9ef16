"""One tiny model and one odd video for all tests here; what is made is never changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import normalcy
from road import TINY, normal_videos, odd_video, own_cache


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with own_cache(tmp_path_factory.mktemp("cache")):
        yield


@pytest.fixture(scope="session")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two normal videos of 60 frames."""
    return normal_videos(tmp_path_factory.mktemp("normal"))


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory, normal: Path) -> Path:
    """A model that went through every stage in six steps."""
    out = tmp_path_factory.mktemp("model") / "m"
    normalcy.train(normal, out, preset="tiny", sets=TINY, device="cpu")
    return out


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 60 frames with an anomaly in frames 30 to 44."""
    return odd_video(tmp_path_factory.mktemp("odd") / "odd.mp4")
