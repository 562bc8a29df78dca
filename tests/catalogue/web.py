"""A web server on 127.0.0.1 that serves one file, with range requests, and injects faults as configured.

As a proxy for HTTPS it simulates Google Drive: a confirmation page and the file, or the page of an exceeded quota.
"""

from __future__ import annotations

import re
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

DRIVE = ("drive.google.com", "drive.usercontent.google.com")
CONFIRMATION = (
    "<!DOCTYPE html><html><body><p>Google Drive can't scan this file for viruses.</p>\n"
    '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    '<input type="submit" value="Go"><input type="hidden" name="id" value="{id}">'
    '<input type="hidden" name="export" value="download"><input type="hidden" name="confirm" value="t">'
    '<input type="hidden" name="uuid" value="12-34"></form></body></html>'
)
QUOTA = (
    '<!DOCTYPE html><html><body>\n<p class="uc-error-caption">Sorry, you can\'t view or download this file now.</p>\n'
    '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. Try later.</p></body>'
)


@dataclass
class Web:
    """The server's configuration, and a log of requests: `ranges` has the first byte of each request for the file."""

    content: bytes
    address: str = ""
    cuts: list[int] = field(default_factory=list)  # for each of the next requests, the bytes sent before it closes
    announced: int | None = None  # instead of the true size
    pause: float = 0.0  # seconds after each 64 KiB
    status: int = 200
    kind: str = "application/zip"
    tag: str = '"1"'
    honours_ranges: bool = True
    page: str | None = None  # what Google Drive shows instead of the confirmation page
    ranges: list[int] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    tls: ssl.SSLContext | None = None


@contextmanager
def serving(web: Web) -> Iterator[Web]:
    """Serve on a free port, in `web.address`."""

    class Handler(_Handler):
        state = web

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        web.address = f"http://127.0.0.1:{server.server_address[1]}/LF-Amazon-1.3M.raw.zip"
        try:
            yield web
        finally:
            server.shutdown()


def certify(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for Google Drive's hosts; return the server's context and the file to trust it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    names = ",".join(f"DNS:{host}" for host in DRIVE)
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]
    command += [
        "-subj",
        "/CN=test",
        "-addext",
        f"subjectAltName={names}",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


class _Handler(BaseHTTPRequestHandler):
    state: Web
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        assert self.state.tls is not None
        self.send_response(200)
        self.end_headers()
        self.connection = self.state.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/uc":
            self.state.queries.append(parse_qs(parts.query))
            self._show(self.state.page or CONFIRMATION.replace("{id}", self.state.queries[-1]["id"][0]))
        else:
            self.state.queries.append(parse_qs(parts.query))
            self._give()

    def _show(self, page: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page.encode())))
        self.end_headers()
        self.wfile.write(page.encode())

    def _give(self) -> None:
        web = self.state
        requested = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        unchanged = self.headers.get("If-Range", web.tag) == web.tag
        start = int(requested[1]) if requested and unchanged and web.honours_ranges else 0
        size = len(web.content) if web.announced is None else web.announced
        web.ranges.append(start)
        self.send_response(web.status if web.status != 200 or not start else 206)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Type", web.kind)
        self.send_header("Content-Disposition", 'attachment; filename="LF-Amazon-1.3M.raw.zip"')
        self.send_header("Content-Length", str(size - start))
        self.send_header("ETag", web.tag)
        self.end_headers()
        self._send(memoryview(web.content)[start:])

    def _send(self, content: memoryview) -> None:
        web = self.state
        cut = web.cuts.pop(0) if web.cuts else None
        try:
            for begin in range(0, len(content[:cut]), 1 << 16):
                self.wfile.write(content[:cut][begin : begin + (1 << 16)])
                time.sleep(web.pause)
        except OSError:
            pass  # the client has disconnected
        self.close_connection = cut is not None or web.announced is not None
