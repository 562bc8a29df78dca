"""Baselines take no model, and no product is compared with itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shelftalk.evaluation.baselines import baselines, derange, unrelated_texts
from shelftalk.evaluation.likelihood import general_text
from shelftalk.evaluation.ways import BASELINES, TRUE
from shelftalk.records import Product, Reference

PEG = Product("1", "Oak Peg", "Holds a coat.", (("material", "oak"),))
TRAINED = [Product(str(number), f"Thing {number}", f"Text {number}.") for number in range(2, 9)]


@given(st.lists(st.integers(0, 50), min_size=2, max_size=60))
def test_a_derangement_gives_each_another_and_none_twice(lengths: list[int]) -> None:
    others = derange(lengths)
    assert sorted(others) == list(range(len(lengths)))
    assert all(other != own for own, other in enumerate(others))


def test_texts_of_neighbouring_lengths_are_swapped() -> None:
    assert derange([90, 10, 80, 12]) == [2, 3, 0, 1]
    assert derange([5, 6, 90]) == [1, 2, 0]


def test_each_baseline_has_its_text() -> None:
    bare = Product("9", "Rail", "Holds five coats.")
    references = [[Reference("2", "Thing 2", "Text 2.", 0.5)]] * 2
    found = baselines([PEG, bare], references, TRAINED)
    assert list(found) == [*BASELINES, TRUE]
    assert found["nearest_description"] == ["Text 2.", "Text 2."]
    assert set(found["random_description"]) <= {one.description for one in TRAINED}
    assert found["repeated_title"] == ["Oak Peg", "Rail"]
    assert found["listed_attributes"] == ["Oak Peg. Material: oak.", "Rail."]
    assert found[TRUE] == ["Holds a coat.", "Holds five coats."]
    assert "listed_attributes" not in baselines([bare], references[:1], TRAINED)


def test_unrelated_texts_are_as_long_as_asked_and_differ() -> None:
    lengths = [3, 5, 5_000, 2]
    texts = unrelated_texts(lengths)
    assert [len(text.split()) for text in texts] == lengths
    assert general_text()[0].startswith(texts[0])
    assert texts[1].split() == general_text()[0].split()[3:8]
