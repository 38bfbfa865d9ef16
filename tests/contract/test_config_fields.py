"""What every setting keeps: run over the whole tree, so a new field is held to it by being there."""

from __future__ import annotations

from typing import get_args

import pytest

from made_models import tiny_config, tiny_network
from normalcy.config import DECIDES, Decides, deciding, fields, mark, values
from normalcy.errors import ConfigError
from normalcy.experiments.cells import what_decides
from normalcy.presets import known_keys, load_config
from normalcy.results.run_json import key
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.settings import with_settings


@pytest.mark.parametrize("name", fields())
def test_it_says_what_it_means_and_what_it_decides(name: str) -> None:
    field = fields()[name]
    assert mark(field, "decides") in DECIDES, f"{name}: say what it decides (normalcy.config.DECIDES)"
    assert field.description and len(field.description) > 4
    kinds = {a for a in (field.annotation, *get_args(field.annotation)) if a in (int, float)}
    assert not kinds or field.metadata, f"{name}: a number needs a range"


def test_every_setting_decides_one_thing() -> None:
    assert sorted(k for kind in get_args(Decides) for k in deciding(kind)) == sorted(fields())
    assert set(DECIDES) == set(get_args(Decides))
    assert set(fields()) == {k for k in known_keys() if not any(other.startswith(f"{k}.") for other in known_keys())}


EXAMPLES: dict[Decides, tuple[str, ...]] = {
    "network": ("train.steps=7", "heads.hidden=5", "objects.side=64"),
    "calibration": ("scoring.bands=5", "objects.sizes=2"),
    "score": ("scoring.sigma_s=2", "clip.short=repeat", "alarm.release=0.5"),
    "place": ("objects.weights=there.onnx",),
    "speed": ("scoring.batch=5", "objects.threads=7"),
    "run": ("train.workers=2",),
}


@pytest.mark.parametrize(("kind", "item"), [(k, item) for k, items in EXAMPLES.items() for item in items])
def test_what_it_decides_is_when_it_may_change_and_what_knows_of_it(kind: Decides, item: str) -> None:
    """Whether scoring may change it, whether a scored video is scored again, whether a finished cell is another one."""
    cfg = tiny_config()
    model = FrameModel(cfg, tiny_network(cfg))
    other = tiny_config(item)
    name = item.partition("=")[0]
    assert name in deciding(kind) and values(cfg)[name] != values(other)[name]
    assert (what_decides(cfg) != what_decides(other)) == (kind not in ("speed", "run"))
    if kind in ("network", "calibration", "run"):
        with pytest.raises(ConfigError, match=name):
            with_settings(model, None, [item])
    else:
        changed = with_settings(model, None, [item])
        assert values(changed.cfg)[name] == values(other)[name]
        assert (key(changed) != key(model)) == (kind in ("score", "place"))


@pytest.mark.parametrize("how", ["on", "off", "auto"])
def test_on_and_off_are_words_though_yaml_takes_them_for_truth(how: str) -> None:
    assert load_config("cpu", None, (f"video.deinterlace={how}",), {}).video.deinterlace == how
