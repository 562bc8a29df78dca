"""The way in for browsers elsewhere: the address under which they see the studio, its password, and who gave it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import deque
from enum import Enum
from typing import NamedTuple

from shelftalk.errors import InvalidSettings

PASSWORD_BYTES = 24  # 32 characters: none that guessing would find, so tries are limited for the machine's sake only
SESSION_SECONDS = 12 * 3600
WRONG_TRIES, WRONG_SECONDS = 30, 60.0  # of all browsers together: a proxy may hide who they are

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")


class Address(NamedTuple):
    """Where browsers see the studio.

    `host` is a name in lower case, `authority` the same with the port that is in the address bar; `path` is the
    prefix, "" or "/studio".
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
    if not valid or (":" in authority and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)):
        raise InvalidSettings(
            f"--public-host {text!r} is no address; give what the browser shows, such as shop.example.org, "
            "shop.example.org:8443 or shop.example.org/studio"
        )
    shown = host if port.lstrip("0") in ("", "80", "443") else f"{host}:{int(port)}"
    return Address(host, shown, "".join(f"/{one}" for one in segments))


def new_password() -> str:
    """Return a random password of 32 characters."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


class Answer(Enum):
    """What became of a try: the password was wrong, or there were too many wrong ones to look at it."""

    WRONG = "wrong"
    TOO_MANY = "too_many"


class SignIn:
    """Compares passwords, and knows the sessions of the browsers that gave the right one.

    Both are in memory only, so that they end with the process. Not for several threads.
    """

    def __init__(self, address: Address, password: str) -> None:
        self.address = address
        self._password = password.encode()
        self._sessions: dict[bytes, float] = {}  # SHA-256 of the session's token, and when it ends
        self._wrong: deque[float] = deque(maxlen=WRONG_TRIES)

    def open(self, given: str) -> str | Answer:
        """Return the token of a new session if the password is right."""
        now = time.monotonic()
        if len(self._wrong) == WRONG_TRIES and now - self._wrong[0] < WRONG_SECONDS:
            return Answer.TOO_MANY
        if not hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._password):
            self._wrong.append(now)
            return Answer.WRONG
        self._sessions = {key: end for key, end in self._sessions.items() if end > now}
        token = secrets.token_urlsafe(32)
        self._sessions[_hashed(token)] = now + SESSION_SECONDS
        return token

    def knows(self, token: str) -> bool:
        """Return whether a token is that of a session that has not ended."""
        return self._sessions.get(_hashed(token), 0.0) > time.monotonic()


def _hashed(token: str) -> bytes:
    # A search among hashes tells nothing of the tokens by the time that it takes.
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
