"""Limit how many requests compute in threads and how many wait; cancel those whose client has disconnected."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import anyio
from starlette.requests import Request

from shelftalk.api.errors import ApiError, client_disconnected, engine_failed, queue_full, shutting_down
from shelftalk.api.limits import Limits
from shelftalk.errors import InvalidSettings

T = TypeVar("T")
Emit = Callable[[Any], None]
Work = Callable[[Emit], T]

_END = object()
_log = logging.getLogger(__name__)


class Abandoned(Exception):
    """The client of this computation has disconnected."""


class Scheduler:
    """Runs blocking work in threads: `limits.slots` in parallel, while `limits.queue` more wait.

    Work gets a function that it must call for every token, with an event or None. That call raises an exception to
    cancel the work: the client disconnected, or the server is shutting down. A slot is free when its thread has ended.
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
        """Return the result of `work`; `on_event` is called with its events, in order, in this event loop.

        Cancelling this coroutine cancels the work.

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
        future.exception()  # retrieve it always, or asyncio logs a warning
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
        """Cancel all work at its next token; refuse waiting and new requests."""
        self._closed.set()

    def join(self) -> None:
        """Wait until all threads have ended, after `close`; then the engine may be closed."""
        self._threads.shutdown()


class Stream(Generic[T]):
    """Running work whose events are read as they arrive; the caller must close it."""

    def __init__(self, scheduler: Scheduler, work: Work[T]) -> None:
        self._events: asyncio.Queue[Any] = asyncio.Queue()  # bounded by the length of one request's texts
        self._first: Any = _END
        self._task = asyncio.create_task(scheduler.run(work, self._events.put_nowait))
        self._task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # retrieve it always, or asyncio logs a warning
        self._events.put_nowait(_END)

    async def started(self) -> None:
        """Wait for the first event; if the work fails before it, raise the work's exception."""
        self._first = await self._events.get()
        if self._first is _END:
            self.result()

    async def events(self) -> AsyncIterator[Any]:
        """Yield the events of started work; if it fails, raise its exception after the last event."""
        event = self._first
        while event is not _END:
            yield event
            event = await self._events.get()
        self.result()

    def result(self) -> T:
        """Return the result of the work, after its last event."""
        return self._task.result()

    def close(self) -> None:
        """Cancel the work if it is still running."""
        self._task.cancel()


async def while_connected(request: Request, awaitable: Awaitable[T]) -> T:
    """Await something for a client, and cancel it when the client disconnects.

    Raises:
        ApiError: the client disconnected.
    """
    task = asyncio.ensure_future(awaitable)
    disconnected = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise client_disconnected()
        return task.result()
    finally:
        task.cancel()
        disconnected.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
