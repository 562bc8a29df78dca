"""Measures against what they are defined as."""

from __future__ import annotations

import math

import pytest
import torch

from shelftalk.evaluation.evaluate import bits_of_products, evaluate
from shelftalk.evaluation.metrics import bits_per_byte, chrf, mean_words
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import adapter_off
from shelftalk.models.tokens import encode_prompt
from shelftalk.records import Product
from shelftalk.settings import DecodingSettings
from shelftalk.training.run import Run

SHORT = DecodingSettings(max_new_tokens=16)


@pytest.fixture(scope="module")
def engine(tiny_run: Run) -> TransformersEngine:
    return TransformersEngine.load(tiny_run)


def test_bits_per_byte_of_a_fair_coin() -> None:
    assert bits_per_byte(8 * math.log(2), 1) == pytest.approx(8)


def test_chrf_is_full_for_the_same_and_none_for_nothing() -> None:
    assert chrf(["Holds a coat."], ["Holds a coat."]) == pytest.approx(100)
    assert chrf(["zzz"], ["Holds a coat."]) == 0


def test_mean_words_counts_words_of_any_script() -> None:
    assert mean_words(["crème brûlée", "два слова и ещё"]) == 3


@pytest.mark.parametrize("tuned", [False, True])
def test_bits_per_byte_equals_the_models_own_probabilities(engine: TransformersEngine, tuned: bool) -> None:
    product = Product("1", "Oak peg", "Holds a café coat.")
    prompt = encode_prompt(engine.tokenizer, product.title)
    text = engine.tokenizer(product.description, add_special_tokens=False)["input_ids"]
    ids = torch.tensor([prompt + text])
    with torch.no_grad():
        if tuned:
            logits = engine.model(input_ids=ids).logits
        else:
            with adapter_off(engine.model):
                logits = engine.model(input_ids=ids).logits
    log_probabilities = logits[0, len(prompt) - 1 : -1].float().log_softmax(-1)
    nats = -log_probabilities[range(len(text)), text].sum().item()
    expected = nats / math.log(2) / len(product.description.encode())
    assert bits_of_products(engine, [product], 512, tuned) == pytest.approx(expected, rel=1e-2)


def test_evaluation_has_the_shape_others_script_against(tiny_run: Run, engine: TransformersEngine) -> None:
    seen: list[tuple[int, int]] = []
    result = evaluate(tiny_run, engine, SHORT, progress=lambda done, total: seen.append((done, total)))
    held_out = tiny_run.catalogue().count("test")
    assert result["split"] == "test"
    assert result["n"] == held_out
    for side in ("base", "tuned"):
        assert set(result[side]) == {"bits_per_byte", "chrf", "stop_rate", "mean_words", "repetition"}
    assert result["tuned"]["bits_per_byte"] < result["base"]["bits_per_byte"]
    assert seen[-1] == (4 * held_out, 4 * held_out)


def test_no_held_out_product_was_trained_on(tiny_run: Run) -> None:
    trained = {product.uid for product in tiny_run.products()}
    assert trained
    assert not trained & {product.uid for product in tiny_run.catalogue().products("test")}
