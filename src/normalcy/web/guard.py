"""Who may look: token or password, sessions, limits on guessing. Nothing here knows HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from normalcy.errors import OutputError, UsageError
from normalcy.files import write_bytes

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
SESSION_S = 30 * 86400.0
MOST_SESSIONS = 1000
SHORTEST = 8
"""Characters of a token or password."""
TRIES, TRIES_ALL, WINDOW_S = 5, 30, 60.0
"""Wrong guesses that one address, and all together, may make in so many seconds."""


class Guard:
    """Checks tokens and keeps sessions in a folder that only this user may read, so that a restart logs nobody out."""

    def __init__(self, folder: Path, token: str | None) -> None:
        """token: in clear; None: the password that set_password() left, or nobody is asked.

        Raises UsageError for a token that is too short, OutputError where the folder cannot be used.
        """
        self._folder = folder
        self._hasher = PasswordHasher()
        self._lock = threading.Lock()
        self._known: bytes | None = None  # digest of the right token, once it was seen: argon2 is slow on purpose
        self._wrong: dict[str, deque[float]] = {}
        before, self._sessions = self._read_sessions()
        self._hash = read_password(folder)
        if token is not None:
            self._hash = before
            if not self.right(checked(token)):
                self._hash = self._hasher.hash(token)
        if self._hash != before:  # begun under another token
            self._sessions = {}

    @property
    def asks(self) -> bool:
        """Whether a token or password is needed."""
        return self._hash is not None

    def right(self, token: str) -> bool:
        """Whether this is the token or password. Slow on purpose, the first time."""
        if self._hash is None:
            return False
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        if self._known is not None and hmac.compare_digest(digest, self._known):
            return True
        try:
            self._hasher.verify(self._hash, token)
        except (Argon2Error, InvalidHashError, UnicodeEncodeError):
            return False
        self._known = digest
        return True

    def wait_s(self, address: str) -> float:
        """Seconds until this address may guess again; 0: now."""
        now = time.monotonic()
        with self._lock:
            for who in [w for w, times in self._wrong.items() if not times or now - times[-1] > WINDOW_S]:
                del self._wrong[who]
            own = [t for t in self._wrong.get(address, ()) if now - t < WINDOW_S]
            everyone = sorted(t for times in self._wrong.values() for t in times if now - t < WINDOW_S)
        waits = [times[-n] + WINDOW_S - now for times, n in ((own, TRIES), (everyone, TRIES_ALL)) if len(times) >= n]
        return max([0.0, *waits])

    def guessed_wrong(self, address: str) -> None:
        """Count a wrong guess."""
        with self._lock:
            self._wrong.setdefault(address, deque(maxlen=TRIES_ALL)).append(time.monotonic())

    def begin(self) -> str:
        """A new session's secret, for a cookie."""
        name = secrets.token_urlsafe(32)
        with self._lock:
            now = time.time()
            alive = sorted((end, key) for key, end in self._sessions.items() if end > now)[-MOST_SESSIONS + 1 :]
            self._sessions = {key: end for end, key in alive} | {_digest(name): now + SESSION_S}
            self._write_sessions()
        return name

    def knows(self, session: str | None) -> bool:
        """Whether this is the secret of a session that goes on."""
        return session is not None and self._sessions.get(_digest(session), 0.0) > time.time()

    def end(self, session: str) -> None:
        """Log out."""
        with self._lock:
            if self._sessions.pop(_digest(session), None) is not None:
                self._write_sessions()

    def _read_sessions(self) -> tuple[str | None, dict[str, float]]:
        """The hash of the token that they were begun under, and when each ends."""
        try:
            stored = json.loads((self._folder / "sessions.json").read_text(encoding="utf-8"))
            return str(stored["hash"]), {str(k): float(v) for k, v in stored["sessions"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None, {}

    def _write_sessions(self) -> None:
        content = {"hash": self._hash, "sessions": self._sessions}
        with suppress(OutputError):  # then a restart logs everyone out
            _write_private(self._folder / "sessions.json", json.dumps(content).encode())


def checked(token: str) -> str:
    """Raises UsageError for a token or password that is too short to be one."""
    if len(token) < SHORTEST:
        raise UsageError(f"a token or password needs at least {SHORTEST} characters")
    return token


def set_password(folder: Path, password: str) -> None:
    """Keep a password for later starts, as its argon2 hash. Raises UsageError, OutputError."""
    _write_private(folder / "password", PasswordHasher().hash(checked(password)).encode())


def read_password(folder: Path) -> str | None:
    """The hash that set_password() left. Raises OutputError where it is there and cannot be read: never open by mistake."""
    path = folder / "password"
    try:
        return path.read_text(encoding="utf-8").strip() if path.exists() else None
    except (OSError, UnicodeDecodeError) as e:
        raise OutputError(f"{path}: the page's password cannot be read: {e}") from e


def csrf_token(session: str) -> str:
    """What a page of this session has to send along with everything that changes something."""
    return hashlib.sha256(b"csrf " + session.encode()).hexdigest()


def same(a: str, b: str) -> bool:
    """Compare secrets without telling by the time it takes."""
    return hmac.compare_digest(a.encode("utf-8", "replace"), b.encode("utf-8", "replace"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _write_private(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
    except OSError as e:
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}") from e
    write_bytes(path, content)
