"""Decide from fixed-size fingerprints which rows repeat another, which are sampled, and which split each belongs to.

Texts are not known here, only unsigned 64-bit fingerprints, one NumPy array for each field: a million rows take some
tens of megabytes. All choices are BLAKE2b hashes of the content with the seed mixed in, so they are the same on every
platform. Two different texts share a fingerprint about once in ten million catalogues of two million rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelftalk.errors import TooFewProducts

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)

Fingerprints = NDArray[np.uint64]


def fingerprints(field: str, texts: Iterable[bytes]) -> Fingerprints:
    """Return the unsigned 64-bit fingerprints of texts in UTF-8; those of two fields never stand for the same thing."""
    person = field.encode()
    digests = [blake2b(text, digest_size=8, person=person).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def draws(seed: int, purpose: str, numbers: NDArray[Any]) -> Fingerprints:
    """Return for each number one that looks random and depends on nothing but it, the seed and the purpose."""
    return fingerprints(purpose, (f"{seed} {number}".encode() for number in numbers.tolist()))


def duplicates(titles: Fingerprints, descriptions: Fingerprints, uids: Fingerprints) -> dict[int, tuple[str, int]]:
    """Find the rows to leave out because they repeat an earlier row that stays.

    Returns:
        For each such row, in order: duplicate_product (same title and description) or duplicate_id, and which row it
        repeats.
    """
    pairs = titles * np.uint64(0x9E3779B97F4A7C15) + descriptions
    first_pair: dict[int, int] = {}
    first_uid: dict[int, int] = {}
    found = {}
    for row in np.flatnonzero(_repeated(pairs) | _repeated(uids)).tolist():
        pair, uid = int(pairs[row]), int(uids[row])
        if pair in first_pair:
            found[row] = ("duplicate_product", first_pair[pair])
        elif uid in first_uid:
            found[row] = ("duplicate_id", first_uid[uid])
        else:
            first_pair[pair] = first_uid[uid] = row
    return found


def near_repeats(near: NDArray[np.int64], stays: NDArray[np.bool_]) -> dict[int, tuple[str, int]]:
    """Find the rows to leave out because an earlier row that stays is in their near-equal group.

    Returns:
        For each such row, in order: near_duplicate, and which row is the first of its group that stays.
    """
    rows = np.flatnonzero(stays)
    first = np.full(len(near), len(near))
    np.minimum.at(first, near[rows], rows)
    late = rows[first[near[rows]] < rows]
    return {
        row: ("near_duplicate", other) for row, other in zip(late.tolist(), first[near[late]].tolist(), strict=True)
    }


def choose(numbers: NDArray[Any], count: int, seed: int) -> NDArray[np.bool_]:
    """Choose `count` of the numbers at random, as a mask; the chance of each depends on itself and the seed alone."""
    mask = np.zeros(len(numbers), dtype=bool)
    mask[np.argsort(draws(seed, "sample", numbers), kind="stable")[:count]] = True
    return mask


def groups(
    titles: Fingerprints, descriptions: Fingerprints, linked_rows: NDArray[np.int64] | None = None
) -> Fingerprints:
    """Group the rows that share a title or a description or are linked otherwise, directly or through others.

    `linked_rows` holds for each row another one that it belongs to, or itself.

    Returns:
        For each row the smallest fingerprint of its group, which does not depend on the order of the rows.
    """
    parent: dict[int, int] = {}

    def root(key: int) -> int:
        while (above := parent.setdefault(key, key)) != key:
            parent[key] = key = parent[above]
        return key

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    names = np.minimum(titles, descriptions)
    shared = _repeated(titles) | _repeated(descriptions)
    if linked_rows is not None:
        linked = np.flatnonzero(linked_rows != np.arange(len(titles)))
        for row, other in zip(linked.tolist(), linked_rows[linked].tolist(), strict=True):
            join(int(descriptions[row]), int(descriptions[other]))
        shared[linked] = shared[linked_rows[linked]] = True
    for row in np.flatnonzero(shared):
        join(int(titles[row]), int(descriptions[row]))
    for row in np.flatnonzero(shared):
        names[row] = root(int(titles[row]))
    return names


def assign(groups: Fingerprints, validation_share: float, test_share: float, seed: int) -> NDArray[np.uint8]:
    """Assign each row to a split (an index of `SPLITS`), whole groups at a time.

    A group's draw decides, so a product mostly keeps its split when others come or go. A group larger than the whole
    share that it fell into stays in train. Train, and each split with a share, gets at least one group; only validation
    stays empty where there are no more than two groups.

    Raises:
        TooFewProducts: all rows are one group, so nothing can be held out of it.
    """
    names, row_to_group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    places = draws(seed, "split", names) / 2**64
    split = np.full(len(names), TRAIN, dtype=np.uint8)
    split[(places < test_share) & (sizes <= test_share * len(groups))] = TEST
    in_validation = (places >= test_share) & (places < test_share + validation_share)
    split[in_validation & (sizes <= validation_share * len(groups))] = VALIDATION
    for wanted, share in ((TRAIN, 1.0), (TEST, test_share), (VALIDATION, validation_share)):
        if share and not (split == wanted).any():
            _move_one_group(split, wanted, sizes, places)
    return split[row_to_group.ravel()]


def _move_one_group(split: NDArray[np.uint8], wanted: int, sizes: NDArray[Any], places: NDArray[Any]) -> None:
    """Give an empty split the smallest group of the split that has most groups, or else the one of validation."""
    counts = np.bincount(split, minlength=len(SPLITS))
    giver = counts.argmax() if counts.max() > 1 else VALIDATION
    if counts[giver]:
        candidates = np.flatnonzero(split == giver)
        split[candidates[np.lexsort((places[candidates], sizes[candidates]))[0]]] = wanted
    elif wanted != VALIDATION:
        raise TooFewProducts(
            "All products share a title or a description with one another, or nearly, so none can be held out; "
            "give a file with more different products, or set both shares to 0."
        )


def _repeated(values: Fingerprints) -> NDArray[np.bool_]:
    """Mark the values that occur more than once."""
    order = np.argsort(values, kind="stable")
    equal = values[order][1:] == values[order][:-1]
    mask = np.zeros(len(values), dtype=bool)
    mask[order[1:][equal]] = True
    mask[order[:-1][equal]] = True
    return mask
