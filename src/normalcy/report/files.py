"""Atomic writing of report files."""

from __future__ import annotations

import secrets
from pathlib import Path

from normalcy.errors import OutputError


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all: a temporary file in the same folder, then a rename.

    Raises OutputError naming the file and the reason; a file that was there before is then untouched.
    """
    path = Path(path)
    temp = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        with temp.open("xb") as f:
            f.write(content)
        temp.replace(path)
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e
    finally:
        temp.unlink(missing_ok=True)
