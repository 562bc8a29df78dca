"""A cache of loaded models for the pages: shared by all browsers, closed when other models need the space."""

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
from shelftalk.retrieval.pointer import named_embedder
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import MANIFEST, sha256

if TYPE_CHECKING:
    from shelftalk.retrieval.search import Index

KEPT = 2  # runs whose models stay loaded
SLOTS = 2  # parallel answers of each model of a run: two browsers

Key = tuple[str, ...]


@dataclass
class Writer:
    """A run's engine and index; the lock `loading` is held while they are loaded, `users` counts their users."""

    engine: Engine | None = None
    index: Index | None = None
    users: int = 0
    loading: threading.Lock = field(default_factory=threading.Lock)


class Writers:
    """The runs whose models are loaded: at most `kept`, or more while more are in use."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._writers: OrderedDict[Key, Writer] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def writing(self, run: Run, settings: DecodingSettings) -> Iterator[tuple[Engine, Index]]:
        """Yield a finished run's engine, chosen by `settings`, and its index, which stay open during the block.

        Several threads may use them in parallel. If the block fails, the models are loaded again for the next caller:
        their files may have been repaired meanwhile.

        Raises:
            NotFound: the run has not finished.
        """
        run.require_finished()
        # The embedder too: another process may have indexed the run with another one meanwhile.
        identity = sha256(run.adapter / MANIFEST), *named_embedder(run.index)
        key = (str(run.folder), *identity, choose_engine(run, settings)[0])
        writer = self._acquire(key)
        try:
            with writer.loading:  # a second caller waits until the first has loaded them
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
            self._release(key, writer)

    def close(self) -> None:
        """Close all models that are not in use."""
        with self._lock:
            evicted = self._evict(0)
        _close(evicted)

    def _acquire(self, key: Key) -> Writer:
        """Return the writer of `key`, after closing unused ones beyond the limit."""
        with self._lock:
            evicted = [] if key in self._writers else self._evict(self._kept - 1)
            writer = self._writers.setdefault(key, Writer())
            self._writers.move_to_end(key)
            writer.users += 1
        _close(evicted)
        return writer

    def _release(self, key: Key, writer: Writer) -> None:
        with self._lock:
            writer.users -= 1
            evicted = self._evict(self._kept)
            if self._writers.get(key) is not writer and not writer.users:
                evicted.append(writer)
        _close(evicted)

    def _evict(self, kept: int) -> list[Writer]:
        """Remove the least recently used idle writers beyond `kept` and return them; the caller must hold the lock."""
        idle = [key for key, writer in self._writers.items() if not writer.users]
        return [self._writers.pop(key) for key in idle[: max(0, len(self._writers) - kept)]]


def _close(writers: list[Writer]) -> None:
    for writer in writers:
        if writer.engine is not None:
            writer.engine.close()
            writer.engine = None


@st.cache_resource(show_spinner=False)
def writers() -> Writers:
    """Return the cache of this process, shared by all browser sessions."""
    return Writers()


def warm_up(run: Run, settings: DecodingSettings) -> None:
    """Load a run's models in a thread and generate a token with each, so that the first question is fast."""
    shared = writers()

    def load() -> None:
        with (
            suppress(ShelftalkError),
            shared.writing(run, settings) as (engine, _),
        ):  # the question shows it
            for tuned in (False, True):
                prompt = run.template.prompt_for(run.name)
                engine.complete(prompt, tuned=tuned, settings=settings.replace({"max_new_tokens": 1}))

    threading.Thread(target=load, daemon=True, name="warm-up").start()
