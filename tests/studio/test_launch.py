"""Streamlit's configuration and port, and what the terminal says of the way to it."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shelftalk.cli.main import run
from shelftalk.errors import InvalidSettings
from shelftalk.studio.launch import FIRST_PORT, find_port, has_display, options_for, page_opened
from shelftalk.studio.options import LOCAL_HOSTS, OPTIONS
from shelftalk.studio.reach import directions
from shelftalk.studio.sign_in import SignIn, parse_address


def test_every_option_is_one_that_streamlit_knows() -> None:
    from streamlit import config

    known = config.get_config_options()
    lacking = {"server.enableAgentApi"}  # in the oldest supported one
    assert {name for name in OPTIONS if name not in known} <= lacking


def test_the_studio_is_for_this_machine_only_and_sends_no_usage_data() -> None:
    assert OPTIONS["server.address"] == "127.0.0.1"
    assert OPTIONS["server.allowedHosts"] == ["127.0.0.1", "localhost"]
    assert OPTIONS["server.enableXsrfProtection"] is True
    assert OPTIONS["server.enableCORS"] is True
    assert OPTIONS["browser.gatherUsageStats"] is False
    assert OPTIONS["client.showErrorDetails"] == "none"
    assert OPTIONS["server.maxUploadSize"] == 500


def test_a_public_name_and_prefix_are_added_and_nothing_else_is_opened() -> None:
    door = SignIn(parse_address("shop.example.org/studio"), "password")
    own, public = options_for(8501, None), options_for(8501, door)
    assert {name: value for name, value in public.items() if own.get(name) != value} == {
        "server.allowedHosts": [*LOCAL_HOSTS, "shop.example.org"],
        "server.baseUrlPath": "studio",
        "browser.serverAddress": "shop.example.org",
    }


def test_what_is_no_public_name_ends_the_command_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["studio", "--workspace", str(tmp_path / "new"), "--public-host", "*.example.org"]) == 2
    said = capsys.readouterr().err
    assert "--public-host '*.example.org' is no address" in said and "such as studio.example.org" in said
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 can be reached from other machines, which needs a password"),
        (["--host", "10.1.2.3"], "which needs a password: add --public-host NAME"),
        (["--host", "localhost"], "--host 'localhost' is no IPv4 address"),
        (["--host", "::1"], "--host '::1' is no IPv4 address"),
        (
            ["--host", "192.0.2.1", "--public-host", "shop.example.org"],
            "--host 192.0.2.1 is no address of this machine",
        ),
    ],
)
def test_an_address_that_others_reach_needs_a_password(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["studio", "--no-browser", "--workspace", str(tmp_path / "new"), *options]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_taken_port_is_reported_and_the_next_free_one_is_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidSettings, match=f"Port {port} is taken"):
            find_port(port)
    assert find_port(port) == port
    assert find_port(None) >= FIRST_PORT


def test_without_a_display_no_browser_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_display()


FAR = [
    *("SSH_CONNECTION", "CODESPACES", "CODESPACE_NAME", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN"),
    *("COLAB_RELEASE_TAG", "COLAB_BACKEND_VERSION", "DISPLAY", "WAYLAND_DISPLAY"),
]
CODESPACE = {"CODESPACES": "true", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev"}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DISPLAY": ":0"}, None),
        (
            {"DISPLAY": ":0", "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.7 22"},
            "run ssh -L 8501:127.0.0.1:8501 ana@192.0.2.7 there, and open http://127.0.0.1:8501 there",
        ),
        (
            {"SSH_CONNECTION": "2001:db8::1 50000 2001:db8::7 2222"},
            "run ssh -p 2222 -L 8501:127.0.0.1:8501 ana@2001:db8::7 there",
        ),
        ({}, "run ssh -L 8501:127.0.0.1:8501 ana@the-server there"),
        ({"SSH_CONNECTION": "not what sshd writes"}, "ana@the-server there"),
        (
            {**CODESPACE, "CODESPACE_NAME": "octo-literate-mld5"},
            "shelftalk studio --port 8501 --public-host octo-literate-mld5-8501.app.github.dev",
        ),
        ({**CODESPACE, "CODESPACE_NAME": "a;b"}, "--public-host NAME"),
        ({"COLAB_RELEASE_TAG": "release"}, "Colab passes on no websockets"),
    ],
)
def test_the_terminal_says_how_to_reach_the_studio_from_where_the_user_is(
    environment: dict[str, str], said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(socket, "gethostname", lambda: "the-server")
    for name in FAR:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"LOGNAME": "ana", **environment}.items():
        monkeypatch.setenv(name, value)
    lines = directions(8501)
    assert lines == [] if said is None else said in " ".join(lines)


def test_a_page_is_opened_in_the_users_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = tmp_path / "opened"
    program = tmp_path / "browser.py"
    program.write_text(f"import pathlib, sys; pathlib.Path({str(opened)!r}).write_text(sys.argv[1])")
    monkeypatch.setenv("BROWSER", f"{sys.executable} {program} %s")

    async def serve(url: str | None) -> None:
        async with page_opened(url):
            pass

    with ThreadPoolExecutor(1) as threads:  # in this one the browser tests' loop may be running
        for url in (None, "http://127.0.0.1:8501"):
            threads.submit(lambda: asyncio.run(serve(url))).result()  # noqa: B023
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join(30)
    assert opened.read_text() == "http://127.0.0.1:8501"
