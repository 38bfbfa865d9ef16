"""Writing files so that a failure leaves what was there before."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from normalcy.errors import OutputError


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files into folder, or none of them. Other files in the folder stay.

    All are first written and flushed to disk in a hidden folder inside, which meets a full disk and missing permission;
    only then does each take its place, in the order given.
    Raises OutputError, naming the file and the reason.
    """
    target, temporary = folder, None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".saving-", dir=folder))
        for name, data in files.items():
            target = folder / name
            with (temporary / name).open("wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
        for name in files:
            target = folder / name
            (temporary / name).replace(target)
    except OSError as e:
        raise OutputError(f"{target}: cannot be written: {e.strerror or e}") from e
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
