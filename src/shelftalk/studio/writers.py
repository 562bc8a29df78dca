"""Models that write for the pages: loaded once per process, shared by all browsers, let go when others are wanted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from shelftalk.generation.choose import choose_engine, open_engine
from shelftalk.generation.engine import Engine
from shelftalk.pipeline import open_index
from shelftalk.settings import DecodingSettings
from shelftalk.training.run import Run
from shelftalk.workspace import MANIFEST, sha256

if TYPE_CHECKING:
    from shelftalk.retrieval.search import Index

KEPT = 2  # runs whose models stay loaded
SLOTS = 2  # answers at once on each side of a run: two browsers


@dataclass
class Writer:
    """A run's engine and index; `loading` is held while they are loaded, `users` counts who writes with them."""

    engine: Engine | None = None
    index: Index | None = None
    users: int = 0
    loading: threading.Lock = field(default_factory=threading.Lock)


class Writers:
    """The runs whose models are loaded, at most `kept` besides those in use."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._writers: OrderedDict[tuple[str, ...], Writer] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def writing(self, run: Run, settings: DecodingSettings) -> Iterator[tuple[Engine, Index]]:
        """Lend the engine that `settings` want for a finished run, and the run's index, for the length of the block.

        Several threads may write at once. What is lent is not let go.

        Raises:
            NotFound: the run has not finished.
        """
        run.require_finished()
        name, _ = choose_engine(run, settings)
        key = (str(run.folder), sha256(run.adapter / MANIFEST), name)
        with self._lock:
            writer = self._writers.setdefault(key, Writer())
            self._writers.move_to_end(key)
            writer.users += 1
        try:
            with writer.loading:  # whoever comes second waits for the first one's loading
                if writer.engine is None or writer.index is None:
                    writer.index = writer.index or open_index(run)
                    writer.engine = open_engine(run, settings, name, slots=SLOTS)
            yield writer.engine, writer.index
        finally:
            with self._lock:
                writer.users -= 1
            self._let_go(self._kept)

    def close(self) -> None:
        """Let go of all models that nobody writes with."""
        self._let_go(0)

    def _let_go(self, kept: int) -> None:
        with self._lock:
            idle = [key for key, writer in self._writers.items() if not writer.users]
            surplus = idle[: max(0, len(self._writers) - kept)]
            gone = [self._writers.pop(key) for key in surplus]
        for writer in gone:
            if writer.engine is not None:
                writer.engine.close()


@st.cache_resource(show_spinner=False)
def writers() -> Writers:
    """Return this process's models, the same for every browser session."""
    return Writers()


def warm_up(run: Run, settings: DecodingSettings) -> None:
    """Load a run's models beside the page, so that the first question need not wait for them."""

    def load() -> None:
        with writers_of_process.writing(run, settings):
            pass

    writers_of_process = writers()
    threading.Thread(target=_quietly(load), daemon=True, name="warm-up").start()


def _quietly(load: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            load()
        except Exception:  # the question itself will meet it again, and show it
            return

    return run
