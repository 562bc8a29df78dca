"""A Hub that refuses everybody, and looks while it is asked where a token can be seen on this machine."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType


class Hub:
    """Serves on 127.0.0.1; `tokens` are those it was handed, `seen` the files of /proc in which one of them stood."""

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
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


def processes_showing(token: str) -> list[str]:
    """Return the command lines and environments of this machine's processes in which `token` stands."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                if token.encode() in (process / name).read_bytes():
                    found.append(str(process / name))
            except OSError:  # it has ended, or is another user's
                continue
    return found
