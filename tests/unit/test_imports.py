"""The command line answers at once because nothing heavy is imported before a command needs it."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import normalcy
import normalcy.cli
import normalcy.metrics

HEAVY = ("torch", "lightning", "pytorch_lightning", "torchmetrics", "sklearn", "scipy", "matplotlib", "cv2", "av", "numpy")


def loaded_after(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after running code, whatever code prints."""
    script = f"import sys, json\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('\\n' + json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return {m.partition(".")[0] for m in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        "import normalcy",
        "import normalcy.api",
        "import normalcy.cli",
        "from normalcy.cli import main; main(['--help'])",
        "from normalcy.cli import main; main(['--version'])",
        "from normalcy.cli import main; main(['train', '--help'])",
        "from normalcy.cli import main; main(['no-such-command'])",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    loaded = loaded_after(code)
    assert "normalcy" in loaded
    assert not loaded & {*HEAVY, "yaml"}


def test_showing_the_settings_needs_no_arrays() -> None:
    loaded = loaded_after("from normalcy.cli import main; main(['config', 'show'])")
    assert "pydantic" in loaded
    assert not loaded & set(HEAVY)


def test_metrics_need_arrays_alone() -> None:
    names = [m.name for m in pkgutil.iter_modules(normalcy.metrics.__path__)]
    assert len(names) >= 10
    loaded = loaded_after("import " + ", ".join(f"normalcy.metrics.{n}" for n in names))
    assert loaded & set(HEAVY) == {"numpy"}


def test_the_probe_itself_notices_a_heavy_import() -> None:
    assert "numpy" in loaded_after("import numpy")


@pytest.mark.parametrize("module", [normalcy, normalcy.cli])
def test_all_names_what_is_there(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    assert sorted(set(names)) == sorted(names)
    for name in names:
        assert getattr(module, name) is not None and name in dir(module)


def test_the_lazy_table_is_the_public_list() -> None:
    assert set(normalcy._MODULE_OF) | {"__version__", "errors"} == set(normalcy.__all__)


def test_functions_stay_functions_after_their_modules_are_loaded() -> None:
    """A package called like a function would replace it."""
    import normalcy.detection
    import normalcy.evaluation.evaluate
    import normalcy.experiments

    for name in ("train", "load", "score", "evaluate", "detect", "demo", "watch", "benchmark"):
        assert callable(getattr(normalcy, name))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'wath'"):
        _ = normalcy.wath
