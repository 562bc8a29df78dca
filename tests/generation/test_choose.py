"""Test the choice of the engine, and its reason."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shelftalk.errors import InvalidSettings, NotFound, NotWritable
from shelftalk.generation import choose
from shelftalk.generation.choose import choose_engine, choose_for_machine, open_engine
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings

pytestmark = pytest.mark.skipif(choose._has_gpu(), reason="says what a machine without a GPU does")


def test_a_cpu_takes_llama_cpp(tiny_run: Run) -> None:
    assert choose_engine(tiny_run) == ("llama.cpp", "the fastest on a CPU")
    assert choose_for_machine() == ("llama.cpp", "the fastest on a CPU")
    assert choose_engine(tiny_run, asked="transformers") == ("transformers", "requested")
    opened = [open_engine(tiny_run, asked=name) for name in ("automatic", "llama.cpp", "transformers")]
    assert [engine.name for engine in opened] == ["llama.cpp", "llama.cpp", "transformers"]
    for engine in opened:
        engine.close()


def test_what_llama_cpp_cannot_do_exactly_goes_to_transformers(tiny_run: Run) -> None:
    penalty = DecodingSettings(repetition_penalty=1.2)
    name, why = choose_engine(tiny_run, penalty)
    assert (name, "repetition_penalty" in why) == ("transformers", True)
    with pytest.raises(InvalidSettings, match="repetition_penalty"):
        choose_engine(tiny_run, penalty, "llama.cpp")


def test_without_the_wheel_or_what_it_needs_transformers_writes(tiny_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shelftalk.generation.llama_cpp_engine", None)
    name, why = choose_engine(tiny_run)
    assert (name, "xllamacpp cannot be loaded" in why) == ("transformers", True)
    with pytest.raises(InvalidSettings, match="cannot be loaded"):
        choose_engine(tiny_run, asked="llama.cpp")


def test_what_cannot_be_converted_after_all_is_written_by_transformers(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise NotWritable("the disk is full")

    heard: list[str] = []
    monkeypatch.setattr("shelftalk.generation.llama_cpp_engine.find_base", full)
    engine = open_engine(tiny_run, say=heard.append)
    assert engine.name == "transformers"
    assert heard == ["transformers writes instead of llama.cpp: the disk is full"]
    with pytest.raises(NotWritable):
        open_engine(tiny_run, asked="llama.cpp")


def test_an_unknown_engine_and_an_unfinished_run_are_refused(tiny_run: Run, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"automatic, llama\.cpp, transformers, got 'vllm'"):
        choose_engine(tiny_run, asked="vllm")
    with pytest.raises(NotFound, match="has not finished"):
        open_engine(replace(tiny_run, folder=tmp_path))
