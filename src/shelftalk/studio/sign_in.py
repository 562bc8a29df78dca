"""The way in for browsers elsewhere: the address under which they see the studio, its password, and who gave it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from typing import NamedTuple

from shelftalk.errors import InvalidSettings

PASSWORD_BYTES = 24  # 32 characters: none that guessing would find, so tries need no limit
SESSION_SECONDS = 12 * 3600

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")


class Address(NamedTuple):
    """Where browsers see the studio.

    `host` is a name in lower case, `authority` the same with the port that is in the address bar; `path` is the
    prefix, "" or "/path".
    """

    host: str
    authority: str
    path: str

    def __str__(self) -> str:
        return self.authority + self.path


def parse_address(text: str) -> Address:
    """Return the address in NAME, NAME:PORT, NAME/PATH, or the same with a scheme before it.

    Raises:
        InvalidSettings: it is anything else, or a pattern.
    """
    rest = re.sub(r"(?i)^https?://", "", text.strip())
    authority, _, path = rest.partition("/")
    name, _, port = authority.partition(":")
    segments = [one for one in path.split("/") if one]
    try:
        host = name.encode("idna").decode("ascii").lower().rstrip(".")  # as browsers send it
    except UnicodeError:
        host = ""
    valid = _HOST.fullmatch(host) and len(host) <= 253 and all(map(_SEGMENT.fullmatch, segments))
    valid = valid and host != "0.0.0.0"  # noqa: S104 - no name that an address bar has
    if not valid or (":" in authority and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)):
        raise InvalidSettings(
            f"--public-host {text!r} is no address; give what the browser shows, such as studio.example.org, "
            "with its port and path if it has them (studio.example.org:8443/path)"
        )
    shown = host if port.lstrip("0") in ("", "80", "443") else f"{host}:{int(port)}"
    return Address(host, shown, "".join(f"/{one}" for one in segments))


def new_password() -> str:
    """Return a random password of 32 characters."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


class SignIn:
    """Compares passwords, and knows the sessions of the browsers that gave the right one.

    Both are in memory only, so that they end with the process. Not for several threads.
    """

    def __init__(self, address: Address, password: str) -> None:
        self.address = address
        self._password = password.encode()
        self._sessions: dict[bytes, float] = {}  # SHA-256 of the session's token, and when it ends

    def open(self, given: str) -> str | None:
        """Return the token of a new session if the password is right."""
        if not hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._password):
            return None
        now = time.monotonic()
        self._sessions = {key: end for key, end in self._sessions.items() if end > now}
        token = secrets.token_urlsafe(32)
        self._sessions[_hashed(token)] = now + SESSION_SECONDS
        return token

    def seconds_left(self, token: str) -> float:
        """Return how long the session of a token lasts, in seconds: 0 if it has ended or never was."""
        now = time.monotonic()
        return max(0.0, self._sessions.get(_hashed(token), now) - now)


def _hashed(token: str) -> bytes:
    # A search among hashes tells nothing of the tokens by the time that it takes.
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
