"""Start Streamlit with the studio, configured for one user on the local machine."""

from __future__ import annotations

import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shelftalk.errors import InvalidSettings, MissingPackage
from shelftalk.models.tokens import import_transformers
from shelftalk.workspace import Workspace

APP = Path(__file__).with_name("app.py")
FIRST_PORT, PORTS = 8501, 20
UPLOAD_MEGABYTES = 500  # Streamlit holds an upload in memory; a larger file is given by its path

INK = {"light": "#120d08", "dark": "#f3ece2"}  # captions use a lighter mix of it, which must be readable too
OPTIONS: dict[str, Any] = {
    "server.address": "127.0.0.1",
    "server.enableXsrfProtection": True,
    "server.xsrfCookieSameSite": "strict",
    "server.enableCORS": True,
    "server.corsAllowedOrigins": [],
    "server.allowedHosts": ["127.0.0.1", "localhost"],
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.maxUploadSize": UPLOAD_MEGABYTES,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.showEmailPrompt": False,
    "browser.gatherUsageStats": False,
    "browser.serverAddress": "127.0.0.1",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.disableDataExport": True,  # its CSV does not escape formulas; the history's own export does
    "client.toolbarMode": "viewer",
    "runner.magicEnabled": False,
    "global.developmentMode": False,
    "global.disableWidgetStateDuplicationWarning": True,  # forms are kept on purpose, see session.keep_forms
    "logger.level": "warning",
    "theme.light.primaryColor": "#9a3412",
    "theme.light.backgroundColor": "#fffdf9",
    "theme.light.secondaryBackgroundColor": "#f5efe6",
    "theme.light.textColor": INK["light"],
    "theme.light.linkColor": "#9a3412",
    "theme.light.borderColor": "#d9cfc0",
    "theme.dark.primaryColor": "#c2410c",
    "theme.dark.backgroundColor": "#1a1714",
    "theme.dark.secondaryBackgroundColor": "#28231e",
    "theme.dark.textColor": INK["dark"],
    "theme.dark.linkColor": "#fdba74",
    "theme.dark.borderColor": "#4a4138",
    "theme.baseRadius": "8px",
}


def launch(workspace: Workspace, port: int | None, browser: bool) -> None:
    """Serve the studio on 127.0.0.1 until Ctrl-C or SIGTERM; `browser` opens a page of it where there is a display.

    With `port` None the first free port from 8501 on is used.

    Raises:
        MissingPackage: Streamlit is not installed.
        InvalidSettings: the port is taken.
    """
    if find_spec("streamlit") is None:
        raise MissingPackage("The studio needs Streamlit, not installed here: pip install 'shelftalk[studio]'")
    import_transformers()  # pages run in threads
    chosen = find_port(port)
    # Read by `session.workspace`: the pages run in this process.
    os.environ["SHELFTALK_WORKSPACE"] = str(workspace.root.resolve())
    from streamlit import config, net_util
    from streamlit.web import bootstrap

    config.get_config_files = lambda file_name: []  # no configuration file can change these options
    net_util.get_external_ip = lambda: None  # a cross-origin request would make it query a public server
    known = config.get_config_options(force_reparse=True)  # the oldest supported Streamlit lacks some options
    options = {
        **{name: value for name, value in OPTIONS.items() if name in known},
        "server.port": chosen,
        "browser.serverPort": chosen,
        "server.headless": not (browser and has_display()),
    }
    bootstrap.load_config_options(options)
    bootstrap.run(str(APP), False, [], options)


def has_display() -> bool:
    """Return whether a browser can open here; without a display, Linux would start one in the terminal."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def find_port(port: int | None) -> int:
    """Return `port` if it is free; for None, return the first free port from 8501 on.

    Raises:
        InvalidSettings: the port is taken; for None, all of the first twenty are.
    """
    wanted = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]
    for one in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", one))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise InvalidSettings(f"Port {wanted[0]} is taken; is the studio open already? Choose another with --port.")
