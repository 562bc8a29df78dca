"""Host names as requests give them."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"


def host_name(host: str) -> str:
    """Return the name in a Host header in lower case, without its port; "" if it is not one name or address."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises ValueError for what is no port
    except ValueError:
        return ""
    if parts.netloc != host or parts.username is not None:
        return ""
    return (parts.hostname or "").rstrip(".")


def authority(url: str) -> str:
    """Return the host of a URL in lower case, with its port unless it is 80 or 443; "" if it has none."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    name = f"[{name}]" if ":" in name else name.rstrip(".")
    return name if port in (None, 80, 443) else f"{name}:{port}"
