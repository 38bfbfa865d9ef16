"""Writes the tables of docs/configuration.md from the settings themselves: ``python docs/make_configuration.py``.

Run it after a change of src/normalcy/config.py or presets.py; tests/unit/docs says when it was forgotten.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from normalcy.config import DECIDES, deciding, fields, mark, values
from normalcy.presets import PRESETS, known_keys, load_config

PAGE = Path(__file__).with_name("configuration.md")
SECTIONS = {
    "": "Whole",
    "video": "video: how recordings are read, sound or damaged",
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
        return "list of two" if len(parts) == 2 else f"list of {kind(parts[0])}"
    if parts:
        return kind(parts[0])
    return {bool: "true, false", str: "text"}[annotation]


def settings_tables() -> str:
    """One table per branch of the tree: default, range, what it decides, and meaning of every setting."""
    known = fields()
    assert set(known) <= set(known_keys())
    out: list[str] = []
    for branch, title in SECTIONS.items():
        out += [f"### {title}", "", "| setting | default | range | decides | meaning |", "|---|---|---|---|---|"]
        for key, field in known.items():
            if key.rpartition(".")[0] == branch:
                meaning, decides = (field.description or "").replace("|", "/"), mark(field, "decides")
                out.append(f"| `{key}` | `{spell(field.default)}` | {admitted(field)} | {decides} | {meaning} |")
        out.append("")
    return "\n".join(out).strip()


def decides_table() -> str:
    """What a setting can decide, and which do; those that the networks depend on are all the others."""
    out = ["| decides | that is | settings |", "|---|---|---|"]
    for kind, words in DECIDES.items():
        named = "all others" if kind == "network" else ", ".join(f"`{k}`" for k in deciding(kind))
        out.append(f"| {kind} | {words} | {named} |")
    return "\n".join(out)


def preset_table() -> str:
    """Every setting that is not the same in all presets."""
    presets = {name: values(load_config(name, environ={})) for name in PRESETS}
    out = [f"| setting | {' | '.join(f'`{n}`' for n in presets)} |", "|---" * (len(presets) + 1) + "|"]
    for key in fields():
        cells = [spell(v[key]) for v in presets.values()]
        if key != "preset" and len(set(cells)) > 1:
            out.append(f"| `{key}` | {' | '.join(cells)} |")
    return "\n".join(out)


def with_tables(page: str) -> str:
    """The page with its tables made anew; all that stands outside the markers stays."""
    for name, table in {"presets": preset_table(), "decides": decides_table(), "settings": settings_tables()}.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        page = re.sub(f"{start}.*?{end}", lambda _, t=f"{start}\n{table}\n{end}": t, page, flags=re.S)
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
