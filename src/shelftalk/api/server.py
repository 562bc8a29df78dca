"""Run the application in one process: the socket, the key, the signals and a quick end."""

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
GRACE = 3  # seconds for answers under way; those that compute are ended at their next token anyway


def read_key(file: Path | None) -> str | None:
    """Return the API key of a file, or else of the environment; None where there is neither.

    Raises:
        NotFound: the file cannot be read.
        InvalidSettings: what is there is no key.
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
    """Return a socket bound to the address, which does not listen yet.

    Raises:
        InvalidSettings: others could reach the address, and there is no API key.
        UserError: the address is not this machine's, or it is in use.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UserError(f"--host {host!r} is no address of this machine.") from error
    if not keyed and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise InvalidSettings(
            f"--host {host} can be reached by others, which needs an API key of {API_KEY_BYTES} bytes or more: "
            f"set {KEY_VARIABLE}, or give --api-key-file FILE; make one with: openssl rand -hex 32"
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
    """Return the server of an application of `create_app`; `ready` is called once requests are taken.

    Its `run([socket])` serves until SIGINT or SIGTERM, and then ends within seconds.
    """
    config = uvicorn.Config(
        app,
        # The plain, strict parts, whatever faster ones another package brought along.
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
    """HTTP/1.1, which answers what is not HTTP in the shape of all refusals too."""

    def send_400_response(self, msg: str) -> None:
        body = json.dumps(error_mapping(ApiError(400, msg, code="invalid_http"))).encode()
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head.encode() + body)
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn, which would wait for streams to end by themselves, and end the process by the signal it got."""

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
