"""Write in this process, or on the machines of a Ray cluster with the same resulting texts.

A worker opens engine and index once and reuses them. Each call gets what an engine in one process would compute
together: a whole window of a file of titles, or a batch of prompts of the reference engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from shelftalk.cluster.map import open_map
from shelftalk.generation.catalogue import Job, RemoteWriter, Window, write_window
from shelftalk.generation.choose import choose_engine, open_engine
from shelftalk.generation.engine import Engine, batches
from shelftalk.generation.entries import Entry
from shelftalk.records import Description, Map
from shelftalk.runs.folders import open_on_worker
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings

if TYPE_CHECKING:
    from shelftalk.retrieval.search import Index  # whose module loads Chroma


@dataclass(frozen=True)
class Opening:
    """Which engine to open, and for which run, on any machine with access to the workspace."""

    workspace: str
    run: str
    settings: DecodingSettings
    asked: str
    slots: int


@dataclass(frozen=True)
class Writers:
    """The writers of a run: an engine in this process, or with `mapped` those of a cluster's workers.

    `name` is that of the engine.
    """

    name: str
    run: Run
    opening: Opening
    mapped: Map | None
    say: Callable[[str], None]

    def engine(self) -> Engine:
        """Load an engine for any prompts."""
        if self.mapped:
            return ClusterEngine(self.name, self.opening, self.mapped)
        opening = self.opening
        return open_engine(self.run, opening.settings, opening.asked, opening.slots, self.say)

    def remote(self, job: Job) -> RemoteWriter | None:
        """Return the function that writes a job's windows on the workers, or None where this process writes."""
        return partial(self.mapped, partial(_write_window, self.opening, job)) if self.mapped else None


@contextmanager
def writers(
    run: Run,
    settings: DecodingSettings,
    asked: str,
    slots: int,
    cluster: str | None,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Writers]:
    """Yield the writers of a finished run; for `asked`, `settings` and `slots` see `choose.open_engine`.

    Without a `cluster` this process writes; otherwise its workers do, and one of them chooses the engine for all.

    Raises:
        InvalidSettings: see `choose.choose_engine`.
        NotFound: a machine of the cluster has no access to the workspace.
        MissingPackage, Unreachable, AccessDenied: see `cluster.connect.connected`.
    """
    opening = Opening(str(run.workspace.root.resolve()), run.name, settings, asked, slots)
    if cluster is None:
        yield Writers(choose_engine(run, settings, asked)[0], run, opening, None, say)
        return
    with open_map(cluster, "gpu or machine") as mapped:
        [name] = mapped(_choose, [opening])
        yield Writers(name, run, replace(opening, asked=name), mapped, say)


class ClusterEngine:
    """An engine that delegates to the workers of a cluster; see `engine.Engine`."""

    context = None  # the workers' engines check it

    def __init__(self, name: str, opening: Opening, mapped: Map) -> None:
        self.name, self._opening, self._map = name, opening, mapped

    def complete(
        self,
        prompt: str,
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_text: Callable[[str], None] | None = None,
    ) -> Description:
        """Complete one prompt; `on_text` gets the whole text at once."""
        [written] = self.complete_all([prompt], tuned=tuned, settings=settings)
        if on_text:
            on_text(written.text)
        return written

    def complete_all(
        self,
        prompts: Sequence[str],
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_description: Callable[[int, Description], None] | None = None,
    ) -> list[Description]:
        """Complete several prompts, those of similar length in one batch; see `Engine.complete_all`."""
        parts = batches(prompts)
        write = partial(_complete, self._opening, tuned, settings)
        found: dict[int, Description] = {}
        for part, texts in zip(
            parts, self._map(write, [[prompts[one] for one in part] for part in parts]), strict=True
        ):
            for number, text in zip(part, texts, strict=True):
                found[number] = text
                if on_description:
                    on_description(number, text)
        return [found[number] for number in range(len(prompts))]

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`; see `Engine.tokenize`."""
        [ids] = self._map(partial(_tokenize, self._opening), [text])
        return ids

    def close(self) -> None:
        """Do nothing: the workers end when the cluster is disconnected."""


def _choose(opening: Opening) -> str:
    return choose_engine(_run(opening), opening.settings, opening.asked)[0]


def _complete(opening: Opening, tuned: bool, settings: DecodingSettings, prompts: list[str]) -> list[Description]:
    return _engine(opening).complete_all(prompts, tuned=tuned, settings=settings)


def _tokenize(opening: Opening, text: str) -> list[int]:
    return _engine(opening).tokenize(text)


def _write_window(opening: Opening, job: Job, window: Window) -> dict[int, Entry]:
    written: dict[int, Entry] = {}
    index = _index(opening) if job.references else None
    write_window(job, window, _engine(opening), index, written.__setitem__)
    return written


def _run(opening: Opening) -> Run:
    return open_on_worker(opening.workspace, opening.run)


@cache
def _engine(opening: Opening) -> Engine:
    run = _run(opening)
    return open_engine(run, opening.settings, opening.asked, opening.slots)


@cache
def _index(opening: Opening) -> Index:
    from shelftalk.retrieval.search import open_search

    run = _run(opening)
    return open_search(run.index, run.workspace)
