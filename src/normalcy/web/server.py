"""Serving the page, alone or beside a watch in the same process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from normalcy.errors import OutputError

PORT = 8765


class Server:
    """The page on an address. start() returns once it answers."""

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", port: int = PORT) -> None:
        """port: 0 takes a free one. Raises OutputError where the address cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
        except (OSError, OverflowError) as e:
            self._socket.close()
            raise OutputError(f"{host}:{port}: cannot serve the page here: {getattr(e, 'strerror', None) or e}") from e
        self.app, self.port = app, int(self._socket.getsockname()[1])
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"
        # An access log would hold tokens that come in an address.
        settings = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=64 * 1024,
            server_header=False,
            limit_concurrency=512,
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def start(self) -> None:
        """Begin to answer. Raises OutputError where it cannot."""
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise OutputError(f"{self.url}: the page could not be started")
            self._thread.join(0.02)

    def close(self) -> None:
        """Stop answering; open streams are ended."""
        self.app.state.ending = True
        self._server.should_exit = True
        self._thread.join(30.0)
        self._socket.close()


@contextmanager
def served(app: FastAPI, host: str, port: int, tell: Callable[[str], None] = lambda line: None) -> Iterator[Server]:
    """The page while the block runs."""
    server = Server(app, host, port)
    server.start()
    tell(f"the page is at {server.url}")
    try:
        yield server
    finally:
        server.close()
