"""The commands config show and config schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from normalcy.cli import show
from normalcy.cli.options import EPILOG, ConfigFile, Preset, Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

config_app = typer.Typer(help="Show the settings.", epilog=EPILOG)


@config_app.command("show", epilog=EPILOG)
def config_show(preset: Preset = "cpu", config: ConfigFile = None, sets: Settings = None) -> None:
    """All settings as they would be used, as YAML that --config reads."""
    from normalcy.presets import load_config

    show.out(settings_yaml(load_config(preset, config, sets or ())))


@config_app.command("schema", epilog=EPILOG)
def config_schema() -> None:
    """The JSON schema of the settings: every name, range and meaning."""
    from normalcy.config import Config

    show.out(show.as_json(Config.model_json_schema()))


def settings_yaml(model: BaseModel) -> str:
    """A configuration as YAML that ``--config`` reads, with what each setting means beside it."""
    return "\n".join(_yaml_lines(model, "")) + "\n"


def _yaml_lines(model: BaseModel, indent: str) -> list[str]:
    from pydantic import BaseModel

    lines: list[str] = []
    stored = model.model_dump(mode="json")
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            lines += [f"{indent}{name}:", *_yaml_lines(value, indent + "  ")]
        else:
            # JSON is YAML, but for floats: YAML 1.1 reads 1e-05 as text.
            text = json.dumps(stored[name]) if not isinstance(stored[name], float) else _yaml_float(stored[name])
            lines.append(f"{indent}{name}: {text}" + (f"  # {info.description}" if info.description else ""))
    return lines


def _yaml_float(value: float) -> str:
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
