"""The pages say what is so: every command and option in them exists, every link leads somewhere, every setting is described."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import typer

import normalcy
import normalcy.types
from normalcy.cli import EXIT_CODES, app
from normalcy.config import fields, values
from normalcy.errors import ConfigError
from normalcy.presets import known_keys, load_config
from road import normal_videos, odd_video, own_cache

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
COMMAND = typer.main.get_command(app)
CONFIGURATION = ROOT / "docs" / "configuration.md"

pages = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def blocks(text: str) -> Iterator[str]:
    """Code blocks of a page: fenced ones, and indented ones after an empty line."""
    for m in re.finditer(r"^```[^\n]*\n(.*?)^```", text, re.M | re.S):
        yield m.group(1)
    bare = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for m in re.finditer(r"(?:\A|\n\n)((?:    [^\n]*(?:\n|\Z))+)", bare):
        yield re.sub(r"^    ", "", m.group(1), flags=re.M)


def shell_lines(text: str) -> Iterator[str]:
    """Command lines of all code blocks, continued lines joined, comments and what is piped on cut off."""
    for block in blocks(text):
        joined = re.sub(r"\s*\\\n\s*|\n\s+(?=[\[-])", " ", block)
        for line in joined.splitlines():
            yield re.split(r"\s#\s|\s[|>]\s|\s2>", line.strip().removeprefix("$ "))[0].strip()


def commands(text: str) -> list[str]:
    return [line for line in shell_lines(text) if line.split(" ", 1)[0] == "normalcy"]


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """(the command that words lead to, the words after its name). Raises AssertionError for a command that is not there."""
    command: Any = COMMAND
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"no command '{words[0]}'; there are {', '.join(command.commands)}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def check(line: str) -> None:
    """Raises where line is no command line of normalcy. A synopsis (with brackets) need only name real options."""
    synopsis = re.search(r"\[--|\w\|\w|\.\.\.", line) is not None
    words = shlex.split(re.sub(r"[\[\]]", " ", line) if synopsis else line)
    command, rest = resolve(words[1:])
    known = {"--help", "-h"} | {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{command.name} has no option {word}"
    if not synopsis and not {"--help", "-h", "--version"} & set(rest):
        context = command.make_context(command.name, list(rest))  # parses, and runs nothing
        load_config(context.params.get("preset") or "cpu", sets=context.params.get("sets") or (), environ={})


@pages
def test_commands_exist(page: Path) -> None:
    for line in commands(page.read_text(encoding="utf-8")):
        try:
            check(line)
        except Exception as e:
            raise AssertionError(f"{page.name}: {line}: {e}") from e


@pytest.mark.parametrize(
    ("line", "error", "reason"),
    [
        ("normalcy drill videos", AssertionError, "no command 'drill'"),
        ("normalcy score a.mp4 --model m --out o --heatmap", AssertionError, "no option --heatmap"),
        ("normalcy score a.mp4 --out o", typer.BadParameter, "model"),
        ("normalcy train a.mp4 --out m --set train.setps=3", ConfigError, "train.setps"),
        ("normalcy train SOURCE... --out M [--fast]", AssertionError, "no option --fast"),
        ("normalcy config dump", AssertionError, "no command 'dump'"),
    ],
)
def test_the_check_notices(line: str, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        check(line)


def test_commands_are_found_in_the_pages() -> None:
    found = [line for page in PAGES for line in commands(page.read_text(encoding="utf-8"))]
    assert len(found) > 15
    used = {resolve(shlex.split(re.sub(r"[\[\]|]", " ", line))[1:])[0].name for line in found}
    assert used >= {"train", "score", "eval", "demo", "doctor", "show", "schema", "list", "check", "reproduce"}


@pages
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for line in shell_lines(page.read_text(encoding="utf-8")):
        words = line.split()
        if words[:1] == ["make"]:
            wanted = {w for w in words[1:] if re.fullmatch(r"[a-z]+", w)}
            assert wanted <= targets, f"{page.name}: {line}"


@pages
def test_links_resolve(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / unquote(path)).resolve() if path else page
        assert there.exists(), f"{page.name}: {target} leads nowhere"
        assert there.is_relative_to(ROOT), f"{page.name}: {target} leads out of the repository"
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{page.name}: {target}: no such heading"


def anchors(text: str) -> set[str]:
    """Names under which the headings of a page can be linked to."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_every_page_is_in_the_index() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    missing = [p.name for p in (ROOT / "docs").glob("*.md") if p.name != "index.md" and f"({p.name})" not in text]
    assert not missing


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "score.md").read_text(encoding="utf-8")
    for code, words in EXIT_CODES.items():
        assert f"| {code} | {words}" in text


# --- the settings ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """docs/make_configuration.py."""
    spec = importlib.util.spec_from_file_location("make_configuration", ROOT / "docs" / "make_configuration.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_settings_are_current(make: ModuleType) -> None:
    page = CONFIGURATION.read_text(encoding="utf-8")
    assert make.with_tables(page) == page, "run: python docs/make_configuration.py"


def test_every_setting_has_default_range_and_meaning(make: ModuleType) -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \| `(.+?)` \| (.+?) \| (\w+) \| (.+?) \|$", CONFIGURATION.read_text(encoding="utf-8"), re.M
    )
    wanted = {k for k in known_keys() if not any(other.startswith(f"{k}.") for other in known_keys())}
    assert {key for key, *_ in rows} == wanted
    stored = values(load_config(environ={}))
    for key, default, *_ in rows:
        if stored[key] is None or key == "preset":
            assert default in ("null", "cpu")
        else:
            assert load_config(sets=[f"{key}={default}"], environ={}) == load_config(environ={}), key


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("seed", "0 to below 2147483648"),
        ("train.holdout", "above 0 to below 0.9"),
        ("train.clip_norm", "above 0"),
        ("train.threads", "1 to 256, or null"),
        ("input.size", "list of two, or null"),
        ("clip.short", "error, repeat"),
        ("encoder.frozen", "true, false"),
    ],
)
def test_ranges_in_words(make: ModuleType, key: str, words: str) -> None:
    assert make.admitted(fields()[key]) == words


@pages
def test_documented_settings_exist(page: Path) -> None:
    branches = "|".join(k for k in known_keys() if "." not in k)
    for key in re.findall(rf"`((?:{branches})\.[a-z_]+)[=`]", page.read_text(encoding="utf-8")):
        assert key in known_keys() or key.endswith((".md", ".py", ".json", ".csv")), f"{page.name}: there is no setting {key}"


# --- the public names --------------------------------------------------------------------------------------------------


def private_names(text: str) -> list[str]:
    """What the Python snippets of a page take from the package beside its public names."""
    private = []
    for snippet in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
        for node in ast.walk(ast.parse(snippet)):
            if isinstance(node, ast.Import):
                private += [a.name for a in node.names if a.name.startswith("normalcy.")]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "normalcy":
                public = node.module == "normalcy"
                private += [f"{node.module}.{a.name}" for a in node.names if not public or a.name not in normalcy.__all__]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "normalcy":
                private += [] if node.attr in normalcy.__all__ else [f"normalcy.{node.attr}"]
    return private


@pages
def test_snippets_use_public_names_only(page: Path) -> None:
    assert private_names(page.read_text(encoding="utf-8")) == []


def test_a_private_name_is_noticed() -> None:
    lines = ["from normalcy.types import Frame", "import normalcy.api", "from normalcy import config, errors"]
    found = private_names("\n".join(["```python", *lines, "normalcy.video(normalcy.score)", "```", ""]))
    assert sorted(found) == ["normalcy.api", "normalcy.config", "normalcy.types.Frame", "normalcy.video"]


def test_the_reference_has_every_public_name() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^::: normalcy\.(\w+)$", text, re.M))
    of_types = set(vars(normalcy.types)) if "types" in shown else set()
    assert set(normalcy.__all__) - {"__version__"} <= shown | of_types


# --- the snippets ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_snippets_of_python_md_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In order and in one namespace, as the page says; the environment makes the training short."""
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    snippets = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(snippets) >= 6
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NORMALCY_OBJECTS__DETECTOR", "motion")
    normal_videos(tmp_path / "normal")
    odd_video(tmp_path / "videos" / "today.mp4")
    odd_video(tmp_path / "videos" / "second.mp4", seed=4)
    truth = np.zeros(60, dtype=np.uint8)
    truth[30:45] = 1
    (tmp_path / "labels").mkdir()
    for name in ("today", "second"):
        np.save(tmp_path / "labels" / f"{name}.npy", truth)
    short = {"train.steps": "4", "train.batch": "4", "encoder.width": "4", "input.short_side": "64", "train.crop": "32"}
    for key, value in short.items():
        monkeypatch.setenv(f"NORMALCY_{key.upper().replace('.', '__')}", value)
    space: dict[str, Any] = {}
    with own_cache(tmp_path / "cache"):
        for snippet in snippets:
            exec(compile(snippet, "docs/python.md", "exec"), space)
    printed = capsys.readouterr().out
    assert "no such file or folder" in printed
    assert "random" in printed
