"""The command weights."""

from __future__ import annotations

from typing import Annotated

import typer

from normalcy.cli import show
from normalcy.cli.options import Json
from normalcy.cli.progress import shown


def weights(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Fetch these.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Pretrained weights: what is looked for, where each was found, how to get it; with a NAME, fetch it."""
    from normalcy.api.weights import get_weights, weights_state

    with shown() as progress:
        get_weights(names or [], progress)
    states = [s for s in weights_state() if not names or s.name in names]
    if as_json:
        show.out(show.as_json({"weights": states}))
        return
    show.out("\n".join(f"{s.name}  {s.path or f'not here; get it with: {s.get}'}\n    {s.what}" for s in states))
