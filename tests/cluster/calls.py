"""Functions that the tests run on workers, which import them by name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from shelftalk.errors import Damaged

LINES = 30
SECONDS = 0.15


def slowly_square(number: int) -> tuple[int, dict[str, list[int]]]:
    time.sleep(SECONDS)
    return number * number, {"of": [number]}


def rows(number: int) -> pa.Table:
    return pa.table({"number": [number] * 3, "text": ["a", None, "ç"]})


def vectors(number: int) -> np.ndarray:
    return np.full((number, 4), 1 / (number + 1), dtype=np.float32)


def nothing(number: int) -> None:
    return None


def refuse_three(number: int) -> int:
    if number == 3:
        raise Damaged("The third one is damaged.")
    return number


def send_and_die(message: str, send: Callable[[str], bool]) -> None:
    """Behave like a training that is too large for its machine."""
    send(message)
    os._exit(9)


def threads(_: int) -> tuple[int, str | None]:
    import torch

    return torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")


def journaled(address: str, journal: Path) -> None:
    """Append the squares that are not in the journal yet: a stage that can be killed at any moment and resumed."""
    from shelftalk.cluster.map import open_map

    with open_map(address):
        pass  # a process may connect more than once
    done = journal.read_bytes().count(b"\n") if journal.exists() else 0
    with open_map(address) as mapped, journal.open("ab", buffering=0) as file:
        for square, _ in mapped(slowly_square, range(done, LINES)):
            file.write(f"{square}\n".encode())


if __name__ == "__main__":
    import sys

    journaled(sys.argv[1], Path(sys.argv[2]))
