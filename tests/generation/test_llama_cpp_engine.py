"""Test the llama.cpp engine: the untuned side is the base model, batches, ends of texts, seeds, threads, socket."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shelftalk.errors import Damaged, Failure, InvalidSettings
from shelftalk.generation.llama_cpp_engine import SAMPLES, LlamaCppEngine, check_tokenizer
from shelftalk.generation.parity import LlamaCppRunner, TransformersRunner, measure_parity
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import load_adapter
from shelftalk.models.gguf_files import find_base, write_gguf
from shelftalk.models.load import load_model
from shelftalk.models.tokens import encode_text
from shelftalk.prompts import ENGLISH
from shelftalk.records import Description
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from tests.generation.contract import (
    check_that_an_exception_of_the_callback_stops_the_text,
    check_that_no_text_passes_the_models_positions,
    check_that_only_stated_digits_are_written_on_request,
)

GREEDY = DecodingSettings(max_new_tokens=24, temperature=0)
SAMPLED = DecodingSettings(max_new_tokens=24, temperature=1.0, top_k=40)
PEG = ENGLISH.prompt_for("Oak peg 3 cm")
PROMPTS = [ENGLISH.prompt_for(f"Oak peg {number} cm" + " and more" * (number % 3)) for number in range(12)]


@pytest.fixture(scope="module")
def engine(tiny_run: Run) -> Iterator[LlamaCppEngine]:
    loaded = LlamaCppEngine.load(tiny_run, slots=4)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def unquantized(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCppEngine]:
    folder = tmp_path_factory.mktemp("gguf")
    base = tiny_run.base_model().folder
    write_gguf(base, folder / "base.gguf", "f32")
    write_gguf(base, folder / "tuned.gguf", "f32", tiny_run.adapter)
    loaded = LlamaCppEngine(folder / "base.gguf", folder / "tuned.gguf")
    yield loaded
    loaded.close()


@pytest.mark.exact
@pytest.mark.parametrize("tuned", [False, True])
def test_unquantized_it_says_what_transformers_says(tiny_run: Run, unquantized: LlamaCppEngine, tuned: bool) -> None:
    model, tokenizer = load_model(tiny_run.base_model().folder, "fp32")
    reference = TransformersRunner(load_adapter(model, tiny_run.adapter) if tuned else model, tokenizer)
    found = measure_parity(reference, LlamaCppRunner(unquantized, tuned), PROMPTS)
    assert found.same_tokens
    assert found.worst_divergence < 1e-5
    assert found.agreement > 0.99
    assert found.worst_margin < 1e-3  # where it chose another token, both were almost equally probable


@pytest.mark.exact
def test_its_texts_equal_those_of_the_reference(tiny_run: Run, unquantized: LlamaCppEngine) -> None:
    model, tokenizer = load_model(tiny_run.base_model().folder, "fp32")
    reference = TransformersEngine(load_adapter(model, tiny_run.adapter), tokenizer)
    same = 0
    for prompt in PROMPTS:
        ours = unquantized.complete(prompt, tuned=True, settings=GREEDY)
        theirs = reference.complete(prompt, tuned=True, settings=GREEDY)
        same += ours == theirs
    assert same >= len(PROMPTS) - 1  # one may differ where two tokens are almost equally probable


@pytest.mark.exact
def test_the_untuned_side_is_the_base_model_to_the_last_bit(tiny_run: Run, engine: LlamaCppEngine) -> None:
    base = LlamaCppEngine(find_base(tiny_run.base_model(), tiny_run.workspace, lambda _: None), None)
    ids = base.tokenize(PEG)
    alone = base.next_token(ids, tuned=False, count=200)
    base.close()
    assert engine.next_token(ids, tuned=True, count=200) != alone
    assert engine.next_token(ids, tuned=False, count=200) == alone


@pytest.mark.exact
def test_many_are_the_same_as_one_at_a_time(engine: LlamaCppEngine) -> None:
    alone = [engine.complete(prompt, tuned=True, settings=GREEDY) for prompt in PROMPTS]
    heard: dict[int, str] = {}
    together = engine.complete_all(
        PROMPTS, tuned=True, settings=GREEDY, on_description=lambda number, one: heard.update({number: one.text})
    )
    assert together == alone
    assert heard == {number: one.text for number, one in enumerate(alone)}


def test_servers_share_many_slots_and_write_the_same(
    tiny_run: Run, engine: LlamaCppEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelftalk.generation.llama_cpp_engine.core_count", lambda: 2)
    many = LlamaCppEngine.load(tiny_run, slots=8)
    try:
        together = many.complete_all(PROMPTS, tuned=True, settings=GREEDY)
        assert together == [engine.complete(prompt, tuned=True, settings=GREEDY) for prompt in PROMPTS]
        assert set(many._servers) == {(True, 0), (True, 1)}
        with many._least_busy(True) as first, many._least_busy(True) as second:
            assert first is not second
        assert not +many._running
        assert many.context == engine.context
    finally:
        many.close()


@pytest.mark.parametrize("first", [False, True])
def test_the_other_model_is_loaded_while_one_writes(tiny_run: Run, engine: LlamaCppEngine, first: bool) -> None:
    single = LlamaCppEngine.load(tiny_run)
    try:
        assert set(single._servers) == {(False, 0)}
        written = single.complete(PEG, tuned=first, settings=GREEDY)
        assert set(single._servers) == {(False, 0), (True, 0)}
        assert written == engine.complete(PEG, tuned=first, settings=GREEDY)
        assert single.complete(PEG, tuned=not first, settings=GREEDY) == engine.complete(
            PEG, tuned=not first, settings=GREEDY
        )
    finally:
        single.close()


def test_a_text_is_written_to_its_end_though_the_engine_is_closed_meanwhile(
    tiny_run: Run, engine: LlamaCppEngine
) -> None:
    single = LlamaCppEngine.load(tiny_run)
    written = single.complete(PEG, tuned=True, settings=GREEDY, on_text=lambda piece: single.close())
    assert written == engine.complete(PEG, tuned=True, settings=GREEDY)
    assert not single._servers


def test_sampling_is_seeded_by_the_prompt_alone_up_to_rounding(engine: LlamaCppEngine) -> None:
    alone = [engine.complete(prompt, tuned=True, settings=SAMPLED) for prompt in PROMPTS]
    assert [engine.complete(prompt, tuned=True, settings=SAMPLED) for prompt in PROMPTS] == alone
    together = engine.complete_all(PROMPTS, tuned=True, settings=SAMPLED)
    # Matrix products of several rows round differently, and sampling may choose another token.
    assert sum(one == other for one, other in zip(together, alone, strict=True)) >= len(PROMPTS) // 2
    other = engine.complete(PROMPTS[0], tuned=True, settings=SAMPLED.replace({"seed": 7}))
    assert other.text != alone[0].text


def test_streamed_pieces_are_the_text(engine: LlamaCppEngine) -> None:
    pieces: list[str] = []
    written = engine.complete(PEG, tuned=True, settings=SAMPLED, on_text=pieces.append)
    assert "".join(pieces).strip() == written.text
    assert len(pieces) > 3


def test_a_text_ends_where_the_model_ends_it(engine: LlamaCppEngine) -> None:
    long = GREEDY.replace({"max_new_tokens": 200})
    for prompt in PROMPTS:
        ids = engine.tokenize(prompt)
        written = engine.complete(prompt, tuned=True, settings=long)
        tokens = engine.greedy(ids, tuned=True, count=200)
        assert written.stopped == (tokens[-1] == 1)  # the end token, which does not belong to the text
        assert written.tokens == len(tokens) - written.stopped
        assert 1 not in tokens[:-1]
    sampled = long.replace({"temperature": 1.0})
    drawn = [engine.complete(prompt, tuned=True, settings=sampled) for prompt in PROMPTS]
    assert any(one.stopped and 0 < one.tokens < 200 for one in drawn)  # the likeliest tokens of so small a model go on
    short = engine.complete(PEG, tuned=True, settings=GREEDY.replace({"max_new_tokens": 3}))
    assert (short.stopped, short.tokens) == (False, 3)


def test_no_text_passes_the_models_positions(engine: LlamaCppEngine) -> None:
    check_that_no_text_passes_the_models_positions(engine)


def test_only_stated_digits_are_written_on_request(engine: LlamaCppEngine) -> None:
    check_that_only_stated_digits_are_written_on_request(engine)


def test_an_exception_of_the_callback_stops_the_text_immediately(engine: LlamaCppEngine) -> None:
    check_that_an_exception_of_the_callback_stops_the_text(engine, tuned=False, longest=900)


def test_an_exception_for_one_description_stops_the_others(
    engine: LlamaCppEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete, whole = engine.complete, list[Description]()

    def noted(prompt: str, **options: Any) -> Description:
        whole.append(complete(prompt, **options))
        return whole[-1]

    def refuse(number: int, _: object) -> None:
        raise RuntimeError(number)

    monkeypatch.setattr(engine, "complete", noted)
    endless = DecodingSettings(max_new_tokens=900, temperature=0)
    prompts = [PROMPTS[0], *PROMPTS] * 3
    with pytest.raises(RuntimeError):
        engine.complete_all(prompts, tuned=True, settings=endless, on_description=refuse)
    assert len(whole) < len(prompts)


def test_threads_ask_for_both_sides_at_once(engine: LlamaCppEngine) -> None:
    alone = {side: engine.complete(PEG, tuned=side, settings=GREEDY) for side in (False, True)}
    found: list[bool] = []

    def ask(side: bool) -> None:
        found.append(engine.complete(PEG, tuned=side, settings=GREEDY) == alone[side])

    threads = [threading.Thread(target=ask, args=(number % 2 == 0,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8


def test_control_tokens_in_data_are_plain_characters(engine: LlamaCppEngine, tiny_run: Run) -> None:
    tokenizer = load_model(tiny_run.base_model().folder, "fp32")[1]
    for text in (*SAMPLES, "Oak \udce9 peg"):
        assert engine.tokenize(text) == encode_text(tokenizer, text)
    assert not set(engine.tokenize("<start_of_turn><eos>")[1:]) & set(range(6))


def test_a_conversion_with_another_tokenization_is_detected(tiny_run: Run, tmp_path: Path) -> None:
    model, tokenizer = load_model(tiny_run.base_model().folder, "fp32")
    model.save_pretrained(tmp_path / "other")
    tokenizer.save_pretrained(tmp_path / "other")
    file = tmp_path / "other" / "tokenizer.json"
    write_gguf(tiny_run.base_model().folder, tmp_path / "base.gguf", "f32")
    check_tokenizer(tmp_path / "base.gguf", tmp_path / "other")
    text = file.read_text()
    a, b = (f'"{letter}": {tokenizer.convert_tokens_to_ids(letter)}' for letter in "ab")
    swapped = (
        text.replace(a, "placeholder")
        .replace(b, b.replace('"b"', '"a"'))
        .replace("placeholder", a.replace('"a"', '"b"'))
    )
    assert swapped != text
    file.write_text(swapped)
    with pytest.raises(Damaged, match="reads"):
        check_tokenizer(tmp_path / "base.gguf", tmp_path / "other")


def test_invalid_calls_are_refused(engine: LlamaCppEngine, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="repetition_penalty"):
        engine.complete(PEG, tuned=True, settings=GREEDY.replace({"repetition_penalty": 1.2}))
    with pytest.raises(InvalidSettings, match="no_repeat_ngram"):
        engine.complete(PEG, tuned=True, settings=GREEDY.replace({"no_repeat_ngram": 3}))
    with pytest.raises(InvalidSettings, match="at most 1024"):
        engine.complete("peg " * 1300, tuned=True, settings=GREEDY)
    (tmp_path / "no.gguf").write_bytes(b"GGUF, or not")
    with pytest.raises(Damaged, match=r"no\.gguf"):
        LlamaCppEngine(tmp_path / "no.gguf", None).tokenize("x")
    with pytest.raises(InvalidSettings, match="no tuned model"):
        LlamaCppEngine(tmp_path / "no.gguf", None).complete(PEG, tuned=True, settings=GREEDY)


def test_a_closed_engine_stays_closed(tiny_run: Run) -> None:
    closed = LlamaCppEngine.load(tiny_run)
    closed.close()
    with pytest.raises(Failure, match="was closed"):
        closed.complete(PEG, tuned=True, settings=GREEDY)
    assert not Path(closed._folder.name).exists()


def test_it_listens_on_no_port_and_its_socket_wants_the_key(engine: LlamaCppEngine) -> None:
    import psutil  # type: ignore[import-untyped]

    listening = [one for one in psutil.Process().net_connections("inet") if one.status == psutil.CONN_LISTEN]
    assert listening == []
    assert (Path(engine._folder.name).stat().st_mode & 0o777) == 0o700
    engine_key, engine._key = engine._key, "wrong"
    try:
        with pytest.raises(Exception, match=r"[Kk]ey"):
            engine.tokenize("x")
    finally:
        engine._key = engine_key


def test_an_answer_loads_neither_torch_nor_transformers(tiny_run: Run) -> None:
    program = (
        "import sys\n"
        "from shelftalk import pipeline\n"
        "from shelftalk.settings import DecodingSettings\n"
        "from shelftalk.runs.run import Run\n"
        "from shelftalk.workspace import Workspace\n"
        "run = Run.open(Workspace(sys.argv[1]), 'pegs')\n"
        "answer = pipeline.ask(run, 'Oak peg 3 cm', DecodingSettings(max_new_tokens=8))\n"
        "assert answer.references\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    LlamaCppEngine.load(tiny_run).close()  # the conversion needs torch
    subprocess.run([sys.executable, "-c", program, str(tiny_run.workspace.root)], check=True, timeout=120)
