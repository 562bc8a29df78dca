"""Start Streamlit with the studio: for one user on the local machine, or behind a proxy with a password."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from shelftalk.errors import InvalidSettings
from shelftalk.hosts import LOOPBACK
from shelftalk.models.tokens import import_transformers
from shelftalk.studio.options import LOCAL_HOSTS, OPTIONS
from shelftalk.studio.sign_in import SignIn
from shelftalk.workspace import Workspace

APP = Path(__file__).with_name("app.py")
FIRST_PORT, PORTS = 8501, 20


def launch(
    workspace: Workspace, port: int | None, browser: bool, sign_in: SignIn | None = None, host: str = LOOPBACK
) -> None:
    """Serve the studio until Ctrl-C or SIGTERM; `browser` opens a page of it where there is a display.

    With `port` None the first free port from 8501 on is used. With `sign_in` it also answers under the name given
    there, which a proxy passes on, and every request needs its password. `host` is the address to listen on, see
    `check_host`.

    Raises:
        InvalidSettings: the port is taken.
    """
    import_transformers()  # pages run in threads
    chosen = find_port(port, host)
    # Read by `session.workspace`: the pages run in this process.
    os.environ["SHELFTALK_WORKSPACE"] = str(workspace.root.resolve())
    import streamlit as st
    from starlette.middleware import Middleware
    from streamlit import config, net_util

    from shelftalk.studio.gate import Gate

    config.get_config_files = lambda file_name: []  # no configuration file can change these options
    net_util.get_external_ip = lambda: None  # a cross-origin request would make it query a public server
    known = config._config_options_template  # the oldest supported Streamlit lacks some options
    options = {name: value for name, value in options_for(chosen, sign_in, host).items() if name in known}
    shown = f"http://127.0.0.1:{chosen}" if browser and has_display() and sign_in is None else None
    app = st.App(
        APP, middleware=[Middleware(Gate, port=chosen, sign_in=sign_in)], lifespan=lambda _: page_opened(shown)
    )
    sys.argv = [""]  # else Streamlit puts the folder of the command in front of all others that modules come from
    app.run(config=options)


def options_for(port: int, sign_in: SignIn | None, host: str = LOOPBACK) -> dict[str, Any]:
    """Return Streamlit's options for a port, and for the address under which other machines see the studio."""
    own = {**OPTIONS, "server.address": host, "server.port": port, "browser.serverPort": port}
    if sign_in is None:
        return own
    return {
        **own,
        "server.allowedHosts": [*LOCAL_HOSTS, sign_in.address.host],
        "server.baseUrlPath": sign_in.address.path.strip("/"),
        "browser.serverAddress": sign_in.address.host,
    }


@asynccontextmanager
async def page_opened(url: str | None) -> AsyncIterator[None]:
    """Open a page in the user's browser, unless it is None; its requests wait until the server has begun."""
    if url is not None:
        # Some browsers return at their end.
        threading.Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True).start()
    yield


def has_display() -> bool:
    """Return whether a browser can open here; without a display, Linux would start one in the terminal."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def check_host(host: str, keyed: bool) -> None:
    """Check that the studio may listen on an address; `keyed` says whether it asks for a password.

    Raises:
        InvalidSettings: it is no IPv4 address, or other machines can reach it and there is no password.
    """
    try:
        local = ipaddress.IPv4Address(host).is_loopback
    except ValueError as error:
        raise InvalidSettings(f"--host {host!r} is no IPv4 address; give one such as 0.0.0.0 or {LOOPBACK}.") from error
    if not (local or keyed):
        raise InvalidSettings(
            f"--host {host} can be reached from other machines, which needs a password: add --public-host NAME, the "
            "name that browsers show, such as 127.0.0.1:8501 for a container's published port."
        )


def find_port(port: int | None, host: str = LOOPBACK) -> int:
    """Return `port` if it is free; for None, return the first free port from 8501 on.

    Raises:
        InvalidSettings: the port is taken; for None, all of the first twenty are. Or the address is none of this
            machine's.
    """
    wanted = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]
    for one in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, one))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    raise InvalidSettings(f"--host {host} is no address of this machine.") from error
                continue
            return int(probe.getsockname()[1])
    raise InvalidSettings(f"Port {wanted[0]} is taken; is the studio open already? Choose another with --port.")
