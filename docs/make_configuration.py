"""Writes the tables of docs/configuration.md from the settings themselves: ``python docs/make_configuration.py``.

Run it after a change of src/normalcy/config.py or presets.py; tests/unit/docs says when it was forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from normalcy.config import Config
from normalcy.presets import PRESETS, known_keys, load_config

PAGE = Path(__file__).with_name("configuration.md")
SECTIONS = {
    "": "Whole",
    "input": "input: from a decoded frame to network input",
    "clip": "clip: clips of frames",
    "encoder": "encoder: the network F",
    "heads": "heads: P1, P2, P3",
    "tasks": "tasks: the joint loss",
    "train": "train: optimisation of the encoder and the heads",
    "decoder": "decoder: stage 2",
    "scoring": "scoring: from features to a score for every frame",
    "objects": "objects: where objects are, and their crops",
    "alarm": "alarm: from scores to events",
}


def fields(model: type[BaseModel] = Config, prefix: str = "") -> dict[str, FieldInfo]:
    """Dotted key -> field of every setting, branches left out, in definition order."""
    out: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            out |= fields(field.annotation, f"{prefix}{name}.")
        else:
            out[prefix + name] = field
    return out


def spell(value: Any) -> str:
    """A value as it is written behind ``--set key=``; YAML reads null as none."""
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(spell, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def admitted(field: FieldInfo) -> str:
    """The range of a setting in words, its kind where it has none."""
    limits: dict[str, Any] = {}
    for m in field.metadata:
        limits |= {k: spell(v) for k in ("ge", "gt", "le", "lt") if (v := getattr(m, k, None)) is not None}
    low = limits.get("ge") or (f"above {limits['gt']}" if "gt" in limits else "")
    high = f"to {limits['le']}" if "le" in limits else f"to below {limits['lt']}" if "lt" in limits else ""
    words = f"{low} {high}".strip() or kind(field.annotation)
    return f"{words}, or null" if type(None) in get_args(field.annotation) else words


def kind(annotation: Any) -> str:
    """A type in words."""
    parts = [a for a in get_args(annotation) if a not in (type(None), ...)]
    if get_origin(annotation) is Literal:
        return ", ".join(parts)
    if get_origin(annotation) is tuple:
        return "[width, height]" if len(parts) == 2 else f"list of {kind(parts[0])}"
    if parts:
        return kind(parts[0])
    return {bool: "true, false", str: "text"}[annotation]


def settings_tables() -> str:
    """One table per branch of the tree: default, range and meaning of every setting."""
    known = fields()
    assert set(known) <= set(known_keys())
    out: list[str] = []
    for branch, title in SECTIONS.items():
        out += [f"### {title}", "", "| setting | default | range | meaning |", "|---|---|---|---|"]
        for key, field in known.items():
            if key.rpartition(".")[0] == branch:
                meaning = field.description or ""
                out.append(f"| `{key}` | `{spell(field.default)}` | {admitted(field)} | {meaning.replace('|', '/')} |")
        out.append("")
    return "\n".join(out).strip()


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping with dotted keys."""
    out: dict[str, Any] = {}
    for k, v in tree.items():
        out |= flat(v, f"{prefix}{k}.") if isinstance(v, Mapping) else {prefix + k: v}
    return out


def preset_table() -> str:
    """Every setting that is not the same in all presets."""
    values = {name: flat(load_config(name, environ={}).model_dump(mode="json")) for name in PRESETS}
    out = [f"| setting | {' | '.join(f'`{n}`' for n in values)} |", "|---" * (len(values) + 1) + "|"]
    for key in fields():
        cells = [spell(v[key]) for v in values.values()]
        if key != "preset" and len(set(cells)) > 1:
            out.append(f"| `{key}` | {' | '.join(cells)} |")
    return "\n".join(out)


def with_tables(page: str) -> str:
    """The page with its tables made anew; all that stands outside the markers stays."""
    for name, table in {"presets": preset_table(), "settings": settings_tables()}.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        page = re.sub(f"{start}.*?{end}", lambda _, t=f"{start}\n{table}\n{end}": t, page, flags=re.S)
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
