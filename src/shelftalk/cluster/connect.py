"""Connect to a Ray cluster, or start one on this machine, with authentication and without telemetry.

A cluster executes any code that a client sends, so token authentication is on unless the environment switches it off.
A cluster that is started here listens on loopback only, and has no dashboard. A cluster of several machines is started
with Ray's own `ray start`; see docs/scale.md.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from shelftalk.errors import AccessDenied, InvalidSettings, ShelftalkError, Unreachable
from shelftalk.extras import require_extra

LOCAL = "local"  # instead of an address: start a cluster on this machine
# Ray's sockets go there. Their paths have at most 103 bytes; macOS's own temporary folder is too long for that.
SHORT = "/tmp"  # noqa: S108
CONNECT_TIMEOUT = 10.0  # seconds to wait for the cluster's port


@contextmanager
def connected(cluster: str) -> Iterator[None]:
    """Connect this process to the Ray cluster at HOST:PORT, or start one here for `LOCAL`, until the block ends.

    This process must run on a machine of the cluster. The environment may provide the cluster's token as Ray expects
    it, in RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH; a cluster that is started here gets a random one.

    Raises:
        InvalidSettings: `cluster` is neither `LOCAL` nor HOST:PORT.
        MissingPackage: Ray is not installed.
        Unreachable: no server responds at that address, or it is no Ray cluster, or one of another version.
        AccessDenied: the cluster does not accept the token.
    """
    check_options(cluster)
    require_extra("ray", "--cluster", "ray")
    if cluster != LOCAL:
        _require_answer(cluster)
    prepare_environment(cluster)
    import ray  # not earlier: it reads the environment when it is imported

    with tempfile.TemporaryDirectory(prefix="st-", dir=SHORT, ignore_cleanup_errors=True) as folder:
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            if cluster == LOCAL:
                ray.init("local", include_dashboard=False, _temp_dir=folder, **quiet)
            else:
                ray.init(cluster, **quiet)
        except (OSError, RuntimeError, ray.exceptions.AuthenticationError) as error:
            raise _translated(error, cluster) from error
        try:
            yield
        finally:
            ray.shutdown()


def check_options(cluster: str | None, workers: int | None = None) -> None:
    """Validate `--cluster` and `--workers` before any work starts.

    Raises:
        InvalidSettings: `cluster` is neither `LOCAL` nor HOST:PORT, or `workers` is given without a cluster.
    """
    if cluster is None:
        if workers is not None:
            raise InvalidSettings("--workers is for a cluster; add --cluster HOST:PORT, or --cluster local.")
        return
    host, _, port = cluster.rpartition(":")
    if cluster != LOCAL and not (host and port.isdigit()):
        raise InvalidSettings(
            f"--cluster must be HOST:PORT of a Ray cluster, as `ray start` printed it, or local, got {cluster!r}."
        )


def prepare_environment(cluster: str) -> None:
    """Set Ray's environment variables, which the processes that it starts inherit."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # keep relative paths valid
    if cluster == LOCAL:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    else:
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "3")  # one a second; few, as `_require_answer` has connected
    if cluster == LOCAL or _host(cluster) in ("127.0.0.1", "localhost"):
        # Despite the variable's name: off, a node uses the loopback address, and does not listen on any other.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"


def _require_answer(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT).close()
    except OSError as error:
        raise Unreachable(
            f"No Ray cluster answers at {address} ({error.strerror or error}); start one with: ray start --head"
        ) from error


def _translated(error: Exception, cluster: str) -> ShelftalkError:
    if "AuthenticationError" in f"{error!r} {error.__cause__!r}":  # usually wrapped in another error
        return AccessDenied(
            f"The Ray cluster at {cluster} refuses this token; write the cluster's own to a file, and name it in "
            "RAY_AUTH_TOKEN_PATH."
        )
    where = "to be started here" if cluster == LOCAL else f"at {cluster}"
    return Unreachable(f"There is no Ray cluster {where}: {' '.join(str(error).split())}")


def _host(address: str) -> str:
    return address.rpartition(":")[0]
