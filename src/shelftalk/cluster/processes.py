"""Spread work over processes of this machine.

The processes are loky's: they do not run the calling program's main module again, which plain spawning does, so a
script that calls shelftalk needs no `if __name__ == "__main__"`. They end when this process ends, however it ends.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from loky import ProcessPoolExecutor, cpu_count
from loky.process_executor import TerminatedWorkerError

from shelftalk.errors import Failure
from shelftalk.records import Item, Map, Result

# glibc would give every large buffer back and ask for the next one page by page: a sixth of the time of `prepare`.
# loky would take that for a leak and begin the process anew.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "LOKY_MAX_MEMORY_LEAK_SIZE": str(1 << 30),
}
MOST_PROCESSES = 8  # one process reads for all of them, and each takes some 250 MB
AHEAD = 2  # items for each process that are handed over or done and not yet asked for


@contextmanager
def processes(count: int | None = None) -> Iterator[Map]:
    """Yield a `Map` over `count` processes, or one for each core that this process may use, and at most eight.

    Items are taken as they are needed, and no more than two for each process wait at a time. An exception of the
    function is raised where its result was to come.

    Raises:
        Failure: a process was killed, as the system does when memory runs out.
    """
    number = count or min(cpu_count(), MOST_PROCESSES)
    with ProcessPoolExecutor(number, initializer=_end_with, initargs=(os.getpid(),), env=KEEP_MEMORY) as pool:
        try:
            yield _Spread(pool, AHEAD * number)
        except TerminatedWorkerError as error:
            raise Failure(
                "A process of this computation was killed, perhaps because memory ran out; run the same command again."
            ) from error
        finally:
            pool.shutdown(kill_workers=True)


class _Spread:
    def __init__(self, pool: ProcessPoolExecutor, ahead: int) -> None:
        self._pool, self._ahead = pool, ahead

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        waiting: deque[Any] = deque()
        for item in items:
            waiting.append(self._pool.submit(function, item))
            if len(waiting) > self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _end_with(parent: int) -> None:
    """End this process soon after its parent: a killed one closes no queue that the other processes hold open."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
