"""How a browser on another machine reaches the studio, for the terminal."""

from __future__ import annotations

import getpass
import ipaddress
import os
import shlex
import socket

from shelftalk.errors import InvalidSettings
from shelftalk.studio.launch import has_display
from shelftalk.studio.sign_in import parse_address


def directions(port: int) -> list[str]:
    """Return sentences on how to reach the studio from the user's browser, as far as it seems to be elsewhere.

    Inside SSH the address is the one that the user's own connection came to.
    """
    if os.environ.get("CODESPACES") == "true":
        return [f"From the browser: shelftalk studio --port {port} --public-host {_codespace(port)}"]
    if any(os.environ.get(name) for name in ("COLAB_RELEASE_TAG", "COLAB_BACKEND_VERSION")):
        return [
            "A notebook's page cannot show the studio: Colab passes on no websockets. Use the other commands there, or "
            "a tunnel of your own with shelftalk studio --public-host NAME."
        ]
    if not os.environ.get("SSH_CONNECTION") and has_display():
        return []
    return [
        f"From another machine: run {_tunnel(port)} there, and open http://127.0.0.1:{port} there.",
        "Behind a proxy: shelftalk studio --public-host NAME, with a password (docs/guide.md).",
    ]


def _tunnel(port: int) -> str:
    """Return the command that makes the studio's port one of the machine where it is run."""
    address, ssh_port = _server_of_ssh() or (socket.gethostname(), "22")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "USER"
    other_port = [] if ssh_port == "22" else ["-p", ssh_port]
    return shlex.join(["ssh", *other_port, "-L", f"{port}:127.0.0.1:{port}", f"{user}@{address}"])


def _server_of_ssh() -> tuple[str, str] | None:
    """Return address and port where sshd took the user's connection, from "CLIENT PORT SERVER PORT"."""
    try:
        _, _, address, port = os.environ.get("SSH_CONNECTION", "").split()
        return str(ipaddress.ip_address(address)), str(int(port))
    except ValueError:
        return None


def _codespace(port: int) -> str:
    """Return the name under which GitHub forwards a port of this codespace."""
    domain = os.environ.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev")
    name = f"{os.environ.get('CODESPACE_NAME')}-{port}.{domain}"
    try:
        return str(parse_address(name))
    except InvalidSettings:
        return "NAME"
