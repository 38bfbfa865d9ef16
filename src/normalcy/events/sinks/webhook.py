"""Events posted to a web address, signed by the scheme of Standard Webhooks (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from normalcy.errors import ConfigError
from normalcy.events.outbox import SinkError
from normalcy.events.record import EventRecord
from normalcy.events.state import WatchState

PREFIX = "whsec_"
TIMEOUT_S = 10.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """A redirect would silently turn the POST into a GET without a body."""
        return


class Webhook:
    """POSTs every change as JSON. Any answer but 2xx is a failure; ``webhook-id`` stays the same when it comes again."""

    def __init__(self, url: str, secret: str | None = None, name: str = "webhook") -> None:
        """url: http or https. secret: ``whsec_`` and base64, as the receiver has it; None leaves the signature out.

        Raises ConfigError for an address or a secret that cannot be one.
        """
        self.name = name
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"sinks.{name}: a webhook needs an address that begins with http:// or https://")
        self._url = url
        self._shown = f"{parts.scheme}://{parts.hostname}"  # the rest of it is often the secret
        self._key = None if secret is None else _key(secret)
        self._open = urllib.request.build_opener(_NoRedirect).open

    def send(self, record: EventRecord) -> None:
        body = json.dumps(record.to_dict(), allow_nan=False).encode()
        headers = {"content-type": "application/json", "user-agent": "normalcy"}
        headers |= signed(record.message, int(time.time()), body, self._key)
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with self._open(request, timeout=TIMEOUT_S) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as e:
            raise SinkError(f"{self._shown}: answered {e.code} {e.reason}") from e
        except urllib.error.URLError as e:
            raise SinkError(f"{self._shown}: {e.reason}") from e
        except (OSError, HTTPException) as e:
            raise SinkError(f"{self._shown}: {e or type(e).__name__}") from e

    def report(self, state: WatchState) -> None:
        return

    def close(self) -> None:
        return


def signed(message: str, timestamp: int, body: bytes, key: bytes | None) -> dict[str, str]:
    """The headers of a message; without a key those that need none."""
    out = {"webhook-id": message, "webhook-timestamp": str(timestamp)}
    if key is not None:
        digest = hmac.digest(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256)
        out["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    return out


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ConfigError(f"webhook secret: not one; it is {PREFIX} followed by base64 (openssl rand -base64 32 makes one)")
    return key
