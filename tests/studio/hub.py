"""A Hub that refuses every request and, during each, searches this machine's processes for the token."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType


class Hub:
    """Serves on 127.0.0.1; `tokens` are the received tokens, `seen` the files of /proc that contained one of them."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.seen: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                if token:
                    hub.tokens.append(token)
                    hub.seen += processes_showing(token)
                self.send_response(401)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET  # noqa: N815 (the name is http.server's)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Hub:
        """Start the server."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()


def processes_showing(token: str) -> list[str]:
    """Return the command lines and environments of this machine's processes that contain `token`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                if token.encode() in (process / name).read_bytes():
                    found.append(str(process / name))
            except OSError:  # ended, or another user's
                continue
    return found
