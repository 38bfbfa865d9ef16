"""What a result says of how its scores came about: true of every configuration, since each part says its own."""

from __future__ import annotations

import pytest

from made_models import tiny_config, tiny_network
from normalcy.objects.both_levels import BothModel
from normalcy.objects.model import ObjectModel
from normalcy.results.run_json import protocol, short_protocol
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.readouts import READOUTS
from normalcy.scoring.smooth import SMOOTHINGS


def frames(*sets: str) -> FrameModel:
    cfg = tiny_config(*sets)
    return FrameModel(cfg, tiny_network(cfg))


def objects(*sets: str) -> ObjectModel:
    cfg = tiny_config("level=object", *sets)
    return ObjectModel(cfg, tiny_network(cfg))


def test_the_default() -> None:
    assert protocol(frames()) == (
        "Each readout (density, frame_density, velocity) in standard deviations of normal training video (cross-validated), "
        "through asinh; the mean over 2 voices, each a mean of readouts, of what exceeds typical normal video (0): the network "
        "(density, frame_density), the pictures without a network (velocity); smoothed by a centred Gaussian (looks ahead "
        "3 sigma), sigma 0.7 s."
    )


def test_the_papers() -> None:
    paper = ("scoring.readouts=[psnr]", "decoder.steps=1", "scoring.normalise=per_video", "scoring.sigma_s=0")
    seen_first = "between its lowest and highest value in this video (the whole video is seen first)"
    assert protocol(frames(*paper)) == f"The readout psnr {seen_first}; not smoothed."
    assert f"velocity) {seen_first}; the mean of the readouts; " in protocol(frames("scoring.normalise=per_video"))
    assert short_protocol(tiny_config(*paper)) == "per_video, unsmoothed"
    assert short_protocol(tiny_config()) == "train, gaussian 0.7 s"


@pytest.mark.parametrize("name", READOUTS)
def test_one_readout_is_no_mean_over_voices(name: str) -> None:
    said = protocol(frames(f"scoring.readouts=[{name}]", "decoder.steps=1"))
    assert said.startswith(f"The readout {name} in standard deviations") and "voices" not in said and "mean" not in said


@pytest.mark.parametrize("name", SMOOTHINGS)
def test_every_smoothing_is_called_what_it_is(name: str) -> None:
    said = protocol(frames(f"scoring.smoothing={name}"))
    assert ("exponential" in said) == (name == "ema") and ("Gaussian" in said) == (name == "gaussian")
    assert ("not smoothed" in said) == (name == "none")


def test_objects_and_both_levels() -> None:
    of_objects = protocol(objects())
    assert of_objects.startswith("Each object that the detector 'motion' finds: its readouts (continuity, localisation, ")
    assert "tasks (continuity, localisation, estimation), density, flow; the highest object of the frame" in of_objects
    both = protocol(BothModel(frames(), objects()))
    assert both.startswith("The mean of two levels. Frame level: Each readout (density, frame_density, velocity)")
    assert "Object level: Each object that the detector" in both
    seen_first = protocol(objects("scoring.normalise=per_video"))
    assert "the whole video is seen first" in seen_first and "asinh" not in seen_first
