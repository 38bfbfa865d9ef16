"""What every cue of untrained objects keeps: run over all that are registered, so a new one is held to it by its name alone."""

from __future__ import annotations

import numpy as np
import pytest

from normalcy.config import ObjectsConfig
from normalcy.objects.cues.base import Cue, Facts, cue_of
from normalcy.objects.selftest import CHANGES
from normalcy.objects.usual import UsualSpeed
from normalcy.parts import CUES
from seen_made import walkers


@pytest.fixture(params=CUES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fitted(name: str) -> Cue:
    cue, normal = cue_of(name)(), walkers()
    cue.fit(normal, UsualSpeed.of(normal))
    return cue


def test_it_says_what_it_is(name: str) -> None:
    cue = cue_of(name)
    assert cue.name == name
    for text in (cue.words, cue().phrase(Facts(3.14, 42.0))):
        assert len(text.split()) >= 3 and text[0].isalnum() and text[-1].isalpha()
    assert f"{name}: {CUES[name].words}" in f"{ObjectsConfig.model_fields['cues'].description}"
    assert cue.share > 0
    assert set(cue.tested_by) <= set(CHANGES), "a change that the self-test does not make"


def test_it_reads_every_sighting_alike_alone_and_among_others(name: str, fitted: Cue) -> None:
    new = walkers(video=5, seed=3)
    usual = UsualSpeed.of(walkers())
    read = fitted.read(new, usual)
    assert read.value_N.shape == read.nearest_N.shape == (len(new),)
    assert np.isfinite(read.value_N).any()
    assert (read.nearest_N < len(walkers())).all()
    some = np.arange(0, len(new), 7)
    np.testing.assert_allclose(fitted.read(new.select(some), usual).value_N, read.value_N[some], rtol=1e-4, atol=1e-5)


def test_state_there_and_back(name: str, fitted: Cue) -> None:
    new, usual = walkers(video=5, seed=3), UsualSpeed.of(walkers())
    again = cue_of(name)()
    again.load(fitted.state())
    np.testing.assert_allclose(again.read(new, usual).value_N, fitted.read(new, usual).value_N, rtol=1e-4, atol=1e-5)


def test_no_sighting_at_all(name: str, fitted: Cue) -> None:
    none = walkers().select(np.zeros(0, np.int64))
    assert fitted.read(none, UsualSpeed.of(walkers())).value_N.shape == (0,)
