"""Which near-duplicate descriptions are found, which others are linked, and how long does a whole catalogue take?

    python -m benchmarks.near_duplicates --json
    python -m benchmarks.near_duplicates --catalogue trn.json --json

Recall and precision: pairs of a description and an edited copy (words replaced, a number or a colour changed, a
sentence added, the end cut off), whose similarity is counted exactly, at all similarities from 0.3 to 1. The texts are
synthetic, or from a file, which is not changed.

Rate: synthetic descriptions with AmazonTitles' lengths, 6 % of them copies and 4 % edited copies, are written to disk
first; then two processes read them and compute signatures, and one groups them. Other linked descriptions are linked by
chance.

Boilerplate: the same with one of five paragraphs of 60 words at the end of one description in five.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.spans import draw_descriptions, draw_vocabulary, peak_mebibytes
from shelftalk.catalogue.clean import clean, comparable, comparables
from shelftalk.catalogue.near_duplicates import Signatures, near_groups, signatures
from shelftalk.catalogue.split import SPLITS, TEST, assign, fingerprints
from shelftalk.cluster.processes import processes

PRODUCTS, PAIRS, MADE_UP, BLOCK, PROCESSES = 1_364_345, 20_000, 20_000, 20_000, 2
EDITED_SHARE = 0.04
BOILERPLATE_PRODUCTS, BOILERPLATES, BOILERPLATE_WORDS, BOILERPLATE_SHARE = 131_262, 5, 60, 0.2
EDGES = (0.3, 0.5, 0.6, 0.65, 0.7, 0.75, 0.79, 0.81, 0.85, 0.9, 0.95, 1.0)
VARIANTS = ("red", "blue", "black", "white", "small", "large", "paperback", "hardcover", "first", "second")


class Pair(NamedTuple):
    """A description, an edited copy, and the Jaccard similarity of their word pairs."""

    one: str
    other: str
    similarity: float


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--catalogue", type=Path, help="JSON Lines with a `content`, to take the pairs' texts from")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure_quality(_texts(options.catalogue), options.pairs)
    if not options.catalogue:
        with tempfile.TemporaryDirectory() as folder:
            result |= measure_rate(Path(folder), options.products)
        result |= measure_boilerplate(min(options.products, BOILERPLATE_PRODUCTS))
    print(json.dumps(result) if options.json else "\n".join(f"{key}: {value}" for key, value in result.items()))


def measure_quality(texts: Sequence[str], count: int) -> dict[str, Any]:
    """Return recall, precision, and the share of linked pairs by exact similarity."""
    pairs = draw_pairs(texts, count, np.random.default_rng(0))
    exact, found = np.array([pair.similarity for pair in pairs]), linked_pairs(pairs)
    wanted, at = exact >= 0.8, (exact >= 0.79) & (exact <= 0.81)
    return {
        "pairs": len(pairs),
        "recall": round(float(found[wanted].mean()), 4),
        "recall_at_0.8": round(float(found[at].mean()), 4),
        "pairs_at_0.8": int(at.sum()),
        "precision": round(float(wanted[found].mean()), 4),
        "precision_at_least_0.7": round(float((exact[found] >= 0.7).mean()), 4),
        "linked_under_0.6": round(float(found[exact < 0.6].mean()), 5),
        "linked_by_similarity": {
            f"{low} to {high}": [round(float(found[some].mean()), 4), int(some.sum())]
            for low, high in pairwise(EDGES)
            if (some := (exact >= low) & (exact < high)).any()
        },
    }


def linked_pairs(pairs: Sequence[Pair]) -> NDArray[np.bool_]:
    """Return which pairs are linked, each in a separate catalogue, so that no third text can link them."""
    signed = signatures(comparables([text for pair in pairs for text in (pair.one, pair.other)]))
    return np.array([near_groups(signed[row : row + 2])[1] == 0 for row in range(0, len(signed), 2)])


def draw_pairs(texts: Sequence[str], count: int, generator: np.random.Generator) -> list[Pair]:
    """Draw and edit texts until there are `count` pairs."""
    pairs: list[Pair] = []
    while len(pairs) < count:
        one, source = (texts[number] for number in generator.integers(len(texts), size=2).tolist())
        other = edit(one, source, generator)
        pairs.append(Pair(one, other, exact_similarity(one, other)))
    return pairs


def edit(text: str, source: str, generator: np.random.Generator) -> str:
    """Edit a text with random strength, as in real catalogues; inserted words come from `source`."""
    words, others = text.split(), source.split()
    kinds, strength = generator.integers(1, 16), 0.35 * generator.random()  # a bit for each kind
    if kinds & 1:
        positions = np.flatnonzero(generator.random(len(words)) < strength * generator.random())
        for position in positions.tolist():
            words[position] = others[generator.integers(len(others))]
    if kinds & 2:
        for _ in range(generator.integers(1, 4)):
            words[generator.integers(len(words))] = VARIANTS[generator.integers(len(VARIANTS))]
    if kinds & 4:
        words += others[: int(strength * len(words)) + 1]
    if kinds & 8:
        words = words[: max(1, len(words) - int(strength * len(words)))]
    return " ".join(words)


def exact_similarity(one: str, other: str) -> float:
    """Return the Jaccard similarity of the texts' sets of pairs of adjacent words."""
    left, right = (_neighbours(comparable(text).split()) for text in (one, other))
    return len(left & right) / len(left | right)


def measure_rate(folder: Path, count: int) -> dict[str, Any]:
    """Write descriptions, compute signatures, group them, and return times, memory and links."""
    sizes = [min(BLOCK, count - start) for start in range(0, count, BLOCK)]
    files = [folder / f"{number}.parquet" for number in range(len(sizes))]
    signed_bytes = bytearray()
    with processes(PROCESSES) as mapped:
        labels = list(mapped(write_block, zip(files, sizes, range(len(sizes)), strict=True)))
    before, begin = peak_mebibytes(), time.perf_counter()
    with processes(PROCESSES) as mapped:
        for part in mapped(sign_block, files):
            signed_bytes += part.tobytes()
        signing = time.perf_counter() - begin
    signed, begin = np.frombuffer(signed_bytes, np.uint32).reshape(count, -1), time.perf_counter()
    groups = near_groups(signed)
    grouping = time.perf_counter() - begin
    origins, exact, names, characters = (np.concatenate(column) for column in zip(*labels, strict=True))
    origins += np.arange(count) // BLOCK * BLOCK
    linked, sizes_of_groups = groups == groups[origins], np.unique(groups, return_counts=True)[1]
    return {
        "products": count,
        "megabytes": round(int(characters.sum()) / 1e6),
        "sign_seconds": round(signing, 1),
        "group_seconds": round(grouping, 1),
        "products_per_second": round(count / (signing + grouping)),
        "signature_mib": round(signed.nbytes / 2**20),
        "peak_mib_before": before,
        "peak_mib": peak_mebibytes(),
        "catalogue_recall": round(float(linked[(exact >= 0.8) & (exact < 1)].mean()), 4),
        "catalogue_recall_of": int(((exact >= 0.8) & (exact < 1)).sum()),
        "catalogue_copies_found": round(float(linked[(exact == 1) & (origins != np.arange(count))].mean()), 4),
        "catalogue_linked_under_0.6": round(float(linked[exact < 0.6].mean()), 5),
        "linked_products": int(sizes_of_groups[sizes_of_groups > 1].sum()),
        **chance_links(files, groups, names),
        "largest_group": int(sizes_of_groups.max()),
    }


def chance_links(files: Sequence[Path], groups: NDArray[Any], names: NDArray[Any]) -> dict[str, Any]:
    """Count links between unrelated texts; return the lowest similarity of such a text to its nearest."""
    kinds = np.unique(np.stack([groups, names.view(np.int64)]), axis=1)[0]
    mixed = np.unique(kinds[1:][kinds[1:] == kinds[:-1]])
    members: dict[int, set[str]] = {group: set() for group in mixed.tolist()}
    rows = np.flatnonzero(np.isin(groups, mixed))
    for number in np.unique(rows // BLOCK).tolist():
        texts = pq.read_table(files[number])["description"].to_pylist()
        for row in rows[rows // BLOCK == number].tolist():
            members[int(groups[row])].add(comparable(texts[row % BLOCK]))
    nearest = [
        max((exact_similarity(text, other) for other in texts if other != text), default=1.0)
        for texts in members.values()
        for text in texts
    ]
    return {
        "chance_links": len(kinds) - len(np.unique(groups)),
        "chance_least_similarity": round(min(nearest, default=1.0), 3),
    }


def write_block(block: tuple[Path, int, int]) -> tuple[NDArray[Any], ...]:
    """Write a block's file of descriptions, some of them edited copies of others, and return their origins.

    `block` is file, count and seed. Returns arrays, one entry for each description: the origin's row in the block, the
    similarity to it, a hash of its comparable text, and the number of characters of the description.
    """
    file, count, seed = block
    generator = np.random.default_rng([1, seed])
    texts = draw_descriptions(count, generator, _vocabulary())
    origins, exact = np.arange(count), np.ones(count)
    first: dict[str, int] = {}
    edited = generator.random(count) < EDITED_SHARE
    sources = np.flatnonzero(~edited)
    for row in sources.tolist():
        origins[row] = first.setdefault(comparable(texts[row]), row)
    for row in np.flatnonzero(edited).tolist():
        origin, other = sources[generator.integers(len(sources), size=2)].tolist()
        texts[row] = edit(texts[origin], texts[other], generator)
        origins[row], exact[row] = origins[origin], exact_similarity(texts[origin], texts[row])
    pq.write_table(pa.table({"description": texts}), file, compression="zstd")
    names = fingerprints("description", comparables([texts[origin] for origin in origins.tolist()]))
    return origins, exact, names, np.array([len(text) for text in texts])


def sign_block(file: Path) -> Signatures:
    """Read a block's descriptions and return their signatures."""
    return signatures(comparables(pq.read_table(file)["description"].to_pylist()))


def measure_boilerplate(count: int) -> dict[str, Any]:
    """Append a paragraph to some descriptions; return the largest groups' sizes and their splits."""
    generator = np.random.default_rng(1)
    texts = draw_descriptions(count + BOILERPLATES, generator, _vocabulary())
    long = [text for text in texts if len(text.split()) >= BOILERPLATE_WORDS][:BOILERPLATES]
    ends = [" ".join(text.split()[:BOILERPLATE_WORDS]) for text in long]
    texts = texts[:count]
    for row in np.flatnonzero(generator.random(count) < BOILERPLATE_SHARE).tolist():
        texts[row] += f" {ends[generator.integers(BOILERPLATES)]}."
    groups = near_groups(signatures(comparables(texts)))
    names, sizes = np.unique(groups, return_counts=True)
    largest = np.argsort(sizes)[::-1][:BOILERPLATES]
    splits = assign(groups.astype(np.uint64), 0.05, 0.10, 42)
    return {
        "boilerplate_products": count,
        "boilerplate_largest_groups": sizes[largest].tolist(),
        "boilerplate_splits": [SPLITS[splits[row]] for row in names[largest].tolist()],
        "boilerplate_test_share": round(float((splits == TEST).mean()), 4),
    }


@cache
def _vocabulary() -> tuple[Any, Any]:
    return draw_vocabulary(np.random.default_rng(0))


def _texts(catalogue: Path | None) -> list[str]:
    if catalogue is None:
        return draw_descriptions(MADE_UP, np.random.default_rng(2), _vocabulary())
    rows = [json.loads(line) for line in catalogue.read_text(encoding="utf-8").splitlines()]
    return [text for row in rows if (text := clean(row["content"]))]


def _neighbours(words: list[str]) -> set[tuple[str, ...]]:
    return {*pairwise(words)} if len(words) > 1 else {tuple(words)}


if __name__ == "__main__":
    from benchmarks import near_duplicates  # by module name, so that worker processes can import the functions

    near_duplicates.main()
