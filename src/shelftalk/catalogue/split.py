"""Decide from fixed-size fingerprints which rows are duplicates, which are sampled, and which split each belongs to.

The input is unsigned 64-bit fingerprints instead of texts, one NumPy array for each field: a million rows take tens of
megabytes. All random choices are BLAKE2b hashes of the content and the seed, so they are the same on every platform.
Two different texts share a fingerprint about once in ten million catalogues of two million rows.
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
    """Return the unsigned 64-bit fingerprints of texts in UTF-8; the same text has another one in another field."""
    person = field.encode()
    digests = [blake2b(text, digest_size=8, person=person).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def draws(seed: int, purpose: str, numbers: NDArray[Any]) -> Fingerprints:
    """Return for each number a pseudorandom 64-bit number that depends only on it, the seed and the purpose."""
    return fingerprints(purpose, (f"{seed} {number}".encode() for number in numbers.tolist()))


def duplicates(titles: Fingerprints, descriptions: Fingerprints, uids: Fingerprints) -> dict[int, tuple[str, int]]:
    """Find the rows to leave out because they repeat an earlier row that is kept.

    Returns:
        For each such row, in order: duplicate_product (same title and description) or duplicate_id, and the row that
        it repeats.
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


def clashing_ids(titles: Fingerprints, uids: Fingerprints) -> int:
    """Return the number of rows whose id an earlier row with another title has."""
    order = np.argsort(uids, kind="stable")  # rows with the same id stand together, the first in front
    starts = np.r_[True, uids[order][1:] != uids[order][:-1]] if len(uids) else np.empty(0, dtype=bool)
    first = order[np.flatnonzero(starts)[np.cumsum(starts) - 1]] if len(uids) else order
    return int((titles[order] != titles[first]).sum())


def near_repeats(near: NDArray[np.int64], stays: NDArray[np.bool_]) -> dict[int, tuple[str, int]]:
    """Find the rows to leave out because an earlier row that is kept is in their group of near-duplicates.

    Returns:
        For each such row, in order: near_duplicate, and the first row of its group that is kept.
    """
    rows = np.flatnonzero(stays)
    first = np.full(len(near), len(near))
    np.minimum.at(first, near[rows], rows)
    late = rows[first[near[rows]] < rows]
    return {
        row: ("near_duplicate", other) for row, other in zip(late.tolist(), first[near[late]].tolist(), strict=True)
    }


def choose(numbers: NDArray[Any], count: int, seed: int) -> NDArray[np.bool_]:
    """Choose `count` of the numbers at random, as a mask; the rank of each depends only on itself and the seed."""
    mask = np.zeros(len(numbers), dtype=bool)
    mask[np.argsort(draws(seed, "sample", numbers), kind="stable")[:count]] = True
    return mask


def groups(
    titles: Fingerprints, descriptions: Fingerprints, linked_rows: NDArray[np.int64] | None = None
) -> Fingerprints:
    """Group the rows that share a title or a description or are linked by `linked_rows`, transitively (union-find).

    `linked_rows` has for each row the index of another row in its group, or its own.

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

    A hash of the group decides, so a product usually keeps its split when others are added or removed. A group larger
    than the split that it was assigned to stays in train. Train, and each split with a share, gets at least one group;
    only validation stays empty where there are no more than two groups.

    Raises:
        TooFewProducts: all rows are one group, so nothing can be held out.
    """
    names, row_to_group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    positions = draws(seed, "split", names) / 2**64
    split = np.full(len(names), TRAIN, dtype=np.uint8)
    split[(positions < test_share) & (sizes <= test_share * len(groups))] = TEST
    in_validation = (positions >= test_share) & (positions < test_share + validation_share)
    split[in_validation & (sizes <= validation_share * len(groups))] = VALIDATION
    for wanted, share in ((TRAIN, 1.0), (TEST, test_share), (VALIDATION, validation_share)):
        if share and not (split == wanted).any():
            _move_one_group(split, wanted, sizes, positions)
    return split[row_to_group.ravel()]


def _move_one_group(split: NDArray[np.uint8], wanted: int, sizes: NDArray[Any], positions: NDArray[Any]) -> None:
    """Move to an empty split the smallest group of the split with the most groups, or else the one of validation."""
    counts = np.bincount(split, minlength=len(SPLITS))
    source = counts.argmax() if counts.max() > 1 else VALIDATION
    if counts[source]:
        candidates = np.flatnonzero(split == source)
        split[candidates[np.lexsort((positions[candidates], sizes[candidates]))[0]]] = wanted
    elif wanted != VALIDATION:
        raise TooFewProducts(
            "All products share a title or a description with one another, or nearly, so none can be held out; "
            "give a file with more different products, or set both shares to 0."
        )


def _repeated(values: Fingerprints) -> NDArray[np.bool_]:
    """Return a mask of the values that occur more than once."""
    order = np.argsort(values, kind="stable")
    equal = values[order][1:] == values[order][:-1]
    mask = np.zeros(len(values), dtype=bool)
    mask[order[1:][equal]] = True
    mask[order[:-1][equal]] = True
    return mask
