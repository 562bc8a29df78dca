"""Models that write for the pages: loaded once per process, shared by all browsers, let go when others are wanted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from shelftalk.errors import ShelftalkError
from shelftalk.generation.choose import choose_engine, open_engine
from shelftalk.generation.engine import Engine
from shelftalk.pipeline import open_index
from shelftalk.prompts import prompt_for
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import MANIFEST, sha256

if TYPE_CHECKING:
    from shelftalk.retrieval.search import Index

KEPT = 2  # runs whose models stay loaded
SLOTS = 2  # answers at once on each side of a run: two browsers

Key = tuple[str, ...]


@dataclass
class Writer:
    """A run's engine and index; `loading` is held while they are loaded, `users` counts who writes with them."""

    engine: Engine | None = None
    index: Index | None = None
    users: int = 0
    loading: threading.Lock = field(default_factory=threading.Lock)


class Writers:
    """The runs whose models are loaded: at most `kept`, or all that are in use where those are more."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._writers: OrderedDict[Key, Writer] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def writing(self, run: Run, settings: DecodingSettings) -> Iterator[tuple[Engine, Index]]:
        """Lend the engine that `settings` want for a finished run, and the run's index, for the length of the block.

        Several threads may write at once. What is lent is not let go. Where the block fails, the models are loaded
        anew for whoever comes next: their files may have been put right meanwhile.

        Raises:
            NotFound: the run has not finished.
        """
        run.require_finished()
        key = (str(run.folder), sha256(run.adapter / MANIFEST), choose_engine(run, settings)[0])
        writer = self._take(key)
        try:
            with writer.loading:  # whoever comes second waits for the first one's loading
                if writer.engine is None or writer.index is None:
                    writer.index = open_index(run)
                    writer.engine = open_engine(run, settings, slots=SLOTS)
            yield writer.engine, writer.index
        except ShelftalkError:
            with self._lock:
                if self._writers.get(key) is writer:
                    del self._writers[key]
            raise
        finally:
            self._give_back(key, writer)

    def close(self) -> None:
        """Let go of all models that nobody writes with."""
        with self._lock:
            gone = self._surplus(0)
        _close(gone)

    def _take(self, key: Key) -> Writer:
        """Return the writer of `key`, after letting go of those that would be too many beside it."""
        with self._lock:
            gone = [] if key in self._writers else self._surplus(self._kept - 1)
            writer = self._writers.setdefault(key, Writer())
            self._writers.move_to_end(key)
            writer.users += 1
        _close(gone)
        return writer

    def _give_back(self, key: Key, writer: Writer) -> None:
        with self._lock:
            writer.users -= 1
            gone = self._surplus(self._kept)
            if self._writers.get(key) is not writer and not writer.users:
                gone.append(writer)
        _close(gone)

    def _surplus(self, kept: int) -> list[Writer]:
        """Take out the longest unused writers beyond `kept` and return them; the caller holds the lock."""
        idle = [key for key, writer in self._writers.items() if not writer.users]
        return [self._writers.pop(key) for key in idle[: max(0, len(self._writers) - kept)]]


def _close(writers: list[Writer]) -> None:
    for writer in writers:
        if writer.engine is not None:
            writer.engine.close()
            writer.engine = None


@st.cache_resource(show_spinner=False)
def writers() -> Writers:
    """Return this process's models, the same for every browser session."""
    return Writers()


def warm_up(run: Run, settings: DecodingSettings) -> None:
    """Load a run's models beside the page and write a token with each, so that the first question need not wait."""
    shared = writers()

    def load() -> None:
        with suppress(ShelftalkError), shared.writing(run, settings) as (engine, _):  # the question will meet it again
            for tuned in (False, True):
                engine.complete(prompt_for(run.name), tuned=tuned, settings=settings.replace({"max_new_tokens": 1}))

    threading.Thread(target=load, daemon=True, name="warm-up").start()
