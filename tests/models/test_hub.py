"""The errors when a Hub model cannot be downloaded: the real client with a small server on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CANARY = "hf_canaryTokenThatMustAppearNowhere"

ASK = """
import sys
from shelftalk.errors import ShelftalkError
from shelftalk.models.registry import find_model
from shelftalk.workspace import Workspace
try:
    print("found", find_model("google/gemma-2b", Workspace(sys.argv[1]), revision=sys.argv[2] or None).revision)
except ShelftalkError as error:
    print(type(error).__name__, error)
"""


class Hub(BaseHTTPRequestHandler):
    """Answers like the Hub, by the mode of its server: gated, unknown, refused or empty."""

    def do_GET(self) -> None:
        status, code = {
            "gated": (403 if "authorization" in self.headers else 401, "GatedRepo"),
            "unknown": (404, "RepoNotFound"),
            "empty": (200, ""),
        }[self.server.mode]  # type: ignore[attr-defined]
        body = json.dumps(
            []
            if "/tree/" in self.path
            else {
                "id": "google/gemma-2b",
                "modelId": "google/gemma-2b",
                "sha": "a" * 40,
                "siblings": [],
                "private": False,
            }
            if status == 200
            else {"error": code}
        ).encode()
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(tmp_path: Path, endpoint: str, token: str | None = None, revision: str = "", **more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environment.update(HF_ENDPOINT=endpoint, HF_HOME=str(tmp_path / "home"), no_proxy="*")
    environment.update(more)
    if token:
        environment["HF_TOKEN"] = token
    command = [sys.executable, "-c", ASK, str(tmp_path / "workspace"), revision]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert CANARY not in done.stdout + done.stderr
    assert not any(CANARY.encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert done.stdout, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_a_gated_model_without_token_asks_for_one(hub: ThreadingHTTPServer, tmp_path: Path) -> None:
    hub.mode = "gated"  # type: ignore[attr-defined]
    answer = ask(tmp_path, f"http://127.0.0.1:{hub.server_port}")
    assert answer.startswith("AccessDenied google/gemma-2b needs a Hugging Face token and none was found")
    assert "--token-stdin" in answer


def test_a_gated_model_with_token_asks_for_the_licence(hub: ThreadingHTTPServer, tmp_path: Path) -> None:
    hub.mode = "gated"  # type: ignore[attr-defined]
    answer = ask(tmp_path, f"http://127.0.0.1:{hub.server_port}", CANARY)
    assert answer.startswith("AccessDenied The licence of google/gemma-2b is not accepted")


def test_an_unknown_model_is_not_found(hub: ThreadingHTTPServer, tmp_path: Path) -> None:
    hub.mode = "unknown"  # type: ignore[attr-defined]
    answer = ask(tmp_path, f"http://127.0.0.1:{hub.server_port}", CANARY)
    assert answer.startswith("NotFound The Hub knows no model 'google/gemma-2b'")


def test_a_model_without_safetensors_is_refused(hub: ThreadingHTTPServer, tmp_path: Path) -> None:
    hub.mode = "empty"  # type: ignore[attr-defined]
    answer = ask(tmp_path, f"http://127.0.0.1:{hub.server_port}")
    assert answer.startswith("NotFound google/gemma-2b holds no safetensors")


def test_no_network_says_so(tmp_path: Path) -> None:
    answer = ask(tmp_path, "http://127.0.0.1:9")
    assert answer.startswith("Unreachable google/gemma-2b is not on this disk")
    assert "gemma-3-270m" in answer


def test_a_proxy_that_refuses_is_said_in_one_line(hub: ThreadingHTTPServer, tmp_path: Path) -> None:
    """The Hub's client passes this error of its HTTP library on as it is, from version 2 on of another library."""
    proxy = {"https_proxy": f"http://127.0.0.1:{hub.server_port}", "no_proxy": ""}  # it knows no CONNECT: status 501
    answer = ask(tmp_path, "https://hub.invalid", **proxy)
    assert answer.startswith("Unreachable google/gemma-2b is not on this disk")


def test_a_cached_commit_needs_no_network(tmp_path: Path) -> None:
    commit = "b" * 40
    cached = tmp_path / "home" / "hub" / "models--google--gemma-2b"
    (cached / "snapshots" / commit).mkdir(parents=True)
    (cached / "snapshots" / commit / "config.json").write_text("{}")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    assert ask(tmp_path, "http://127.0.0.1:9", revision=commit) == f"found {commit}"
