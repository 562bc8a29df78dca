"""Let a few requests compute at once in threads, a bounded number wait, and none compute that nobody waits for."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import anyio
from starlette.requests import Request

from shelftalk.api.errors import ApiError, engine_failed, hung_up, queue_full, shutting_down
from shelftalk.api.limits import Limits
from shelftalk.errors import InvalidSettings

T = TypeVar("T")
Emit = Callable[[Any], None]
Work = Callable[[Emit], T]

_END = object()
_log = logging.getLogger(__name__)


class Abandoned(Exception):
    """Nobody waits for this computation any more."""


class Scheduler:
    """Runs blocking work in threads: `limits.slots` at once, while `limits.queue` more wait.

    Work is handed a function that it calls for every token, with an event or None. That call raises when the work
    shall end: the client hung up, or the server is shutting down. A slot is free again when its thread has ended.
    """

    def __init__(self, limits: Limits) -> None:
        self._queue = limits.queue
        self._free = anyio.Semaphore(limits.slots)
        self._threads = ThreadPoolExecutor(limits.slots, thread_name_prefix="writing")
        self._closed = threading.Event()

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return self._free.statistics().tasks_waiting

    async def run(self, work: Work[T], on_event: Callable[[Any], None] = lambda event: None) -> T:
        """Return what `work` returns; `on_event` is handed its events, in their order, in this event loop.

        Whoever cancels this coroutine ends the work.

        Raises:
            ApiError: the queue is full, the server is shutting down, the engine failed or refused the settings.
        """
        await self._take_slot()
        loop, abandoned = asyncio.get_running_loop(), threading.Event()

        def emit(event: Any) -> None:
            if abandoned.is_set():
                raise Abandoned
            if self._closed.is_set():
                raise shutting_down()
            if event is not None:
                loop.call_soon_threadsafe(on_event, event)

        future = loop.run_in_executor(self._threads, work, emit)
        future.add_done_callback(self._free_slot)
        try:
            return await asyncio.shield(future)  # a thread cannot be cancelled, and holds its slot until it ends
        except (ApiError, asyncio.CancelledError):
            raise
        except InvalidSettings as error:
            raise ApiError(400, str(error)) from error
        except Exception as error:
            _log.exception("The engine failed.")
            raise engine_failed() from error
        finally:
            abandoned.set()

    def _free_slot(self, future: asyncio.Future[Any]) -> None:
        future.exception()  # seen, also where nobody waits any more, or asyncio complains
        self._free.release()

    async def _take_slot(self) -> None:
        if self._closed.is_set():
            raise shutting_down()
        if self._free.value == 0 and self.waiting >= self._queue:
            raise queue_full()
        await self._free.acquire()
        if self._closed.is_set():
            self._free.release()
            raise shutting_down()

    def close(self) -> None:
        """End all work at its next token, and refuse what waits and what comes."""
        self._closed.set()

    def join(self) -> None:
        """Wait until no thread works any more, after `close`; the engine may be closed then."""
        self._threads.shutdown()


class Stream(Generic[T]):
    """Work under way whose events are read as they come; whoever made it closes it."""

    def __init__(self, scheduler: Scheduler, work: Work[T]) -> None:
        self._events: asyncio.Queue[Any] = asyncio.Queue()  # no longer than the texts of one request
        self._first: Any = _END
        self._task = asyncio.create_task(scheduler.run(work, self._events.put_nowait))
        self._task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # seen, also where nobody reads any more
        self._events.put_nowait(_END)

    async def started(self) -> None:
        """Wait for the first event; where the work failed before it, raise that."""
        self._first = await self._events.get()
        if self._first is _END:
            self.result()

    async def events(self) -> AsyncIterator[Any]:
        """Yield the events of work that has started; where it failed on its way, raise that after the last."""
        event = self._first
        while event is not _END:
            yield event
            event = await self._events.get()
        self.result()

    def result(self) -> T:
        """Return what the work returned, after its last event."""
        return self._task.result()

    def close(self) -> None:
        """End the work if it still goes on."""
        self._task.cancel()


async def while_connected(request: Request, awaitable: Awaitable[T]) -> T:
    """Await something for a client, and cancel it as soon as the client hangs up.

    Raises:
        ApiError: the client hung up.
    """
    task = asyncio.ensure_future(awaitable)
    gone = asyncio.ensure_future(_hang_up(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise hung_up()
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
