"""Connect to a Ray cluster, or start one on this machine: who may talk to it, where it listens, what it writes.

A cluster runs whatever it is sent, so token authentication is on unless the environment switches it off, and one that
is started here listens on loopback only, has no dashboard, and reports to nobody. A cluster of several machines is
started with Ray's own `ray start`; docs/scale.md says how.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from shelftalk.errors import AccessDenied, MissingPackage, ShelftalkError, Unreachable, UserError

# Sockets lie there, whose paths may have 103 bytes; macOS's own temporary folder is too long for that.
SHORT = "/tmp"  # noqa: S108
PATIENCE = 10.0  # seconds to wait for the cluster's port to answer


@contextmanager
def connected(address: str | None = None) -> Iterator[None]:
    """Connect this process to the Ray cluster at `address`, HOST:PORT, or start one here, for the length of the block.

    This process runs on a machine of the cluster. Its environment may name the cluster's token, in RAY_AUTH_TOKEN or
    RAY_AUTH_TOKEN_PATH, as Ray's does; a cluster that is started here gets one that nobody knows.

    Raises:
        MissingPackage: Ray is not installed.
        UserError: the address is none.
        Unreachable: nothing answers at `address`, or it is no Ray cluster, or one of another version.
        AccessDenied: the cluster wants another token.
    """
    if find_spec("ray") is None:
        raise MissingPackage("Ray is not installed; install it with: pip install 'shelftalk[ray]'")
    if address:
        _require_answer(address)
    prepare_environment(address)
    import ray  # only now: it reads the environment when it is imported

    with tempfile.TemporaryDirectory(prefix="st-", dir=SHORT, ignore_cleanup_errors=True) as folder:
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            if address:
                ray.init(address, **quiet)
            else:
                ray.init("local", include_dashboard=False, _temp_dir=folder, **quiet)
        except (OSError, RuntimeError, ray.exceptions.AuthenticationError) as error:
            raise _translated(error, address) from error
        try:
            yield
        finally:
            ray.shutdown()


def prepare_environment(address: str | None) -> None:
    """Set what Ray reads; the processes that it starts inherit it."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # paths that are relative stay what they are
    if address is None:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    else:
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "3")  # tries, a second each: it does answer
    if address is None or _host(address) in ("127.0.0.1", "localhost"):
        # Whatever the variable's name says: off, a node's own address is loopback's, and nothing listens elsewhere.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"


def _require_answer(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--address must be HOST:PORT of a Ray cluster, as `ray start` printed it, got {address!r}.")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except OSError as error:
        raise Unreachable(
            f"No Ray cluster answers at {address} ({error.strerror or error}); start one with: ray start --head"
        ) from error


def _translated(error: Exception, address: str | None) -> ShelftalkError:
    if "AuthenticationError" in f"{error!r} {error.__cause__!r}":  # mostly in another error's text
        return AccessDenied(
            f"The Ray cluster at {address} refuses this token; write the cluster's own to a file, and name it in "
            "RAY_AUTH_TOKEN_PATH."
        )
    where = f"at {address}" if address else "to be started here"
    return Unreachable(f"There is no Ray cluster {where}: {' '.join(str(error).split())}")


def _host(address: str) -> str:
    return address.rpartition(":")[0]
