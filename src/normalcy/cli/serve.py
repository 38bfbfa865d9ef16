"""The command serve, and what watch --serve shares with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from normalcy.cli import exits
from normalcy.cli.options import Device
from normalcy.cli.watch import stopped_by_signals, store_of
from normalcy.errors import UsageError

PORT = 8765
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Other than 127.0.0.1 needs a token or password.")]
Token = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", envvar="NORMALCY_TOKEN", help="Everyone has to know it; better in the environment.", show_default=False
    ),
]


def serve(
    out: Annotated[Path, typer.Option(metavar="DIR", help="A folder that watch or score wrote, or will.")] = Path(
        "normalcy-watch"
    ),
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", help="0 takes a free one.", min=0, max=65535)] = PORT,
    token: Token = None,
    folder: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR", help="Videos and models under it may be used from the page; may be repeated.", show_default=False
        ),
    ] = None,
    cameras: Annotated[
        Path | None, typer.Option(metavar="FILE", help="cameras.yaml: watch these as well.", show_default=False)
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL_DIR", help="For cameras that name none.", show_default=False)
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="The database, where it is not in DIR.", show_default=False)
    ] = None,
    max_upload_gb: Annotated[float, typer.Option(metavar="GB", help="Largest video that may be sent.", min=0.001)] = 8.0,
    ask_password: Annotated[
        bool, typer.Option("--set-password", help="Ask for a password, keep its argon2 hash in DIR, and end.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Open the page: review events, watch live, look at recorded video, set the threshold. Ctrl-C or SIGTERM ends it."""
    if ask_password:
        with _installed():
            from normalcy.web.guard import set_password
        from normalcy.web.site import WEB

        set_password(out / WEB, typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
        return
    if cameras is not None and store is None:
        store = store_of(cameras)
    with stopped_by_signals() as stop, page(out, host, port, token, folder or (), store, max_upload_gb):
        if cameras is not None:
            from normalcy.api.watch import watch

            watch([], out, model=model, config=cameras, device=device, stop=stop, tell=exits.say)
        stop.wait()


@contextmanager
def page(
    out: Path,
    host: str,
    port: int,
    token: str | None,
    folders: list[Path] | tuple[Path, ...] = (),
    store: str | None = None,
    max_upload_gb: float = 8.0,
) -> Iterator[None]:
    """The page while the block runs. Raises UsageError, OutputError before it begins."""
    with _installed():
        from normalcy.web.app import create_app
        from normalcy.web.server import served
    from normalcy.video.address import from_environment

    url = None if store is None else from_environment(store)
    most = round(max_upload_gb * 1e9)
    app = create_app(out, token=token, host=host, folders=folders, store=url, most_upload=most)
    with served(app, host, port, exits.say):
        yield


def address(text: str) -> tuple[str, int]:
    """[HOST:]PORT."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--serve-at {text}: write HOST:PORT or PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


@contextmanager
def _installed() -> Iterator[None]:
    """Name the extra that a missing library comes with."""
    try:
        yield
    except ModuleNotFoundError as e:
        raise UsageError(f"{e.name} is not installed: pip install 'normalcy[web]'") from e
