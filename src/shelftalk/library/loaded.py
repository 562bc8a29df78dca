"""What a run keeps in memory between calls: one engine, and the index of its references."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from shelftalk.library.arguments import say
from shelftalk.settings import DecodingSettings

if TYPE_CHECKING:
    from shelftalk.generation.engine import Engine
    from shelftalk.retrieval.search import Index
    from shelftalk.runs.run import Run


class Loaded:
    """The engine and the index of a finished run, each loaded when it is first needed, until `close`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = RLock()
        self._engine: Engine | None = None
        self._kind: tuple[str, int] = ("", 0)  # the engine that was chosen, and how many texts it writes at once
        self._index: Index | None = None

    @contextmanager
    def engine(self, settings: DecodingSettings, slots: int) -> Iterator[Engine]:
        """Yield the loaded engine, or another if that cannot write so, or fewer than `slots` texts at once.

        Other threads wait until the block ends: they might need another engine, or close this one.

        Raises:
            NotFound: the run has not finished.
        """
        from shelftalk.generation.choose import choose_engine, open_engine

        self._run.require_finished()
        with self._lock:
            name, _ = choose_engine(self._run, settings)
            loaded, most = self._kind
            if self._engine is not None and (name != loaded or slots > most):
                self._close_engine()
            if self._engine is None:
                self._engine, self._kind = open_engine(self._run, settings, slots=slots, say=say), (name, slots)
            yield self._engine

    def index(self) -> Index:
        """Return the index, which is built where it is missing.

        Raises:
            NotFound: the run has not finished.
        """
        from shelftalk.pipeline import open_index

        self._run.require_finished()
        with self._lock:
            if self._index is None:
                self._index = open_index(self._run)
            return self._index

    def close(self) -> None:
        """Free both, when no thread writes any more."""
        with self._lock:
            self._index = None
            self._close_engine()

    def _close_engine(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
