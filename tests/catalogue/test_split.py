"""Duplicates, samples, groups and splits, computed from fingerprints."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shelftalk.catalogue.split import (
    TEST,
    TRAIN,
    VALIDATION,
    Fingerprints,
    assign,
    choose,
    clashing_ids,
    duplicates,
    fingerprints,
    groups,
    near_repeats,
)
from shelftalk.errors import TooFewProducts


def prints(field: str, numbers: list[int]) -> Fingerprints:
    return fingerprints(field, [str(number).encode() for number in numbers])


def split_of(pairs: list[tuple[int, int]], seed: int = 42) -> list[int]:
    titles, descriptions = prints("t", [title for title, _ in pairs]), prints("d", [text for _, text in pairs])
    return list(assign(groups(titles, descriptions), 0.05, 0.10, seed).tolist())


pairs = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=10, max_size=80, unique=True)


@given(pairs, st.integers(0, 5))
@example([*((0, text) for text in range(19)), (4, 20)], 0)  # the only other group must not be assigned to validation
def test_equal_titles_and_equal_descriptions_are_in_one_split(rows: list[tuple[int, int]], seed: int) -> None:
    try:
        splits = split_of(rows, seed)
    except TooFewProducts:
        assert connected(rows) == 1
        return
    for column in (0, 1):
        for value in {row[column] for row in rows}:
            assert len({split for row, split in zip(rows, splits, strict=True) if row[column] == value}) == 1
    assert {TRAIN, TEST} <= set(splits)
    assert connected(rows) == 2 or VALIDATION in splits


def connected(rows: list[tuple[int, int]]) -> int:
    """Find the groups by merging sets, as a reference for union-find."""
    found: list[set[tuple[str, int]]] = []
    for title, description in rows:
        merged = {("t", title), ("d", description)}
        for other in [one for one in found if one & merged]:
            found.remove(other)
            merged |= other
        found.append(merged)
    return len(found)


@given(pairs, st.data())
def test_linked_rows_are_in_one_split(rows: list[tuple[int, int]], data: st.DataObject) -> None:
    links = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=len(rows), max_size=len(rows)))
    titles, descriptions = prints("t", [title for title, _ in rows]), prints("d", [text for _, text in rows])
    grouped = groups(titles, descriptions, np.array(links))
    assert (grouped == grouped[links]).all()
    for column in (titles, descriptions):
        assert all(len(set(grouped[column == one].tolist())) == 1 for one in column)
    assert set(grouped.tolist()) <= {*titles.tolist(), *descriptions.tolist()}
    linked = [((title, text), rows[link]) for (title, text), link in zip(rows, links, strict=True)]
    assert len(set(grouped.tolist())) == connected([*rows, *((one[0], other[1]) for one, other in linked)])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_ids_clash_where_they_stand_on_another_title(rows: list[tuple[int, int]]) -> None:
    first: dict[int, int] = {}
    expected = sum(first.setdefault(uid, title) != title for title, uid in rows)
    assert clashing_ids(prints("t", [title for title, _ in rows]), prints("u", [uid for _, uid in rows])) == expected


def test_only_the_first_that_stays_of_a_near_equal_group_is_kept() -> None:
    near, stays = np.array([0, 0, 2, 0, 2, 5]), np.array([False, True, True, True, True, True])
    assert near_repeats(near, stays) == {3: ("near_duplicate", 1), 4: ("near_duplicate", 2)}


def test_rows_linked_with_themselves_are_as_without_links() -> None:
    titles, descriptions = prints("t", [1, 1, 2, 3]), prints("d", [4, 5, 5, 6])
    np.testing.assert_array_equal(groups(titles, descriptions, np.arange(4)), groups(titles, descriptions))


@given(pairs, st.randoms(use_true_random=False))
def test_the_split_does_not_depend_on_the_order(rows: list[tuple[int, int]], chance: random.Random) -> None:
    shuffled = rows.copy()
    chance.shuffle(shuffled)
    try:
        expected = dict(zip(rows, split_of(rows), strict=True))
    except TooFewProducts:
        with pytest.raises(TooFewProducts):
            split_of(shuffled)
        return
    assert dict(zip(shuffled, split_of(shuffled), strict=True)) == expected


def test_shares_are_met_about() -> None:
    splits = split_of([(number, number) for number in range(4000)])
    assert 0.08 < splits.count(TEST) / 4000 < 0.12
    assert 0.035 < splits.count(VALIDATION) / 4000 < 0.065


def test_a_group_larger_than_a_share_stays_in_train() -> None:
    for seed in range(20):
        splits = split_of([(number, 0) for number in range(50)] + [(number, number) for number in range(50, 100)], seed)
        assert set(splits[:50]) == {TRAIN}


def test_ten_products_always_fill_all_three() -> None:
    for seed in range(50):
        assert set(split_of([(number, number) for number in range(10)], seed)) == {TRAIN, VALIDATION, TEST}


def test_shares_of_zero_put_everything_into_train() -> None:
    assert set(assign(prints("t", list(range(20))), 0.0, 0.0, 1)) == {TRAIN}
    assert set(assign(prints("t", [1] * 20), 0.0, 0.0, 1)) == {TRAIN}


def test_a_product_mostly_keeps_its_split_when_others_come() -> None:
    few, many = (split_of([(number, number) for number in range(count)]) for count in (500, 1000))
    assert few == many[:500]


def test_the_split_never_changes() -> None:
    splits = split_of([(number, number) for number in range(60)])
    assert [index for index, split in enumerate(splits) if split == TEST] == [15, 20, 22, 23, 24, 36]


def test_a_long_chain_is_one_group() -> None:
    chain = [(number // 2, (number + 1) // 2) for number in range(3000)]
    titles, descriptions = prints("t", [t for t, _ in chain]), prints("d", [d for _, d in chain])
    assert len(set(groups(titles, descriptions).tolist())) == 1


def test_duplicates_are_found_in_order_and_nothing_is_lost_with_them() -> None:
    titles = prints("t", [1, 1, 2, 2, 3])
    descriptions = prints("d", [1, 1, 2, 2, 3])
    uids = prints("u", [1, 2, 1, 2, 3])
    # Row 1 repeats product 0; row 2 has the id of row 0; so row 3, the same product as row 2 with a new id, is kept.
    assert duplicates(titles, descriptions, uids) == {1: ("duplicate_product", 0), 2: ("duplicate_id", 0)}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 9)), max_size=30))
def test_duplicates_agree_with_going_row_by_row(rows: list[tuple[int, int, int]]) -> None:
    columns = [prints(field, [row[index] for row in rows]) for index, field in enumerate("tdu")]
    kept: list[tuple[int, int, int]] = []
    expected = []
    for row in rows:
        if any(row[:2] == other[:2] for other in kept):
            expected.append("duplicate_product")
        elif any(row[2] == other[2] for other in kept):
            expected.append("duplicate_id")
        else:
            kept.append(row)
    assert [reason for reason, _ in duplicates(*columns).values()] == expected


def test_a_sample_has_its_size_and_depends_on_the_seed() -> None:
    numbers = np.arange(1, 1001)
    chosen = choose(numbers, 100, seed=1)
    assert chosen.sum() == 100
    assert (choose(numbers, 100, seed=1) == chosen).all()
    assert (choose(numbers, 100, seed=2) != chosen).any()
    assert 300 < numbers[chosen].mean() < 700
    assert choose(numbers, 5000, seed=1).all()


def test_fingerprints_of_two_fields_differ() -> None:
    assert fingerprints("title", [b"x"]) != fingerprints("description", [b"x"])
