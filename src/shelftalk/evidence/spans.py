"""Find the passages of a generated text that occur verbatim in training descriptions.

    spans/
      (several files)    the suffix array, see suffixes.py
      products.arrow     uid, title, description, in the order of the products
      spans.json         format, number of products, number of symbols
      manifest.json      written last

A span begins and ends with whole words (words.py defines a word) and is maximal: extended by a word on either side, it
occurs in no description. OLMoTrace (Liu et al., 2025, arXiv:2504.07096) also traces a model's text to its training data
by maximal spans from a suffix array, in tokens instead of words. It drops spans whose words are likely on their own;
here common phrases do not count: four consecutive words that occur in the descriptions more than five times, and more
often than once in a hundred products.

The folder is derived from the products and can be rebuilt from them. It does not depend on a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shelftalk.errors import Damaged, NotFound, TooFewProducts
from shelftalk.evidence import suffixes
from shelftalk.evidence.suffixes import Suffixes, read_arrow, write_arrow, write_suffixes
from shelftalk.evidence.words import WORD, Symbol, cut, start_of
from shelftalk.format_numbers import require_known
from shelftalk.locks import LOCK_TIMEOUT
from shelftalk.records import Product, Progress, no_progress
from shelftalk.workspace import faults, lock, read_json, staged_folder, write_json

FORMAT = 1  # increase it when the tokenization changes
PRODUCTS, ABOUT = "products.arrow", "spans.json"
COLUMNS = ("uid", "title", "description")
BUILDING = "building the index of spans"

MINIMUM_WORDS = 4
# So many consecutive words, at more positions than these and than this share of the products, are a common phrase.
PHRASE_WORDS, COMMON_PLACES, COMMON_SHARE = 4, 5, 0.01
PLACES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A training product whose description contains a span; `start` is the character offset of its first occurrence."""

    uid: str
    title: str
    description: str
    start: int


@dataclass(frozen=True, slots=True)
class Span:
    """A passage that occurs verbatim in training descriptions.

    `start` and `end` are character offsets in the generated text, `text` the characters between. `count` is the number
    of descriptions that contain it and `share` their share of all; `places` are the first of them, in product order.
    """

    start: int
    end: int
    text: str
    words: int
    count: int
    share: float
    places: tuple[Place, ...]


def build_spans(products: Sequence[Product], folder: Path, progress: Progress = no_progress) -> dict[str, Any]:
    """Write the index of the products' descriptions to `folder`, and return its counts and the seconds it took.

    An existing index is replaced atomically. `progress` counts products that were read; sorting follows.

    Raises:
        TooFewProducts: `products` is empty.
        Busy: another process is building this index.
        NotWritable: the folder cannot be written to.
    """
    with lock(folder, BUILDING):
        return _build(products, folder, progress)


def _build(products: Sequence[Product], folder: Path, progress: Progress) -> dict[str, Any]:
    """Do what `build_spans` does; the caller holds the lock."""
    if not products:
        raise TooFewProducts("An index of spans needs at least one product, got none.")
    started = time.monotonic()
    with staged_folder(folder) as staging:
        _write_products(staging / PRODUCTS, products)
        symbols = write_suffixes(staging, [product.description for product in products], progress)
        counts = {"products": len(products), "symbols": symbols}
        write_json(staging / ABOUT, {"format": FORMAT, **counts})
    return {**counts, "seconds": round(time.monotonic() - started, 2)}


class SpanIndex:
    """An open index; it stays usable while the folder is rebuilt or deleted."""

    def __init__(self, folder: Path) -> None:
        self._suffixes = Suffixes(folder)
        self._products = read_arrow(folder / PRODUCTS)

    @classmethod
    def open(cls, folder: Path) -> SpanIndex:
        """Open the index in `folder`: its files are memory-mapped, and neither read nor hashed.

        Raises:
            NotFound: there is no index.
            NewerFormat: a newer version of shelftalk made it.
            Damaged: a file is missing or differs in size from the manifest, or the index has an earlier format.
        """
        if not folder.is_dir():
            raise NotFound(f"There is no index of spans in {folder}; make it with: {_rebuild_command(folder)}")
        if (folder / ABOUT).is_file():
            require_known(read_json(folder / ABOUT), FORMAT, folder / ABOUT)
        found = faults(folder, hashes=False, required=(*suffixes.FILES, PRODUCTS, ABOUT))
        if not found and read_json(folder / ABOUT).get("format") != FORMAT:
            found = ["it was made by an earlier version of shelftalk"]
        if found:
            raise _damaged(folder, "; ".join(found))
        try:
            return cls(folder)
        except (OSError, ValueError, LookupError) as error:  # pyarrow's errors are subclasses of these
            raise _damaged(folder, str(error).splitlines()[0]) from error

    @classmethod
    def open_or_build(
        cls, folder: Path, products: Callable[[], Sequence[Product]], progress: Progress = no_progress
    ) -> SpanIndex:
        """Open the index in `folder`; first build it from `products` if it is missing or damaged.

        Waits up to a minute for another process that builds it.

        Raises:
            Busy: the other process is still building.
            TooFewProducts, NotWritable: see `build_spans`.
        """
        with suppress(NotFound, Damaged):
            return cls.open(folder)
        with lock(folder, BUILDING, timeout=LOCK_TIMEOUT):
            with suppress(NotFound, Damaged):  # another process may have built it meanwhile
                return cls.open(folder)
            _build(products(), folder, progress)
            return cls.open(folder)

    def find(self, text: str, minimum_words: int = MINIMUM_WORDS, common: bool = False) -> list[Span]:
        """Return the spans of `text` with at least `minimum_words` words, longest first, then by their start.

        Words in common phrases do not count towards the minimum unless `common` is set; a span that reaches it still
        contains them. Spans may overlap, but none contains another.
        """
        symbols = list(cut(text))
        numbers = self._suffixes.encode([symbol.text for symbol in symbols])
        ignored = set() if common else self._phrases(symbols, numbers)
        spans = []
        for first, last in self._longest(symbols, numbers):
            words = [index for index in range(first, last) if symbols[index].is_word]
            if sum(index not in ignored for index in words) >= minimum_words:
                span = _part(numbers, first, last)
                spans.append(self._span(text, symbols[first].start, symbols[last - 1].end, len(words), span))
        return sorted(spans, key=lambda span: (-span.words, span.start))

    def _phrases(self, symbols: list[Symbol], numbers: bytes) -> set[int]:
        """Return the indices of the symbols that belong to common phrases."""
        words = [index for index, symbol in enumerate(symbols) if symbol.is_word]
        limit = max(COMMON_PLACES, COMMON_SHARE * len(self._products))
        found: set[int] = set()
        for first, last in zip(words, words[PHRASE_WORDS - 1 :], strict=False):
            if self._suffixes.count(_part(numbers, first, last + 1)) > limit:
                found.update(range(first, last + 1))
        return found

    def _longest(self, symbols: list[Symbol], numbers: bytes) -> list[tuple[int, int]]:
        """Return the start and end, as symbol indices, of all maximal spans, in the order of the text.

        A match that starts one word later ends at the same position or later, so a match is maximal exactly if it ends
        later than the previous one.
        """
        found, longest_end = [], 0
        for first, symbol in enumerate(symbols):
            if symbol.is_word:
                last = first + self._suffixes.longest(_part(numbers, first, len(symbols)))
                while last > first and not symbols[last - 1].is_word:
                    last -= 1
                if last > max(first, longest_end):
                    found.append((first, last))
                    longest_end = last
        return found

    def _span(self, text: str, start: int, end: int, words: int, numbers: bytes) -> Span:
        positions = self._suffixes.find(numbers)
        descriptions, firsts = np.unique(self._suffixes.texts_of(positions), return_index=True)
        some = zip(descriptions[:PLACES].tolist(), positions[firsts[:PLACES]].tolist(), strict=True)
        places = tuple(self._place(*one) for one in some)
        share = len(descriptions) / len(self._products)
        return Span(start, end, text[start:end], words, len(descriptions), share, places)

    def _place(self, number: int, position: int) -> Place:
        uid, title, description = (self._products.column(name)[number].as_py() for name in COLUMNS)
        return Place(uid, title, description, start_of(description, self._suffixes.within(number, position)))


def verbatim_share(text: str, spans: Sequence[Span]) -> float:
    """Return the share of the words of `text` that lie in one of its `spans`; 0 for a text without words."""
    words = [word.span() for word in WORD.finditer(text)]
    inside = [any(span.start <= start and end <= span.end for span in spans) for start, end in words]
    return sum(inside) / len(words) if words else 0.0


def _write_products(path: Path, products: Sequence[Product]) -> None:
    schema = pa.schema([(name, pa.large_string()) for name in COLUMNS])
    parts = (products[start : start + suffixes.BATCH] for start in range(0, len(products), suffixes.BATCH))
    rows = ([[getattr(product, name) for product in part] for name in COLUMNS] for part in parts)
    write_arrow(path, schema, (pa.record_batch(columns, schema=schema) for columns in rows))


def _part(numbers: bytes, first: int, last: int) -> bytes:
    return numbers[first * suffixes.WIDTH : last * suffixes.WIDTH]


def _damaged(folder: Path, reason: str) -> Damaged:
    return Damaged(
        f"The index of spans in {folder} is damaged ({reason}); make it again with: {_rebuild_command(folder)}"
    )


def _rebuild_command(folder: Path) -> str:
    return f"shelftalk index {folder.resolve().parent.name}"
