"""The door is light: naming it costs nothing, and everything that it promises is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import normalcy
import normalcy.api

HEAVY = ("torch", "numpy", "cv2", "av", "lightning", "matplotlib", "scipy", "sklearn", "pydantic")


@pytest.mark.parametrize("module", ["normalcy", "normalcy.api"])
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_promised_name_is_there() -> None:
    for name in normalcy.__all__:
        assert getattr(normalcy, name) is not None
        assert name in dir(normalcy)
    for name in normalcy.api.__all__:
        assert getattr(normalcy.api, name) is not None


def test_functions_stay_functions_after_their_modules_are_loaded() -> None:
    """A submodule called like a function would replace it in the package."""
    import normalcy.api.evaluation
    import normalcy.api.scoring
    import normalcy.api.showcase
    import normalcy.api.training

    for name in ("train", "load", "score", "evaluate", "demo"):
        assert callable(getattr(normalcy.api, name))
        assert getattr(normalcy, name) is getattr(normalcy.api, name)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'wath'"):
        _ = normalcy.wath
