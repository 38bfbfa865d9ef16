"""What every readout keeps, at both levels: run over all that are registered, so a new one is held to it by its name alone."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from fakes import moving_square_video
from made_models import square_frames, tiny_config, tiny_network
from normalcy.config import OBJECT_READOUTS, Config, ReadoutName
from normalcy.nn.build import Network, build_network
from normalcy.nn.tasks import TASKS
from normalcy.objects.both_levels import BothModel
from normalcy.objects.model import ObjectModel
from normalcy.objects.readouts import OWN, ObjectClips, build_readout
from normalcy.presets import load_config
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.readout import PLAIN, VOICE_WORDS, FrameReadout
from normalcy.scoring.readouts import READOUTS, build_readouts
from normalcy.scoring.windows import Windows
from objects_help import boxes

B, T = 5, 4
HEADS = {"continuity": "p1", "localisation": "p2", "estimation": "p3"}


def config(name: str) -> Config:
    return tiny_config(f"scoring.readouts=[{name}]", "decoder.steps=1", "decoder.width=8")


CFG = config("density")
"""Of the windows: readouts are all of the same network."""


def windows(network: Network, seed: int = 5) -> Windows:
    index = np.arange(B)[:, None] + np.arange(T)
    return Windows(network, torch.from_numpy(square_frames(B + T, seed)), torch.from_numpy(index), CFG)


def read(readout: FrameReadout, network: Network) -> torch.Tensor:
    with torch.inference_mode():
        return readout.maps(windows(network))


@pytest.fixture(params=sorted(READOUTS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fitted(name: str) -> tuple[FrameReadout, Network]:
    cfg = config(name)
    network, (readout,) = tiny_network(cfg), build_readouts(cfg)
    with torch.inference_mode():
        for seed in range(3):
            readout.observe(windows(network, seed))
    readout.fit()
    return readout, network


def plain_words(text: str) -> bool:
    """The end of a sentence for people: no name, no capital, no full stop."""
    return len(text.split()) >= 3 and text[0].islower() and text[-1].isalpha() and "_" not in text


def test_the_configuration_names_all_of_them() -> None:
    assert set(get_args(ReadoutName)) == set(READOUTS)
    assert set(OBJECT_READOUTS) == {*(n for n, t in TASKS.items() if "object" in t.levels), *OWN}


def test_it_says_what_it_is(fitted: tuple[FrameReadout, Network], name: str) -> None:
    readout = fitted[0]
    assert readout.name == name
    assert plain_words(readout.words)
    assert readout.voice in VOICE_WORDS
    assert set(readout.reads) <= set(TASKS)


def test_maps_and_values(fitted: tuple[FrameReadout, Network]) -> None:
    readout, network = fitted
    w = windows(network)
    with torch.inference_mode():
        maps = readout.maps(w)
        assert maps.shape == (B, len(readout.two_sided), *w.grid) and maps.dtype == torch.float32
        assert torch.isfinite(maps).all()
        values = readout.values(maps)
        assert values is None or (values.shape == (B,) and torch.isfinite(values).all())
        one = Windows(network, w.frames_NHWC, w.index_BT[2:3], CFG)
        torch.testing.assert_close(readout.maps(one)[0], maps[2], rtol=1e-3, atol=1e-4)
    if not readout.local:
        assert torch.equal(maps.amax(dim=(2, 3)), maps.amin(dim=(2, 3)))


def test_state_there_and_back(fitted: tuple[FrameReadout, Network], name: str) -> None:
    readout, network = fitted
    (loaded,) = build_readouts(config(name))
    state = readout.state()
    assert all(isinstance(v, np.ndarray) for v in state.values())
    loaded.load(state)
    torch.testing.assert_close(read(loaded, network), read(readout, network))


def test_it_reads_the_heads_that_it_names_and_no_others(fitted: tuple[FrameReadout, Network]) -> None:
    """reads decides which tasks a readout makes sense with: it has to be true."""
    readout, network = fitted
    before = read(readout, network)
    for task, head in HEADS.items():
        parameters = list(getattr(network.heads, head).parameters())
        kept = [p.detach().clone() for p in parameters]
        with torch.no_grad():
            for p in parameters:
                p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
            moved = not torch.allclose(read(readout, network), before)
            for p, old in zip(parameters, kept, strict=True):
                p.copy_(old)
        assert moved == (task in readout.reads), task


def test_its_voice_says_whether_it_looks_through_the_network(fitted: tuple[FrameReadout, Network]) -> None:
    readout, network = fitted
    before = read(readout, network)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    assert torch.allclose(read(readout, network), before) == (readout.voice == PLAIN)


@pytest.fixture(scope="module")
def objects() -> ObjectClips:
    on = [f"tasks.{n}=1" for n, t in TASKS.items() if "object" in t.levels]
    sets = ["level=object", "objects.side=16", "heads.classes=3", "objects.detector=file", "objects.boxes=x", *on]
    cfg = load_config("tiny", environ={}, sets=sets)
    torch.manual_seed(0)
    model = ObjectModel(cfg, build_network(cfg).eval())
    found = boxes((2, 3, 20, 30), (30, 10, 50, 40), (10, 5, 40, 45))
    teacher = np.random.default_rng(0).random((3, 3)).astype(np.float32)
    regions = [
        model.regions(moving_square_video(T, 48, 64, seed=s), type(found)(*_with_classes(found, teacher)), 0.04)
        for s in range(8)
    ]
    return model.clips(regions, (64, 48))


def _with_classes(found, teacher):
    return found.xyxy_N4, found.score_N, found.label_N, teacher


def test_a_model_of_any_level_has_words_for_every_name_that_an_event_may_carry() -> None:
    of_frames = tiny_config(f"scoring.readouts=[{','.join(READOUTS)}]", "decoder.steps=1", "decoder.width=8")
    frames = FrameModel(of_frames, tiny_network(of_frames))
    of_objects = tiny_config("level=object")
    objects = ObjectModel(of_objects, tiny_network(of_objects))
    for model in (frames, objects, BothModel(frames, objects)):
        assert list(model.words) == model.names
        assert all(plain_words(text) for text in model.words.values())


@pytest.mark.parametrize("name", OBJECT_READOUTS)
def test_every_object_readout(name: str, objects: ObjectClips) -> None:
    readout = build_readout(name, load_config("tiny", environ={}))
    assert readout.name == name
    assert plain_words(readout.words)
    assert readout.voice == ("tasks" if name in TASKS else name)
    with torch.inference_mode():
        x = readout.extract(objects)
        readout.observe(x)
        readout.fit()
        raw = readout.raw(x)
        assert raw.shape == (len(objects),) and raw.dtype == np.float64 and np.isfinite(raw).all()
        again = build_readout(name, load_config("tiny", environ={}))
        again.load(readout.state())
        np.testing.assert_allclose(again.raw(x), raw)
