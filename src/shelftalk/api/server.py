"""Run the application in one process: socket, API key, signals and a fast shutdown."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from shelftalk.api.errors import ApiError, error_mapping
from shelftalk.api.gate import check_key
from shelftalk.api.limits import API_KEY_BYTES
from shelftalk.api.service import Service
from shelftalk.errors import InvalidSettings, NotFound, UserError

KEY_VARIABLE = "SHELFTALK_API_KEY"
GRACE = 3  # seconds for open responses to end; computations are cancelled at their next token anyway


def read_key(file: Path | None) -> str | None:
    """Return the API key from a file, or else from the environment, or else None.

    Raises:
        NotFound: the file cannot be read.
        InvalidSettings: the key is invalid.
    """
    key = os.environ.get(KEY_VARIABLE) or None
    if file is not None:
        try:
            key = file.read_bytes().decode("utf-8", "replace").strip()
        except OSError as error:
            raise NotFound(f"--api-key-file {file} cannot be read ({error.strerror}).") from error
    if key is not None:
        check_key(key)
    return key


def bind(host: str, port: int, keyed: bool) -> socket.socket:
    """Return a socket that is bound to the address and does not listen yet.

    Raises:
        InvalidSettings: the address is not a loopback address, and there is no API key.
        UserError: the address does not belong to this machine, or is in use.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UserError(f"--host {host!r} is no address of this machine.") from error
    if not keyed and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise InvalidSettings(
            f"--host {host} can be reached from other machines, which needs an API key of {API_KEY_BYTES} bytes or "
            f"more: set {KEY_VARIABLE}, or give --api-key-file FILE; make one with: openssl rand -hex 32"
        )
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise UserError(f"Port {port} of {host} cannot be taken ({error.strerror}); choose another --port.") from error
    return bound


def make_server(app: FastAPI, ready: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """Return the server of an application from `create_app`; `ready` is called when it accepts requests.

    Its `run([socket])` serves until SIGINT or SIGTERM, and then returns within seconds.
    """
    config = uvicorn.Config(
        app,
        # The strict pure-Python parts, also where another package installed faster ones.
        http=_Protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )
    return _Server(config, app.state.service, ready)


class _Protocol(H11Protocol):
    """HTTP/1.1, with the common error format also for invalid HTTP."""

    def send_400_response(self, msg: str) -> None:
        body = json.dumps(error_mapping(ApiError(400, msg, code="invalid_http"))).encode()
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head.encode() + body)
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn, changed to end open streams on shutdown and not to raise the received signal again."""

    def __init__(self, config: uvicorn.Config, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._service = service
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.scheduler.close()
        await super().shutdown(sockets)
        self._service.scheduler.join()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
