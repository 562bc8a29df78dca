"""Streamlit's configuration and port."""

from __future__ import annotations

import socket

import pytest

from shelftalk.errors import InvalidSettings
from shelftalk.studio.launch import FIRST_PORT, OPTIONS, find_port, has_display


def test_every_option_is_one_that_streamlit_knows() -> None:
    from streamlit import config

    known = config.get_config_options()
    assert [name for name in OPTIONS if name not in known] == []


def test_the_studio_is_for_this_machine_only_and_sends_no_usage_data() -> None:
    assert OPTIONS["server.address"] == "127.0.0.1"
    assert OPTIONS["server.allowedHosts"] == ["127.0.0.1", "localhost"]
    assert OPTIONS["server.enableXsrfProtection"] is True
    assert OPTIONS["server.enableCORS"] is True
    assert OPTIONS["browser.gatherUsageStats"] is False
    assert OPTIONS["client.showErrorDetails"] == "none"
    assert OPTIONS["server.maxUploadSize"] == 500


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
