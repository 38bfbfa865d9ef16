"""A folder in which results grow unseen until all of them are done."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from normalcy.errors import OutputError

_PREFIX = ".unfinished-"


class Staging:
    """Files written into ``path`` appear in ``folder`` on publish(), the last named one last; without it they vanish.

    What a killed run left behind is swept up on entering. Raises OutputError naming the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder
        self._fresh = not folder.exists()

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in self.folder.glob(f"{_PREFIX}*"):
                shutil.rmtree(old, ignore_errors=True)
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self.folder))
        except OSError as e:
            raise OutputError(f"{self.folder}: cannot write results here: {e.strerror or e}") from e
        return self

    def publish(self, record: str, stale: Sequence[str]) -> None:
        """Put every file in place, ``record`` last; names in ``stale`` that were not made anew are removed.

        The old record goes first, so that no moment shows a record beside files that are not its own.
        """
        try:
            (self.folder / record).unlink(missing_ok=True)
            made = sorted(p.name for p in self.path.iterdir() if p.name != record)
            for name in stale:
                if name not in made:
                    (self.folder / name).unlink(missing_ok=True)
            for name in [*made, record]:
                (self.path / name).replace(self.folder / name)
        except OSError as e:
            raise OutputError(f"{self.folder}: cannot put the results in place: {e.strerror or e}") from e

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if kind is not None and self._fresh:
            with suppress(OSError):  # not empty after all
                self.folder.rmdir()
