"""Locate the bundled demo catalogue."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from shelftalk.errors import Damaged


def demo_file() -> Path:
    """Return the path of the bundled catalogue, gzipped JSON Lines in the format of AmazonTitles-1.3MM.

    Raises:
        Damaged: it is missing from the installed package.
    """
    path = Path(str(files("shelftalk.catalogue") / "demo.json.gz"))
    if not path.is_file():
        raise Damaged(f"{path} is missing from the package; install shelftalk again.")
    return path
