"""A reverse proxy with TLS, as small as one can be: it passes each connection's one request on, and then bytes."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from tests.studio.browser import HOST, free_port


class Proxy:
    """Shows the server at `target`, a port, as https://any.example.org:`port`PREFIX/ while its `with` block runs.

    How it passes names and paths on can be changed meanwhile: proxies differ in this.
    """

    def __init__(self, target: int, folder: Path, prefix: str = "") -> None:
        self.target, self.prefix = target, prefix
        self.port = free_port()
        self.keeps_prefix = True
        self.keeps_host = True
        self.forwards: tuple[str, ...] = ("x-forwarded-proto", "x-forwarded-host")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*_certificate(folder))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._wait(asyncio.start_server(self._serve, HOST, self.port, ssl=self._context))
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _wait(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            back_reader, back_writer = await asyncio.open_connection(HOST, self.target)
            back_writer.write(self._changed(head))
            await _together(_pass(reader, back_writer), _pass(back_reader, writer))
            back_writer.close()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _changed(self, head: bytes) -> bytes:
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        method, path, version = first.split(" ")
        if not self.keeps_prefix:
            path = path.removeprefix(self.prefix) or "/"
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        forwarded = {"x-forwarded-proto": "https", "x-forwarded-host": headers["host"]}
        headers |= {name: forwarded[name] for name in self.forwards}
        headers |= {} if self.keeps_host else {"host": f"{HOST}:{self.target}"}
        headers |= {} if "upgrade" in headers else {"connection": "close"}
        return "\r\n".join([f"{method} {path} {version}", *map(": ".join, headers.items()), "", ""]).encode("latin-1")


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


async def _together(*parts: Awaitable[None]) -> None:
    """Wait until one side has ended."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate that no browser trusts, and its key."""
    certificate, key = folder / "proxy.pem", folder / "proxy.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=example.org"
    subprocess.run(
        [*command.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True, timeout=60
    )
    return certificate, key
