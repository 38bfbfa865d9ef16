"""From a preset, a file, the environment and flags to one configuration.

Precedence: command flag > ``--set a.b=c`` > environment ``NORMALCY_A__B`` > ``--config`` file > preset.
Unknown keys are errors that name the nearest valid key.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from normalcy.config import Config
from normalcy.errors import ConfigError

PRESETS: dict[str, dict[str, Any]] = {
    # Seconds on any machine: for tests and for trying the road out. Its scores mean little.
    "tiny": {
        "level": "frame",
        "objects": {"detector": "motion"},
        "input": {"short_side": 64},
        "clip": {"length": 4, "fps": None},
        "encoder": {"width": 4},
        "heads": {"projection": 16, "hidden": 16},
        "train": {"steps": 20, "batch": 8, "crop": 32, "lr": 1e-3, "precision": "fp32"},
        "scoring": {"bands": 2, "columns": 2, "lanes": 4, "stride": 2},
    },
    # Minutes on two CPU cores: the default.
    "cpu": {},
    # Section 4.2 of the paper to the letter: T=12, 256x256, pixels in [0,1], AdamW, lr 3e-4 with cosine annealing,
    # omega .5, w1=w2=w3=1, tau .1, I3D-RGB, scores by eq. 9-11. What the paper leaves open is in docs/method.md.
    "paper": {
        "level": "frame",
        "input": {"short_side": None, "size": (256, 256), "channels": "rgb", "multiple": 32},
        "clip": {"length": 12, "fps": None, "step": 1, "match_lengths": False},
        "encoder": {"name": "i3d"},
        "heads": {"hidden": 0, "keep_time": False},
        "tasks": {"continuity_of": "clip"},
        "train": {"steps": 20_000, "batch": 8, "crop": None, "dense": False, "lr": 3e-4, "warmup": 0.0},
        "decoder": {"steps": 10_000, "batch": 8, "width": 256},
        "scoring": {
            "readouts": ("psnr",),
            "density_of": "clip",
            "stride": 12,
            "normalise": "per_video",
            "smoothing": "none",
            "sigma_s": 0.0,
        },
    },
}
ENV_PREFIX = "NORMALCY_"
BEFORE: dict[str, Any] = {
    "level": "frame",
    "objects": {"boxes_fps": None, "method": "tubes", "detector": "motion", "min_score": 0.25, "nms": 0.5, "left_s": 0.0},
}
"""Settings that are younger than format 3 of the model folder, with what a model does that was stored without them."""


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for k, v in over.items():
        out[k] = _merge(out[k], v) if isinstance(v, Mapping) and isinstance(out.get(k), dict) else v
    return out


def _nest(key: str, value: Any) -> dict[str, Any]:
    head, _, rest = key.partition(".")
    return {head: _nest(rest, value) if rest else value}


def _parse(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as e:
        raise ConfigError(f"cannot read the value {text!r}: {e}") from e


def known_keys(model: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """All dotted keys of the tree, leaves and branches, in definition order."""
    out: list[str] = []
    for name, f in model.model_fields.items():
        out.append(prefix + name)
        if isinstance(f.annotation, type) and issubclass(f.annotation, BaseModel):
            out += known_keys(f.annotation, f"{prefix}{name}.")
    return out


def _explain(e: ValidationError, origin: str) -> ConfigError:
    lines = []
    for err in e.errors():
        key = ".".join(str(p) for p in err["loc"])
        if err["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, known_keys(), n=1, cutoff=0.0)
            lines.append(f"unknown key '{key}'" + (f"; did you mean '{near[0]}'?" if near else ""))
        else:
            lines.append(f"{key or 'configuration'}: {err['msg']} (got {err['input']!r})"[:300])
    return ConfigError(f"{origin}: " + "; ".join(lines))


def load_config(
    preset: str = "cpu",
    file: str | Path | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Resolve a configuration.

    preset: a name of :data:`PRESETS`. file: YAML or JSON. sets: ``"a.b=value"`` strings, values read as YAML.
    flags: dotted keys with values that win over everything. environ: defaults to ``os.environ``.
    Raises ConfigError for an unknown key (naming the nearest), a value out of range, or an unreadable file.
    """
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset '{preset}'; there are {', '.join(PRESETS)}")
    tree = _merge({"preset": preset}, PRESETS[preset])
    origin = f"preset {preset}"
    tree, origin = _overlay(tree, origin, file, sets, os.environ if environ is None else environ)
    for key, value in (flags or {}).items():
        if value is not None:
            tree = _merge(tree, _nest(key, value))
    return parse_config(tree, origin)


def override_config(base: Config, file: str | Path | None = None, sets: Sequence[str] = ()) -> Config:
    """A stored configuration (that of a model) with a file and ``key=value`` settings over it.

    The environment is left out: it speaks of training anew. Raises ConfigError as :func:`load_config`.
    """
    tree, origin = _overlay(base.model_dump(mode="json"), "the model's configuration", file, sets, {})
    return parse_config(tree, origin)


def _overlay(
    tree: dict[str, Any], origin: str, file: str | Path | None, sets: Sequence[str], environ: Mapping[str, str]
) -> tuple[dict[str, Any], str]:
    """(tree with file, then environment, then sets over it, what came last for error messages)."""
    if file is not None:
        try:
            loaded = _parse(Path(file).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as e:
            raise ConfigError(f"{file}: cannot be read: {e}") from e
        if not isinstance(loaded, dict):
            raise ConfigError(f"{file}: expected a mapping of settings, found {type(loaded).__name__}")
        tree, origin = _merge(tree, loaded), str(file)
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX) and "__" in name:
            key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
            tree, origin = _merge(tree, _nest(key, _parse(text))), f"environment {name}"
    for item in sets:
        key, eq, text = item.partition("=")
        if not eq:
            raise ConfigError(f"--set {item}: write it as key=value")
        tree, origin = _merge(tree, _nest(key.strip(), _parse(text))), f"--set {item}"
    return tree, origin


def parse_config(tree: Mapping[str, Any], origin: str = "config") -> Config:
    """Validate a plain mapping (a stored config.json). origin names the file in errors."""
    try:
        return Config.model_validate(tree)
    except ValidationError as e:
        raise _explain(e, origin) from e


def stored_config(tree: Mapping[str, Any], origin: str) -> Config:
    """The configuration in a model folder, also one written before some settings were there. Raises ConfigError."""
    return parse_config(_merge(BEFORE, tree), origin)
