"""Install the torch of constraints.txt from PyTorch's index of CPU wheels, where the machine has no NVIDIA card.

PyPI's torch for Linux brings gigabytes of CUDA libraries along, and a package cannot choose an index for its user: so
`make` runs this in a new environment, before anything else is installed there.
"""

from __future__ import annotations

import argparse
import ctypes
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
SECONDS = 10.0  # for the index's list of versions; pip alone asks an address that does not answer for minutes
PLACES = re.compile(r"\.(index-url|extra-index-url|find-links|no-index)=")


def main() -> int:
    """Read the command line, install torch or leave it to pip, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("choice", choices=("automatic", "cpu", "cuda"), help="cuda: as pip chooses it")
    parser.add_argument("index", help="address of PyTorch's index of CPU wheels")
    arguments = parser.parse_args()
    pinned = pinned_version()
    if arguments.choice == "cuda" or is_installed(pinned):
        return 0
    if arguments.choice == "automatic":
        if sys.platform != "linux" or has_card():  # elsewhere PyPI's torch has no CUDA
            return 0
        if reason := reason_against(arguments.index, pinned):
            print(f"torch is left to pip, and may be the one with CUDA, gigabytes larger: {reason}.")
            return 0
    return install(arguments.index, pinned)  # a download that breaks off is an error: the other one is larger still


def pinned_version() -> str:
    """Return the version of torch in constraints.txt."""
    (pinned,) = re.findall(r"^torch==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    return str(pinned)


def is_installed(pinned: str) -> bool:
    """Return whether this environment has that version of torch, from whatever index."""
    try:
        return version("torch").partition("+")[0] == pinned
    except PackageNotFoundError:
        return False


def has_card() -> bool:
    """Return whether NVIDIA's driver finds a card, asked as torch itself asks it."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return bool(driver.cuInit(0) == 0)


def reason_against(index: str, pinned: str) -> str | None:
    """Return why pip should choose: it is told where its packages are, or the index lacks this version; else None."""
    settings = subprocess.run([*PIP, "config", "list"], check=True, capture_output=True, text=True).stdout
    if PLACES.search(settings):
        return "its settings say where packages come from (make TORCH=cpu takes PyTorch's)"
    if pinned not in versions(index):
        return f"{index} has no torch {pinned} for this Python, or does not answer"
    return None


def versions(index: str) -> list[str]:
    """Return the versions of torch that an index has for this Python, without "+cpu"; none if it does not answer."""
    command = [*PIP, "index", "versions", "--retries", "0", "--index-url", index, "torch"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return []
    return re.findall(r"[\d.]+", done.stdout)


def install(index: str, pinned: str) -> int:
    """Install torch alone, and return pip's exit code; what it needs comes from where all other packages do."""
    options = ("--quiet", "--no-compile", "--no-deps", "--index-url", index)
    return subprocess.run([*PIP, "install", *options, f"torch=={pinned}"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
