"""Find near-duplicate descriptions with MinHash signatures, locality-sensitive hashing in bands, and linked groups.

The similarity of two descriptions is the Jaccard similarity of their sets of word bigrams. Case and punctuation are
ignored, and in scripts without spaces between words every character is a word. A text of one word counts as one bigram.
Only the first 65,536 bytes of a text count.

A signature takes 128 bytes for any text: the minimum hash of its bigrams under each of 256 hash functions, 4 bits of
each, eight values to a band. Two rows are compared if they have an equal band, and linked if the similarity estimated
from their signatures is at least 0.75. Groups are transitive. The result is deterministic, and does not depend on the
order of the rows, on their division into blocks, or on the platform.

Broder, "On the resemblance and containment of documents" (1997); Li and König, "b-bit minwise hashing" (2010).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import shake_128
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelftalk.catalogue.clean import SPACELESS

BANDS = 32
BAND_VALUES, VALUE_BITS = 8, 4
VALUES = BANDS * BAND_VALUES
CHANCE = 1 / 2**VALUE_BITS
NEAR = 0.75

# In a large bucket each row is compared only with the next rows; other bands pair it with other rows.
FOLLOWING = 8
ROWS_AT_ONCE = 1 << 13

# A piece must fit into a core's cache.
BYTES_AT_ONCE = 1 << 16
SPACE, NEWLINE = b" \n"
BASE = 0x9E3779B97F4A7C15
UNSPACED = re.compile(f"[{SPACELESS}]")

Signatures = NDArray[np.uint32]


def signatures(descriptions: Iterable[bytes]) -> Signatures:
    """Return the signatures [row, `BANDS`] of descriptions in the form of `comparables`.

    Each depends only on its own text.
    """
    parts = [_smallest(*_pairs(piece)) for piece in _pieces(descriptions)]
    return _bands(np.concatenate([np.empty((VALUES, 0), np.uint32), *parts], axis=1))


def near_groups(signatures: Signatures) -> NDArray[np.int64]:
    """Group the rows with near-duplicate descriptions, transitively.

    Needs about 60 bytes per row in addition to the signatures, and up to 170 where most rows are candidate pairs.

    Returns:
        For each row the first row of its group; the row itself where it has no near-duplicate.
    """
    hashes = _hashes(signatures)
    order = np.argsort(hashes, kind="stable")
    fresh = np.append(True, hashes[order][1:] != hashes[order][:-1])[: len(order)]
    distinct = order[fresh]  # one row of each signature, in an order that depends only on the signatures
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(fresh) - 1
    group = np.arange(len(distinct))
    for band in range(BANDS):
        for left, right in _candidates(signatures[distinct, band]):
            apart = group[left] != group[right]
            left, right = left[apart], right[apart]
            near = similarity(signatures, distinct[left], distinct[right]) >= NEAR
            group = _joined(group, left[near], right[near])
    group = group[number]
    first = np.full(len(distinct), len(order))
    np.minimum.at(first, group, np.arange(len(order)))
    return first[group]


def similarity(signatures: Signatures, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Estimate the similarity of the rows `left` and `right`, pair by pair; at most 1, and by chance below 0.

    The values of two different bigrams are equal with probability `CHANCE`; the estimate is corrected for this.
    """
    equal = np.empty(len(left), np.int64)
    for start in range(0, len(left), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        differ = signatures[left[some]] ^ signatures[right[some]]
        differ |= differ >> 1
        differ |= differ >> 2
        equal[some] = VALUES - np.bitwise_count(differ & 0x11111111).sum(axis=1, dtype=np.int64)
    estimate: NDArray[np.float64] = (equal / VALUES - CHANCE) / (1 - CHANCE)
    return estimate


def _pieces(descriptions: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Collect texts, with words separated by single spaces, into pieces of at most `BYTES_AT_ONCE` bytes."""
    piece: list[bytes] = []
    size = 0
    for words in descriptions:
        if not words.isascii():
            words = _spaced(words)
        words = words[: BYTES_AT_ONCE - 1].rstrip()
        if size + len(words) >= BYTES_AT_ONCE:
            yield piece
            piece, size = [], 0
        piece.append(words)
        size += len(words) + 1
    if piece:
        yield piece


def _spaced(text: bytes) -> bytes:
    """Put spaces around each character of a script without spaces."""
    characters = text.decode()
    if not UNSPACED.search(characters):
        return text
    return " ".join(UNSPACED.sub(r" \g<0> ", characters).split()).encode()


def _pairs(piece: list[bytes]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the hashes of all word bigrams, and the index of each text's first one; a text has at least one.

    If P are the polynomial hashes, in `BASE`, of the text's prefixes, the bytes from i to j have the hash
    (P[j] - P[i]) / BASE^i, modulo 2^64: two operations per bigram, for words of any length.
    """
    values, powers, inverses = _tables()
    text = np.frombuffer(b"\n".join([*piece, b""]), np.uint8)
    prefixes = np.zeros(len(text) + 1, np.uint64)
    np.cumsum(values[text] * powers[: len(text)], out=prefixes[1:])
    ends = np.flatnonzero((text == SPACE) | (text == NEWLINE))
    starts = np.append(0, ends[:-1] + 1)
    last = np.flatnonzero(text[ends] == NEWLINE)  # the last word of each text
    first = np.append(0, last[:-1] + 1)
    counts = np.maximum(last - first, 1)
    begins = np.append(0, np.cumsum(counts)[:-1])
    left = np.arange(counts.sum()) + np.repeat(first - begins, counts)
    right = np.minimum(left + 1, np.repeat(last, counts))
    hashes = (prefixes[ends[right]] - prefixes[starts[left]]) * inverses[starts[left]]
    hashes = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return (hashes ^ (hashes >> np.uint64(32))).astype(np.uint32), begins


def _smallest(hashes: NDArray[np.uint32], begins: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the minimum hash of each text under each of the functions a x + b, modulo 2^32: [function, text]."""
    factors, summands = _functions()
    smallest = np.empty((VALUES, len(begins)), np.uint32)
    image = np.empty_like(hashes)
    for number in range(VALUES):
        np.multiply(hashes, factors[number], out=image)
        np.add(image, summands[number], out=image)
        np.minimum.reduceat(image, begins, out=smallest[number])
    return smallest


def _bands(smallest: NDArray[np.uint32]) -> Signatures:
    """Mix the bits of each value, keep 4 of them, and pack eight values into each band."""
    mixed = smallest ^ (smallest >> 16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> 13
    mixed *= np.uint32(0xC2B2AE35)
    mixed >>= 32 - VALUE_BITS
    bands = np.zeros((mixed.shape[1], BANDS), np.uint32)
    for position in range(BAND_VALUES):
        bands |= mixed[position::BAND_VALUES].T << (VALUE_BITS * position)
    return bands


def _hashes(signatures: Signatures) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each signature."""
    hashes = np.zeros(len(signatures), np.uint64)
    for band in range(BANDS):
        hashes = (hashes ^ signatures[:, band]) * np.uint64(BASE)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _candidates(keys: NDArray[np.uint32]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield pairs of indices with equal keys: all pairs of small buckets, of larger ones the next `FOLLOWING` rows."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    for step in range(1, FOLLOWING + 1):
        same = np.flatnonzero(keys[step:] == keys[:-step])
        if not len(same):
            return
        yield order[same], order[same + step]


def _joined(group: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Merge the groups of each pair; `group` has the smallest member of each row's group, before and after."""
    while len(left):
        one, other = group[left], group[right]
        np.minimum.at(group, np.maximum(one, other), np.minimum(one, other))
        while (group != (above := group[group])).any():
            group = above
        apart = group[left] != group[right]
        left, right = left[apart], right[apart]
    return group


@cache
def _tables() -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """Return a value for each byte, and the powers of `BASE` and of its inverse for each position of a piece."""
    values = np.frombuffer(shake_128(b"bytes").digest(256 * 8), "<u8").astype(np.uint64)
    rows = []
    for base in (BASE, pow(BASE, -1, 2**64)):
        factors = np.full(BYTES_AT_ONCE, base, np.uint64)
        factors[0] = 1
        rows.append(np.multiply.accumulate(factors))
    return values, rows[0], rows[1]


@cache
def _functions() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the factors, which are odd, and the addends of the hash functions."""
    factors, summands = (
        np.frombuffer(shake_128(b"functions").digest(VALUES * 8), "<u4").astype(np.uint32).reshape(2, -1)
    )
    return factors | np.uint32(1), summands
