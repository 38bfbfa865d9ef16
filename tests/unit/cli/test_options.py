"""A command hands everything on to the function of its name: same names, same defaults, so that the two cannot drift apart."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import normalcy
from normalcy.cli.app import COMMANDS
from normalcy.cli.options import given
from normalcy.experiments.reproduce import reproduce

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "train": normalcy.train,
    "score": normalcy.score,
    "detect": normalcy.detect,
    "eval": normalcy.benchmark,
    "reproduce": reproduce,
}
OTHER_FORM = {"scores", "masks", "versus"}
"""Options of eval that are not the benchmark's."""
CONVERTED = {"seeds"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_option_is_a_parameter_with_the_same_default(name: str) -> None:
    options = inspect.signature(COMMANDS[name]).parameters
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    for option in options.values():
        if option.name in {"as_json", *OTHER_FORM, *CONVERTED}:
            continue
        assert option.name in parameters, f"{name} --{option.name}"
        if option.default not in (None, inspect.Parameter.empty):
            assert option.default == parameters[option.name].default, f"{name} --{option.name}"


def test_what_was_not_given_is_left_to_the_function() -> None:
    assert given({"out": "o", "seed": None, "force": False, "as_json": True}) == {"out": "o", "force": False}
