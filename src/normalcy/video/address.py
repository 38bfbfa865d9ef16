"""Addresses of cameras and services: passwords come from the environment and are never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from normalcy.errors import ConfigError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LOGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@]+@")


def from_environment(text: str, environ: Mapping[str, str] | None = None) -> str:
    """text with every ``${NAME}`` replaced by that variable of the environment.

    In front of an address's host, where a password stands, the value is percent-encoded as addresses ask for, so that any
    password works as it is. Raises ConfigError naming a variable that is not set.
    """
    environ = os.environ if environ is None else environ
    login = _LOGIN.match(text)

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in environ:
            raise ConfigError(f"{hidden(text)}: the environment has no variable {name}; set it, or write the value")
        inside = login is not None and found.start() < login.end()
        return quote(environ[name], safe="") if inside else environ[name]

    return _VARIABLE.sub(value, text)


def hidden(text: str) -> str:
    """text as it may be shown: the login of every address in it, and what follows a question mark, are left out."""
    if "://" not in text:
        return text
    out = _LOGIN.sub(r"\1", text)
    if re.fullmatch(r"\S+", out):
        parts = urlsplit(out)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "...", "") if parts.query else parts)
    return out
