"""A suffix array over the symbols of many texts, which finds all occurrences of a sequence of symbols.

    symbols.bin        every text's symbols as numbers, big-endian uint32, so that bytes sort like numbers; each text
                       ends in END, which no query contains, so that no match crosses two texts
    suffixes.bin       the positions in symbols.bin, int32 (int64 for very many), sorted by their suffixes
    ends.bin           the position of each text's END, int64
    vocabulary.arrow   the distinct symbols, sorted by code point; the first one has the number 1

Files are memory-mapped: opening does not read them. A query compares about log2(symbols) slices of bytes.
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
WIDTH = 4  # bytes for each symbol
BATCH = 4096  # texts for each batch


def write_suffixes(folder: Path, texts: Sequence[str], progress: Progress) -> int:
    """Write the four files to `folder` and return the number of symbols; `progress` counts texts that were read.

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
    """Write record batches as an Arrow file, from which single rows can be read by memory-mapping."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_arrow(path: Path) -> Any:
    """Return an Arrow file's table, memory-mapped: only accessed data is read."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


class Suffixes:
    """The open files of a folder, which stay usable if the folder is replaced or deleted."""

    def __init__(self, folder: Path) -> None:
        self._symbols = np.memmap(folder / SYMBOLS, np.uint8, "r").data
        count = len(self._symbols) // WIDTH
        size = (folder / SUFFIXES).stat().st_size // count
        self._suffixes = np.memmap(folder / SUFFIXES, f"i{size}", "r")
        self._positions = self._suffixes.data  # returns plain ints, in a third of the time
        self._ends = np.memmap(folder / ENDS, np.int64, "r")
        self._vocabulary = read_arrow(folder / VOCABULARY).column("symbol")

    def encode(self, symbols: Sequence[str]) -> bytes:
        """Encode symbols as in symbols.bin; a symbol that no text contains becomes UNKNOWN."""
        numbers = {symbol: self._number(symbol) for symbol in set(symbols)}
        return b"".join(numbers[symbol].to_bytes(WIDTH, "big") for symbol in symbols)

    def longest(self, wanted: bytes) -> int:
        """Return the length, in symbols, of the longest prefix of `wanted` that occurs in a text."""
        index = bisect_left(self._positions, wanted, key=self._suffix_key(len(wanted)))
        nearest = self._positions[max(0, index - 1) : index + 1]
        return max(_common(wanted, self._suffix_key(len(wanted))(one)) for one in nearest)

    def find(self, wanted: bytes) -> np.ndarray:
        """Return all positions of `wanted`, ascending."""
        return np.sort(self._suffixes[slice(*self._range(wanted))])

    def count(self, wanted: bytes) -> int:
        """Return the number of occurrences of `wanted`."""
        first, last = self._range(wanted)
        return last - first

    def texts_of(self, positions: np.ndarray) -> np.ndarray:
        """Return the numbers of the texts, from 0, that contain the positions."""
        return np.searchsorted(self._ends, positions)

    def within(self, text: int, position: int) -> int:
        """Return a position's symbol index within its text, from 0."""
        return position - (int(self._ends[text - 1]) + 1 if text else 0)

    def _range(self, wanted: bytes) -> tuple[int, int]:
        key = self._suffix_key(len(wanted))
        first = bisect_left(self._positions, wanted, key=key)
        return first, bisect_right(self._positions, wanted, lo=first, key=key)

    def _suffix_key(self, size: int) -> Any:
        return lambda position: self._symbols[WIDTH * position : WIDTH * position + size].tobytes()

    def _number(self, symbol: str) -> int:
        found = bisect_left(range(len(self._vocabulary)), symbol, key=self._symbol)
        return found + 1 if found < len(self._vocabulary) and self._symbol(found) == symbol else UNKNOWN

    def _symbol(self, number: int) -> str:
        symbol: str = self._vocabulary[number].as_py()
        return symbol


def _read(texts: Sequence[str], progress: Progress) -> tuple[list[str], list[tuple[np.ndarray, np.ndarray]]]:
    """Return the distinct chunks between whitespace and, for each batch, the chunks' numbers and the texts' ends."""
    advance, lists = counter(progress, len(texts)), []
    for start in range(0, len(texts), BATCH):
        # The only printable whitespace is the space; a double space gives an empty chunk, which has no symbols.
        part = [text if text.isprintable() else " ".join(text.split()) for text in texts[start : start + BATCH]]
        lists.append(pc.split_pattern(pa.array(part, pa.large_string()), " "))
        advance(len(part))
    encoded = pa.chunked_array([one.values for one in lists]).dictionary_encode()  # one dictionary for all
    numbers = [one.indices.to_numpy() for one in encoded.chunks]
    ends = [one.offsets.to_numpy()[1:] for one in lists]
    return encoded.chunk(0).dictionary.to_pylist(), list(zip(numbers, ends, strict=True))


def _cut_chunks(chunks: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the sorted symbols, the concatenated symbol numbers of all chunks, and each chunk's symbol count."""
    pieces = [cut_chunk(chunk) for chunk in chunks]
    vocabulary = sorted({symbol for symbols in pieces for symbol in symbols})
    numbers = {symbol: number for number, symbol in enumerate(vocabulary, END + 1)}
    flat = [numbers[symbol] for symbols in pieces for symbol in symbols]
    return vocabulary, np.array(flat, np.uint32), np.fromiter(map(len, pieces), np.int64, len(pieces))


def _expand(chunks: np.ndarray, ends: np.ndarray, flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the symbol numbers of a batch's chunks, with END after each text."""
    flat, lengths = np.append(flat, np.uint32(END)), np.append(lengths, 1)
    chunks = np.insert(chunks, ends, len(lengths) - 1)
    counts = lengths[chunks]
    firsts = np.cumsum(lengths)[chunks] - counts
    shifts = firsts - (np.cumsum(counts) - counts)
    symbols: np.ndarray = flat[np.repeat(shifts, counts) + np.arange(counts.sum())]
    return symbols


def _sort(symbols: np.ndarray) -> np.ndarray:
    """Return the suffix array of symbols given as bytes: sort all byte suffixes, keep those that start a symbol."""
    positions = divsufsort(symbols)
    parts = np.array_split(positions, math.ceil(len(positions) / 2**22))  # in parts, to save memory
    return np.concatenate([part[part % WIDTH == 0] // WIDTH for part in parts])


def _common(one: bytes, other: bytes) -> int:
    """Return the length of the common prefix of two sequences, in symbols."""
    size = min(len(one), len(other)) // WIDTH
    same = np.frombuffer(one, np.uint32, size) == np.frombuffer(other, np.uint32, size)
    return size if same.all() else int(same.argmin())
