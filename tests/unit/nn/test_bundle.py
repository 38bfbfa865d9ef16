"""The model folder: whole, atomic, checked."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from normalcy.config import Config
from normalcy.errors import ModelError, OutputError
from normalcy.nn import stored
from normalcy.nn.build import Network, build_network
from normalcy.nn.bundle import load_bundle, save_bundle
from normalcy.presets import load_config

FILES = ["calibration.json", "calibration.safetensors", "config.json", "model.safetensors"]


def _config(*sets: str) -> Config:
    return load_config("tiny", sets=sets, environ={})


def _save(folder: Path, seed: int = 0, threshold: float = 3.5, **over: object) -> Network:
    torch.manual_seed(seed)
    cfg = _config("decoder.steps=1")
    net = build_network(cfg)
    net.features(torch.randint(0, 256, (2, 3, 16, 16, 3), dtype=torch.uint8))  # running statistics of their own
    calibration = {"mean": np.arange(6.0).reshape(2, 3), "threshold": np.float64(threshold), "note": {"hours": 2}}
    save_bundle(folder, net, cfg, calibration | over, "# A model\n", {"steps": 20})
    return net


def test_round_trip(tmp_path: Path) -> None:
    net = _save(tmp_path / "a" / "m").eval()
    assert sorted(p.name for p in (tmp_path / "a" / "m").iterdir()) == sorted([*FILES, "README.md"])
    got = load_bundle(tmp_path / "a" / "m")
    assert got.config == _config("decoder.steps=1") and not got.network.training and got.extra == {"steps": 20}
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in got.network.state_dict().items())
    np.testing.assert_array_equal(got.arrays["mean"], np.arange(6.0).reshape(2, 3))
    assert got.scalars == {"threshold": 3.5, "note": {"hours": 2}}
    x = torch.randint(0, 256, (1, 4, 19, 23, 3), dtype=torch.uint8)
    assert torch.equal(got.network.features(x), net.features(x))
    assert (tmp_path / "a" / "m" / "README.md").read_text() == "# A model\n"


def test_channels_last_weights_are_stored(tmp_path: Path) -> None:
    from normalcy.nn.build import channels_last

    net = build_network(_config())
    channels_last(net)
    save_bundle(tmp_path, net, _config(), {}, "")
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in load_bundle(tmp_path).network.state_dict().items())


def test_no_file_is_a_pickle(tmp_path: Path) -> None:
    _save(tmp_path)
    for name in FILES:
        data = (tmp_path / name).read_bytes()
        assert not data.startswith((b"\x80", b"PK")), name


def test_hash_follows_content_and_not_the_card(tmp_path: Path) -> None:
    _save(tmp_path / "a")
    _save(tmp_path / "b")
    _save(tmp_path / "c", seed=1)
    _save(tmp_path / "d", threshold=4.0)
    (tmp_path / "b" / "README.md").write_text("my own words")
    a, b, c, d = (load_bundle(tmp_path / n).hash for n in "abcd")
    assert a == b and len({a, c, d}) == 3 and len(a) == 64


def test_loading_does_not_move_the_random_numbers(tmp_path: Path) -> None:
    _save(tmp_path)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_bundle(tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_saving_again_keeps_other_files(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").write_text("state")
    _save(tmp_path)
    _save(tmp_path, threshold=9.0)
    assert load_bundle(tmp_path).scalars["threshold"] == 9.0
    assert (tmp_path / "checkpoints" / "last.ckpt").read_text() == "state"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("write", range(5))
def test_a_full_disk_leaves_the_model_that_was_there(write: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _save(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    calls = iter(range(100))

    def fsync(_: int) -> None:
        if next(calls) == write:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OutputError, match="No space left on device"):
        _save(tmp_path, seed=1, threshold=9.0)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert load_bundle(tmp_path).scalars["threshold"] == 3.5


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file"):
        _save(tmp_path / "file")


def test_values_that_json_has_no_word_for_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="finite"):
        _save(tmp_path / "m", threshold=float("nan"))
    with pytest.raises(TypeError, match="calibration: a set"):
        _save(tmp_path / "m", seen={1, 2})
    assert not (tmp_path / "m").exists()


def test_not_a_model_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone: not a model folder"):
        load_bundle(tmp_path / "gone")
    (tmp_path / "config.json").write_text('{"architectures": ["Bert"]}')
    with pytest.raises(ModelError, match="not the configuration of a Normalcy model"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_missing_and_damaged_files_are_named(name: str, tmp_path: Path) -> None:
    _save(tmp_path)
    whole = (tmp_path / name).read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        b"",
        bytes([whole[0] ^ 255]) + whole[1:],
        whole[:-9] + bytes([whole[-9] ^ 255]) + whole[-8:],
    ):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(ModelError, match=name.replace(".", r"\.")):
            load_bundle(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_bundle(tmp_path)


def test_files_of_two_models_do_not_mix(tmp_path: Path) -> None:
    _save(tmp_path / "a")
    _save(tmp_path / "b", seed=1)
    (tmp_path / "b" / "model.safetensors").replace(tmp_path / "a" / "model.safetensors")
    with pytest.raises(ModelError, match="not written together"):
        load_bundle(tmp_path / "a")


def _edit(folder: Path, change: dict[str, object]) -> None:
    head = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(head | change))


def test_a_newer_format_says_upgrade(tmp_path: Path) -> None:
    _save(tmp_path)
    _edit(tmp_path, {"format_version": 4})
    with pytest.raises(ModelError, match=r"config\.json: written by a newer Normalcy \(format 4\); this is format 3: upgrade"):
        load_bundle(tmp_path)


def test_an_older_format_says_train_again(tmp_path: Path) -> None:
    _save(tmp_path)
    _edit(tmp_path, {"format_version": 2})
    with pytest.raises(ModelError, match=r"written by an older Normalcy \(format 2, this is 3\).*train the model again"):
        load_bundle(tmp_path)


def test_an_unknown_key_in_the_stored_configuration(tmp_path: Path) -> None:
    _save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())["config"]
    _edit(tmp_path, {"config": config | {"sed": 1}})
    with pytest.raises(ModelError, match=r"config\.json: unknown key 'sed'; did you mean 'seed'"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    ("key", "reason"),
    [("encoder.width=8", r"tensor decoder\.enter\.weight has shape"), ("decoder.steps=0", "is not expected")],
)
def test_a_network_that_does_not_fit_its_configuration(key: str, reason: str, tmp_path: Path) -> None:
    _save(tmp_path)
    _edit(tmp_path, {"config": _config("decoder.steps=1", key).model_dump(mode="json")})
    with pytest.raises(ModelError, match=rf"model\.safetensors: does not fit.*{reason}"):
        load_bundle(tmp_path)


def test_format_is_the_documented_one() -> None:
    assert stored.FORMAT == 3 and stored.CLASS == "normalcy-model"


def test_a_setting_younger_than_the_model_is_as_it_was_then(tmp_path: Path) -> None:
    _save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())["config"]
    del config["objects"]["boxes_fps"]
    _edit(tmp_path, {"config": config})
    assert load_bundle(tmp_path).config.objects.boxes_fps is None
