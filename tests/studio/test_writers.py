"""Models are loaded once, shared by all users, and closed only when they are not in use."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shelftalk.errors import Busy
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.models.embedders import MINILM, EmbedderId
from shelftalk.prompts import ENGLISH
from shelftalk.settings import DecodingSettings
from shelftalk.studio import writers
from shelftalk.studio.writers import Writers

if TYPE_CHECKING:
    from shelftalk.runs.run import Run

GREEDY = DecodingSettings(temperature=0.0, max_new_tokens=12)
# Selects transformers: with llama.cpp, rounding makes this random model's texts depend on parallel requests.
EXACT = GREEDY.replace({"repetition_penalty": 1.1})


class Watched(ScriptedEngine):
    """A scripted engine that records when it is closed."""

    def __init__(self) -> None:
        super().__init__(lambda prompt, tuned: "peg")
        self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Watched]:
    """The engines that were opened, in order; no model is loaded."""
    engines: list[Watched] = []

    def open_engine(*_: Any, **__: Any) -> Watched:
        engines.append(Watched())
        return engines[-1]

    monkeypatch.setattr(writers, "open_engine", open_engine)
    monkeypatch.setattr(writers, "open_index", lambda run: object())
    return engines


def other(run: Run, folder: Path) -> Run:
    """Return a link to the run's folder that counts as another finished run."""
    folder.symlink_to(run.folder, target_is_directory=True)
    return dataclasses.replace(run, name=folder.name, folder=folder)


def test_two_at_once_get_what_each_gets_alone(tiny_run: Run) -> None:
    pool, titles = Writers(), [product.title for product in tiny_run.products()[:2]]

    def write(title: str, tuned: bool) -> str:
        with pool.writing(tiny_run, EXACT) as (engine, index):
            assert index.search(title, 1)[0].title == title
            return engine.complete(ENGLISH.prompt_for(title), tuned=tuned, settings=EXACT).text

    wanted = [(title, tuned) for title in titles for tuned in (False, True)]
    alone = [write(*one) for one in wanted]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda one: write(*one), wanted * 3))
    pool.close()
    assert together == alone * 3


def test_a_model_is_loaded_once_for_parallel_users(tiny_run: Run, opened: list[Watched]) -> None:
    pool, barrier = Writers(), threading.Barrier(8)

    def use(_: int) -> int:
        barrier.wait()
        with pool.writing(tiny_run, GREEDY) as (engine, _index):
            return id(engine)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(use, range(8)))) == len(opened) == 1


def test_an_index_of_another_embedder_is_opened_again(
    tiny_run: Run, opened: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Writers()
    embedders = [MINILM, MINILM, EmbedderId("other/model", "commit")]
    found = []
    for embedder in embedders:
        monkeypatch.setattr(writers, "named_embedder", lambda folder, embedder=embedder: embedder)
        with pool.writing(tiny_run, GREEDY) as (_, index):
            found.append(index)
    assert found[0] is found[1] is not found[2]


def test_the_least_recently_used_is_closed_and_none_in_use(
    tiny_run: Run, opened: list[Watched], tmp_path: Path
) -> None:
    pool = Writers(kept=1)
    second, third = other(tiny_run, tmp_path / "second"), other(tiny_run, tmp_path / "third")
    with pool.writing(tiny_run, GREEDY):
        with pool.writing(second, GREEDY), pool.writing(third, GREEDY):
            assert not any(engine.closed for engine in opened)
        assert [engine.closed for engine in opened] == [False, True, True]
    with pool.writing(tiny_run, GREEDY):
        assert len(opened) == 3  # it was still loaded
    pool.close()
    assert [engine.closed for engine in opened] == [True, True, True]


def test_a_failed_load_is_retried(tiny_run: Run, opened: list[Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Writers()

    def refuse(*_: Any, **__: Any) -> Any:
        raise Busy("in use")

    with monkeypatch.context() as patched:
        patched.setattr(writers, "open_engine", refuse)
        with pytest.raises(Busy), pool.writing(tiny_run, GREEDY):
            pass
    with pool.writing(tiny_run, GREEDY):
        assert len(opened) == 1
