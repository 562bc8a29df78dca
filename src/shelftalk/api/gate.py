"""The middleware of every request: check the key, or else the Host header; limit the body's size; count the request.

It wraps all routes, so no request can bypass it.
"""

from __future__ import annotations

import hmac
import ipaddress
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shelftalk.api.errors import SAFE_HEADERS, ApiError, error_response
from shelftalk.api.limits import API_KEY_BYTES
from shelftalk.api.metrics import Metrics
from shelftalk.errors import InvalidSettings
from shelftalk.hosts import host_name

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Gate:
    """Refuses requests without the `api_key`; if there is no key, requests whose Host is not a loopback name.

    The latter stops DNS rebinding: a web page whose name resolves to this machine sends its own name as Host.
    """

    def __init__(self, app: ASGIApp, api_key: bytes | None, body_bytes: int, metrics: Metrics) -> None:
        self._app = app
        self._expected = None if api_key is None else b"Bearer " + api_key
        self._body_bytes = body_bytes
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it to the routes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, read = time.monotonic(), 500, 0

        async def limited_receive() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._body_bytes:
                raise self._too_large()
            return message

        async def marked_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(SAFE_HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (error_response(refusal) if refusal else self._app)(scope, limited_receive, marked_send)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.answered(route, method, status, time.monotonic() - started)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        if scope["path"] != "/health":
            if self._expected is not None:
                given = headers.get("authorization", "").encode("latin-1")
                if not hmac.compare_digest(given, self._expected):
                    message = "This server needs its API key, as Authorization: Bearer KEY."
                    return ApiError(401, message, None, "invalid_api_key", {"www-authenticate": "Bearer"})
            elif not all(map(_is_loopback, headers.getlist("host") or [""])):
                message = "Without an API key this server answers to localhost and 127.0.0.1 only."
                return ApiError(403, message, None, "host_not_allowed")
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._body_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> ApiError:
        return ApiError(413, f"The body has more than {self._body_bytes:,} bytes.", None, "body_too_large")


def check_key(api_key: str) -> bytes:
    """Validate an API key and return its bytes.

    Raises:
        InvalidSettings: it is too short, or has characters that are not visible ASCII.
    """
    if len(api_key) < API_KEY_BYTES or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise InvalidSettings(
            f"The API key must be {API_KEY_BYTES} or more visible ASCII characters, got {len(api_key)} characters; "
            "make one with: openssl rand -hex 32"
        )
    return api_key.encode()


def _is_loopback(host: str) -> bool:
    """Return whether a Host header, with or without a port, is a loopback name or address."""
    try:
        name = host_name(host)
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
