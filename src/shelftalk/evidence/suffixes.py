"""A suffix array over the symbols of many texts, which tells where any sequence of symbols stands.

    symbols.bin        every text's symbols as numbers, big-endian uint32, so that bytes compare as numbers do; each
                       text ends in END, which no query holds, so that nothing is found across two texts
    suffixes.bin       the places of symbols.bin, int32 (int64 for very many), sorted by what follows them
    ends.bin           the place of each text's END, int64
    vocabulary.arrow   the distinct symbols in the order of their code points; the first one has the number 1

Files are memory-mapped: opening reads none of them. A query compares about log2(symbols) slices of bytes.
Suffix arrays: Manber and Myers, 1993, doi:10.1137/0222058; sorted by Yuta Mori's libdivsufsort.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydivsufsort import divsufsort

from shelftalk.evidence.words import cut_chunk
from shelftalk.records import Progress, counter

SYMBOLS, SUFFIXES, ENDS, VOCABULARY = "symbols.bin", "suffixes.bin", "ends.bin", "vocabulary.arrow"
FILES = (SYMBOLS, SUFFIXES, ENDS, VOCABULARY)
END, UNKNOWN = 0, 2**32 - 1
WIDTH = 4  # bytes of a symbol
BATCH = 4096  # texts read together


def write_suffixes(folder: Path, texts: Sequence[str], progress: Progress) -> int:
    """Write the four files into `folder` and return the number of symbols; `progress` counts texts that were read.

    Sorting follows when all are read, and takes about as long again.
    """
    chunks, lists = _read(texts, progress)
    vocabulary, flat, lengths = _cut_chunks(chunks)
    column = pa.record_batch({"symbol": pa.array(vocabulary, pa.large_string())})
    write_arrow(folder / VOCABULARY, column.schema, [column])
    parts = [_expand(*one, flat, lengths) for one in lists]
    del chunks, vocabulary, lists
    symbols = np.concatenate(parts)
    del parts
    (folder / ENDS).write_bytes(np.flatnonzero(symbols == END).astype(np.int64).data)
    as_bytes = symbols.astype(">u4").view(np.uint8)
    del symbols
    (folder / SYMBOLS).write_bytes(as_bytes.data)
    (folder / SUFFIXES).write_bytes(_sort(as_bytes).data)
    return len(as_bytes) // WIDTH


def write_arrow(path: Path, schema: Any, batches: Iterable[Any]) -> None:
    """Write record batches as an Arrow file, from which single rows can be read where it is memory-mapped."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_arrow(path: Path) -> Any:
    """Return an Arrow file's table, memory-mapped: what is not looked at is not read."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


class Suffixes:
    """The opened files of a folder; they may be replaced or deleted meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._symbols = np.memmap(folder / SYMBOLS, np.uint8, "r").data
        count = len(self._symbols) // WIDTH
        size = (folder / SUFFIXES).stat().st_size // count
        self._suffixes = np.memmap(folder / SUFFIXES, f"i{size}", "r")
        self._places = self._suffixes.data  # its elements are plain numbers, in a third of the time
        self._ends = np.memmap(folder / ENDS, np.int64, "r")
        self._vocabulary = read_arrow(folder / VOCABULARY).column("symbol")

    def encode(self, symbols: Sequence[str]) -> bytes:
        """Return the numbers of symbols as they stand in symbols.bin; one that no text holds is UNKNOWN."""
        numbers = {symbol: self._number(symbol) for symbol in set(symbols)}
        return b"".join(numbers[symbol].to_bytes(WIDTH, "big") for symbol in symbols)

    def longest(self, wanted: bytes) -> int:
        """Return how many of the symbols at the beginning of `wanted`, at most, stand together in some text."""
        place = bisect_left(self._places, wanted, key=self._follows(len(wanted)))
        beside = self._places[max(0, place - 1) : place + 1]
        return max(_common(wanted, self._follows(len(wanted))(one)) for one in beside)

    def find(self, wanted: bytes) -> np.ndarray:
        """Return all the places where `wanted` stands, ascending."""
        return np.sort(self._suffixes[slice(*self._range(wanted))])

    def count(self, wanted: bytes) -> int:
        """Return at how many places `wanted` stands."""
        first, last = self._range(wanted)
        return last - first

    def texts_of(self, places: np.ndarray) -> np.ndarray:
        """Return the numbers of the texts, from 0, that the places belong to."""
        return np.searchsorted(self._ends, places)

    def within(self, text: int, place: int) -> int:
        """Return the number of a place's symbol within its text, from 0."""
        return place - (int(self._ends[text - 1]) + 1 if text else 0)

    def _range(self, wanted: bytes) -> tuple[int, int]:
        key = self._follows(len(wanted))
        first = bisect_left(self._places, wanted, key=key)
        return first, bisect_right(self._places, wanted, lo=first, key=key)

    def _follows(self, size: int) -> Any:
        return lambda place: self._symbols[WIDTH * place : WIDTH * place + size].tobytes()

    def _number(self, symbol: str) -> int:
        found = bisect_left(range(len(self._vocabulary)), symbol, key=self._symbol)
        return found + 1 if found < len(self._vocabulary) and self._symbol(found) == symbol else UNKNOWN

    def _symbol(self, number: int) -> str:
        symbol: str = self._vocabulary[number].as_py()
        return symbol


def _read(texts: Sequence[str], progress: Progress) -> tuple[list[str], list[tuple[np.ndarray, np.ndarray]]]:
    """Return the distinct chunks between whitespace and, batch by batch, their numbers and where texts end in them."""
    advance, lists = counter(progress, len(texts)), []
    for start in range(0, len(texts), BATCH):
        # Of all whitespace only the space is printable; where it is doubled, the chunk between has no symbol.
        part = [text if text.isprintable() else " ".join(text.split()) for text in texts[start : start + BATCH]]
        lists.append(pc.split_pattern(pa.array(part, pa.large_string()), " "))
        advance(len(part))
    encoded = pa.chunked_array([one.values for one in lists]).dictionary_encode()  # all share one dictionary
    numbers = [one.indices.to_numpy() for one in encoded.chunks]
    ends = [one.offsets.to_numpy()[1:] for one in lists]
    return encoded.chunk(0).dictionary.to_pylist(), list(zip(numbers, ends, strict=True))


def _cut_chunks(chunks: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the sorted symbols, the numbers of each chunk's symbols one after another, and how many each has."""
    pieces = [cut_chunk(chunk) for chunk in chunks]
    vocabulary = sorted({symbol for symbols in pieces for symbol in symbols})
    numbers = {symbol: number for number, symbol in enumerate(vocabulary, END + 1)}
    flat = [numbers[symbol] for symbols in pieces for symbol in symbols]
    return vocabulary, np.array(flat, np.uint32), np.fromiter(map(len, pieces), np.int64, len(pieces))


def _expand(chunks: np.ndarray, ends: np.ndarray, flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the numbers of the symbols of a batch's chunks, with END after each text."""
    flat, lengths = np.append(flat, np.uint32(END)), np.append(lengths, 1)
    chunks = np.insert(chunks, ends, len(lengths) - 1)
    counts = lengths[chunks]
    firsts = np.cumsum(lengths)[chunks] - counts
    shifts = firsts - (np.cumsum(counts) - counts)
    symbols: np.ndarray = flat[np.repeat(shifts, counts) + np.arange(counts.sum())]
    return symbols


def _sort(symbols: np.ndarray) -> np.ndarray:
    """Return the places of symbols, given as bytes, by what follows them: bytes are sorted, whole symbols kept."""
    places = divsufsort(symbols)
    parts = np.array_split(places, math.ceil(len(places) / 2**22))  # in parts, for the sake of memory
    return np.concatenate([part[part % WIDTH == 0] // WIDTH for part in parts])


def _common(one: bytes, other: bytes) -> int:
    """Return with how many equal symbols two sequences begin."""
    size = min(len(one), len(other)) // WIDTH
    same = np.frombuffer(one, np.uint32, size) == np.frombuffer(other, np.uint32, size)
    return size if same.all() else int(same.argmin())
