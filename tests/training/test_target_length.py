"""Some prompts say how long their description is, and half of those descriptions are shortened."""

from __future__ import annotations

import pytest

from shelftalk.models import tiny
from shelftalk.prompts import length_line, prompt_for, request_of
from shelftalk.records import Product
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import encode_products
from shelftalk.training.target_length import with_length

SENTENCES = [f"This is sentence {number} of this long text." for number in range(6)]  # of 8 words
ATTRIBUTES = (("material", "oak"), ("length", "9 cm"))
PEGS = [Product(str(number), "Oak Peg", " ".join(SENTENCES), ATTRIBUTES) for number in range(2000)]


def test_a_seeded_share_has_its_length_in_the_prompt_and_half_of_these_are_shortened() -> None:
    found = [with_length(one, 0.3, 42) for one in PEGS]
    asked = [one for one in found if one.attributes != ATTRIBUTES]
    assert 500 < len(asked) < 700
    assert [one for one in found if one.attributes == ATTRIBUTES] == [
        PEGS[int(one.uid)] for one in found if one not in asked
    ]
    short = [one for one in asked if one.description != PEGS[0].description]
    assert 0.4 < len(short) / len(asked) < 0.6
    assert {one.description for one in short} == {" ".join(SENTENCES[:kept]) for kept in range(1, 6)}
    assert found == [with_length(one, 0.3, 42) for one in PEGS]
    assert found != [with_length(one, 0.3, 43) for one in PEGS]
    assert [with_length(one, 0, 42) for one in PEGS[:100]] == PEGS[:100]


def test_the_number_is_that_of_the_words_that_are_left_to_the_nearest_five() -> None:
    for one in (with_length(one, 1, 42) for one in PEGS[:200]):
        words = len(one.description.split())
        assert one.attributes == (*ATTRIBUTES, length_line({8: 10, 16: 15, 24: 25, 32: 30, 40: 40, 48: 50}[words]))


def test_use_asks_for_a_length_as_training_does() -> None:
    long = with_length(PEGS[0], 1, 42)
    asked = int(long.attributes[-1][1].removeprefix("about "))
    assert prompt_for(request_of(long)) == prompt_for(request_of(PEGS[0]), asked)
    assert "\nwords: about 60\n\nProduct" in prompt_for("Oak Peg\n", 60)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_examples_of_a_run_say_their_length(share: float) -> None:
    _, tokenizer = tiny.make()
    [example] = encode_products(tokenizer, PEGS[:1], TrainingSettings(base_model="tiny", length_share=share))
    assert ("words: about" in tokenizer.decode(example.ids[: example.prompt_length])) == bool(share)
