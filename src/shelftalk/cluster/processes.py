"""Distribute work over processes of this machine.

The processes are loky's: unlike plain spawning, loky does not run the calling program's main module again, so a script
that calls shelftalk needs no `if __name__ == "__main__"`. They end when this process ends, even if it is killed.
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

# By default glibc returns large buffers to the system and allocates new ones: a sixth of the time of `prepare`.
# Arrow's own allocator returns memory too, so its tables use that of the system. loky would report the memory that is
# kept as a leak and restart the process.
KEEP_MEMORY = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "LOKY_MAX_MEMORY_LEAK_SIZE": str(1 << 30),
}
MOST_PROCESSES = 8  # one process reads for all of them, and each takes some 250 MB
AHEAD = 2  # items for each process that are submitted or done, and whose results are not yet consumed


@contextmanager
def processes(count: int | None = None) -> Iterator[Map]:
    """Yield a `Map` over `count` processes, by default one for each core that this process may use, at most eight.

    Items are consumed lazily: at most two for each process are pending. Results keep the order of the items; an
    exception of the function is raised in place of its result.

    Raises:
        Failure: a process was killed, for example by the system when memory ran out.
    """
    number = count or min(cpu_count(), MOST_PROCESSES)
    with ProcessPoolExecutor(number, initializer=_exit_with, initargs=(os.getpid(),), env=KEEP_MEMORY) as pool:
        try:
            yield _PoolMap(pool, AHEAD * number)
        except TerminatedWorkerError as error:
            raise Failure(
                "A process of this computation was killed, perhaps because memory ran out; run the same command again."
            ) from error
        finally:
            pool.shutdown(kill_workers=True)


class _PoolMap:
    def __init__(self, pool: ProcessPoolExecutor, ahead: int) -> None:
        self._pool, self._ahead = pool, ahead

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        pending: deque[Any] = deque()
        for item in items:
            pending.append(self._pool.submit(function, item))
            if len(pending) > self._ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _exit_with(parent: int) -> None:
    """Exit soon after the parent process: if that is killed, its queues stay open in the other workers."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
