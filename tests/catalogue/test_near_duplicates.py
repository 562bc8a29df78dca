"""Near-duplicate descriptions, compared with exact Jaccard similarities."""

from __future__ import annotations

import random
import tracemalloc
from hashlib import sha256

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.near_duplicates import draw_pairs, exact_similarity, linked_pairs
from benchmarks.spans import draw_descriptions
from shelftalk.catalogue.clean import comparables
from shelftalk.catalogue.near_duplicates import BANDS, BYTES_AT_ONCE, near_groups, signatures, similarity

TEXTS = draw_descriptions(3_000, np.random.default_rng(5))


def signed(texts: list[str]) -> NDArray[np.uint32]:
    return signatures(comparables(texts))


def linked(one: str, other: str) -> bool:
    first, second = near_groups(signed([one, other])).tolist()
    assert first == 0
    return bool(second == 0)


def partition(groups: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)}


@pytest.mark.parametrize("count", [3_000, pytest.param(6_000, marks=pytest.mark.slow)])
def test_pairs_of_a_similarity_of_eight_tenths_are_found_and_others_are_not(count: int) -> None:
    pairs = draw_pairs(TEXTS, count, np.random.default_rng(1))
    exact = np.array([pair.similarity for pair in pairs])
    found = linked_pairs(pairs)
    assert found[exact >= 0.8].mean() >= 0.98
    assert found[(exact >= 0.79) & (exact <= 0.81)].mean() >= 0.95
    assert ((exact >= 0.79) & (exact <= 0.81)).sum() >= 50
    assert found[exact < 0.65].mean() <= 0.002
    assert (exact < 0.65).sum() > 1_000


def test_signatures_estimate_the_similarity_without_bias() -> None:
    pairs = draw_pairs(TEXTS, 2_000, np.random.default_rng(2))
    exact = np.array([pair.similarity for pair in pairs])
    both = signed([text for pair in pairs for text in (pair.one, pair.other)])
    error = similarity(both, np.arange(0, len(both), 2), np.arange(1, len(both), 2)) - exact
    assert abs(error.mean()) < 0.003
    assert error.std() < 0.035


def test_groups_depend_neither_on_the_order_nor_on_the_blocks() -> None:
    texts = [text for pair in draw_pairs(TEXTS, 500, np.random.default_rng(3)) for text in (pair.one, pair.other)]
    whole = signed(texts)
    np.testing.assert_array_equal(whole, np.concatenate([signed(texts[:7]), signed(texts[7:])]))
    groups = near_groups(whole)
    assert (groups <= np.arange(len(groups))).all()
    assert (groups[groups] == groups).all()
    order = np.random.default_rng(4).permutation(len(texts))
    shuffled = near_groups(whole[order])
    assert partition(groups) == {frozenset(order[sorted(group)].tolist()) for group in partition(shuffled)}


def test_signatures_are_the_same_everywhere() -> None:
    found = signed(["A mug of stoneware, 30 cl", "Xícara de cerâmica", "青い陶器のマグカップ", "mug", ""])
    assert (
        sha256(found.astype("<u4").tobytes()).hexdigest()
        == "18ccea4694bed306e74ce55473255ff2c03316ce22d0f501320ce76218b8a2b6"
    )


def test_a_description_is_judged_by_its_neighbouring_words() -> None:
    words = [f"word{number}" for number in range(60)]
    text = " ".join(words)
    assert linked(text, f"{text.upper()}!")
    assert linked(text, " ".join([*words[:30], "other", *words[31:]]))  # 57 of 61 different pairs in common
    assert linked(text, " ".join(words[:52]))  # 51 of 59
    assert not linked(text, " ".join(words[:35]))
    assert not linked(text, " ".join(random.Random(0).sample(words, 60)))  # the same words


def test_short_texts_are_linked_when_equal_alone() -> None:
    assert linked("Brand new!", "brand new")
    assert not linked("Brand new", "Brand old")
    assert not linked("Mug", "Cup")
    assert linked("...", "...")
    assert not linked("...", "?")
    assert len(np.unique(near_groups(signed([str(number) for number in range(5_000)])))) == 5_000


def test_scripts_without_spaces_are_read_by_the_character() -> None:
    text = "この青い陶器のマグカップは毎日の朝食のために作られ電子レンジでも食器洗い機でも使えます"
    assert linked(text, text.replace("青", "赤"))
    assert not linked(text, "".join(random.Random(0).sample(text, len(text))))


def test_a_long_text_is_judged_by_its_beginning() -> None:
    chance = random.Random(0)
    text = " ".join(str(chance.random()) for _ in range(6_000))
    assert len(text) > 1.5 * BYTES_AT_ONCE
    assert linked(text, f"{text[: BYTES_AT_ONCE + 9]} and another end" * 2)
    assert not linked(text, text[BYTES_AT_ONCE // 2 :])


def test_nothing_has_no_groups() -> None:
    assert signed([]).shape == (0, BANDS)
    assert near_groups(signed([])).shape == (0,)


@pytest.mark.parametrize("size", [2, 3_000])
def test_a_template_makes_one_group_whatever_its_size(size: int) -> None:
    template = (
        "This print comes rolled in a sturdy tube and is made to order in our own workshop by the harbour from a "
    )
    template += (
        "scan of the original map with pigment inks on heavy cotton paper that will not fade for a hundred years"
    )
    rows = [f"{template} {number}" for number in range(size)] + TEXTS[:50]
    groups = near_groups(signed(rows))
    assert (groups[:size] == 0).all()
    assert (groups[size:] > 0).all()


@pytest.mark.parametrize("different, most", [(2**32, 70), (7, 170)])  # or where most are candidates of each other
def test_grouping_takes_bounded_memory(different: int, most: int) -> None:
    rows = np.random.default_rng(0).integers(2**32, size=(50_000, BANDS), dtype=np.uint32)
    rows[:, : BANDS // 2] %= np.uint64(different)
    tracemalloc.start()
    groups = near_groups(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(np.unique(groups)) == len(rows)
    assert peak / len(rows) < most


def test_similarity_is_counted_exactly() -> None:
    assert exact_similarity("a b c d", "A b, c e") == 2 / 4
    assert exact_similarity("mug", "mug") == 1
