"""Test the reference engine: the untuned side is the base model, ends of texts, streaming, seeds, repetition."""

from __future__ import annotations

import pytest
import torch

from shelftalk.errors import Damaged, NotFound
from shelftalk.generation.engine import BATCH, batches
from shelftalk.generation.flags import repetition
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models import tiny
from shelftalk.models.adapters import adapter_off, load_adapter
from shelftalk.models.load import load_model
from shelftalk.models.tokens import encode_prompt
from shelftalk.prompts import ENGLISH
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from tests.generation.contract import (
    check_that_an_exception_of_the_callback_stops_the_text,
    check_that_no_text_passes_the_models_positions,
    check_that_only_stated_digits_are_written_on_request,
)

SHORT = DecodingSettings(max_new_tokens=24, temperature=0, repetition_penalty=1)


@pytest.fixture(scope="module")
def engine(tiny_run: Run) -> TransformersEngine:
    return TransformersEngine.load(tiny_run)


@pytest.mark.exact
def test_the_untuned_side_is_the_base_model_to_the_bit(tiny_run: Run, engine: TransformersEngine) -> None:
    base, tokenizer = load_model(tiny_run.base_model().folder, tiny_run.precision)
    ids = torch.tensor([encode_prompt(tokenizer, ENGLISH, "Oak peg 3 cm")])
    with torch.no_grad():
        untouched = base(input_ids=ids).logits
        with adapter_off(engine.model):
            before = engine.model(input_ids=ids).logits
        after = engine.model(input_ids=ids).logits
    assert torch.equal(before, untouched)
    assert not torch.equal(after, untouched)


def test_before_and_after_differ_and_alternate_cleanly(engine: TransformersEngine) -> None:
    before = engine.complete(ENGLISH.prompt_for("Oak peg 3 cm"), tuned=False, settings=SHORT)
    after = engine.complete(ENGLISH.prompt_for("Oak peg 3 cm"), tuned=True, settings=SHORT)
    assert before.text != after.text
    assert engine.complete(ENGLISH.prompt_for("Oak peg 3 cm"), tuned=False, settings=SHORT) == before


def test_streamed_pieces_are_the_text(engine: TransformersEngine) -> None:
    counts = []
    for seed in range(6):  # text is streamed word by word, and the tiny model writes few spaces
        pieces: list[str] = []
        settings = DecodingSettings(max_new_tokens=60, temperature=1, seed=seed)
        written = engine.complete(
            ENGLISH.prompt_for("Oak peg 3 cm"), tuned=True, settings=settings, on_text=pieces.append
        )
        assert "".join(pieces).strip() == written.text
        counts.append(len(pieces))
    assert max(counts) > 1


def test_a_batch_keeps_the_order_of_the_prompts(engine: TransformersEngine) -> None:
    requests = [f"Oak peg {number} cm" + " and more" * (number % 3) for number in range(20)]
    together = engine.complete_all([ENGLISH.prompt_for(one) for one in requests], tuned=True, settings=SHORT)
    assert len(together) == 20
    # Left padding must not change a text. Most must agree, not all: bf16 rounding may swap almost equal tokens.
    alone = [engine.complete(ENGLISH.prompt_for(request), tuned=True, settings=SHORT) for request in requests]
    same = sum(one.text == other.text for one, other in zip(together, alone, strict=True))
    assert same >= 15


def test_sampling_is_seeded(engine: TransformersEngine) -> None:
    def write(seed: int) -> str:
        settings = DecodingSettings(max_new_tokens=24, temperature=1.0, top_p=1.0, seed=seed)
        return engine.complete(ENGLISH.prompt_for("Oak peg"), tuned=True, settings=settings).text

    state = torch.random.get_rng_state()
    assert write(1) == write(1)
    assert write(1) != write(2)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_end_token_ends_a_text(engine: TransformersEngine) -> None:
    eos = engine.tokenizer.eos_token_id
    text = engine.tokenizer("Holds a coat.", add_special_tokens=False)["input_ids"]
    stopped = engine._description([*text, eos, eos, 40])
    assert (stopped.text, stopped.stopped, stopped.tokens) == ("Holds a coat.", True, len(text))
    assert not engine._description(text).stopped


def test_no_repeated_runs_on_request(engine: TransformersEngine) -> None:
    free = DecodingSettings(max_new_tokens=60, temperature=0, repetition_penalty=1)
    barred = free.replace({"no_repeat_ngram": 3})
    plain = engine.complete(ENGLISH.prompt_for("Oak peg"), tuned=True, settings=free)
    ids = engine.tokenizer(plain.text, add_special_tokens=False)["input_ids"]
    assert len({tuple(ids[at : at + 3]) for at in range(len(ids) - 2)}) < len(ids) - 2  # without the setting it loops
    held = engine.complete(ENGLISH.prompt_for("Oak peg"), tuned=True, settings=barred)
    assert held.text != plain.text


def test_repetition_counts_word_runs() -> None:
    assert repetition("a b c d e f g h") == 0
    assert repetition("a b c d a b c d a b c d") == pytest.approx(1 - 4 / 9)
    assert repetition("short") == 0


def test_an_unfinished_run_or_a_damaged_adapter_is_refused(tiny_run: Run, tmp_path) -> None:
    import shutil

    with pytest.raises(NotFound, match="There is no adapter"):
        load_adapter(tiny.make()[0], tmp_path / "none")
    shutil.copytree(tiny_run.adapter, tmp_path / "adapter")
    weights = tmp_path / "adapter" / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(Damaged, match=r"adapter_model\.safetensors has another SHA-256"):
        load_adapter(tiny.make()[0], tmp_path / "adapter")


def test_a_models_own_decoding_defaults_do_not_leak_in() -> None:
    model, tokenizer = tiny.make()
    plain = TransformersEngine(model, tokenizer).complete(ENGLISH.prompt_for("Oak peg"), tuned=True, settings=SHORT)
    model, tokenizer = tiny.make()
    model.generation_config.repetition_penalty = 5.0
    assert (
        TransformersEngine(model, tokenizer).complete(ENGLISH.prompt_for("Oak peg"), tuned=True, settings=SHORT)
        == plain
    )


def test_half_a_surrogate_pair_is_no_reason_to_fail(engine: TransformersEngine) -> None:
    assert engine.complete(ENGLISH.prompt_for("Oak \udce9 peg"), tuned=True, settings=SHORT).tokens


def test_no_text_passes_the_models_positions(engine: TransformersEngine) -> None:
    check_that_no_text_passes_the_models_positions(engine)


def test_only_stated_digits_are_written_on_request(engine: TransformersEngine) -> None:
    check_that_only_stated_digits_are_written_on_request(engine)


def test_an_exception_of_the_callback_stops_the_text_immediately(engine: TransformersEngine) -> None:
    check_that_an_exception_of_the_callback_stops_the_text(engine, tuned=True, longest=400)


def test_a_batch_holds_prompts_of_like_length() -> None:
    prompts = ["x" * (number * 7 % 40) for number in range(2 * BATCH + 3)]
    found = batches(prompts)
    assert [len(batch) for batch in found] == [BATCH, BATCH, 3]
    assert sorted(number for batch in found for number in batch) == list(range(len(prompts)))
    lengths = [len(prompts[number]) for batch in found for number in batch]
    assert lengths == sorted(lengths)
    assert batches([]) == []
