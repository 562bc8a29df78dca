"""What the package's extras install: asked for before a command begins."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from shelftalk.errors import MissingPackage


def require_extra(extra: str, what: str, *modules: str) -> None:
    """Check that the modules of an extra are installed, without importing them.

    Raises:
        MissingPackage: some are not; the message names them, `what` needs them, and the command that installs them.
    """
    if missing := [module for module in modules if find_spec(module) is None]:
        raise MissingPackage(f"{what} needs {', '.join(missing)}, not installed here: pip install 'shelftalk[{extra}]'")


def require_trackers(names: Iterable[str]) -> None:
    """Check that the packages of all these trackers are installed; each has the name of its module.

    Raises:
        MissingPackage: one is not.
    """
    for name in names:
        require_extra("trackers", f"The tracker {name}", name)
