"""Write a synthetic file with the format and size of AmazonTitles-1.3MM's trn.json.

    python -m benchmarks.amazontitles trn.json [--rows 2248619]

It has the published file's number of rows and bytes (1.89 GB), key order, JSON style and quantiles of lengths, and its
shares of empty titles and contents, of repeated products, titles and contents, of HTML entities and of edition notes.
The words are synthetic. The output is deterministic; a row depends only on the seed and its block of 10,000 rows, so
that a shorter file is a prefix of a longer one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.spans import CHARACTERS, SHARES, draw_descriptions

ROWS = 2_248_619
BLOCK = 10_000
POOL_ROWS = 20_000  # synthetic descriptions, from which the texts are cut
TITLE_CHARACTERS = (8, 17, 37, 54, 75, 125, 400)  # as in benchmarks.spans, not the true longest
LONGEST_CONTENT = 197_622
EMPTY_TITLE, EMPTY_CONTENT, BOTH_EMPTY, BLANK_CONTENT = 0.056, 0.333, 0.012, 0.005
REPEATED_PRODUCT, REPEATED_TITLE, REPEATED_CONTENT = 0.030, 0.005, 0.04
ENTITIES, NOTES, DOUBLE_SPACES = 0.17, 0.18, 0.20
ENTITY = ("&#x2019;", "&#8217;", "&mdash;", "&#160;", "&quot;", "&#x2026;", "&amp;", "&copy;")
NOTE = "--This text refers to the{} edition."
BINDINGS = ("Paperback", "Hardcover", "Mass Market Paperback", "Kindle Edition", "Audio CD")
BLURBS = 4_000  # texts that many products share: series, authors
MOST_TARGETS = 26  # the mean is half of this, which gives the file's size


def lines(rows: int, seed: int = 0) -> Iterator[str]:
    """Yield the file's lines, each with its newline."""
    pool = " ".join(draw_descriptions(POOL_ROWS, np.random.default_rng(seed)))
    blurbs = _contents(pool, np.random.default_rng((seed, 1)), BLURBS)
    for first in range(0, rows, BLOCK):
        yield from _block(pool, blurbs, np.random.default_rng((seed, 2, first)), first, min(BLOCK, rows - first))


def _block(pool: str, blurbs: list[str], generator: np.random.Generator, first: int, count: int) -> Iterator[str]:
    """Yield the lines of one block of the file."""
    titles, contents = _titles(pool, generator, BLOCK), _contents(pool, generator, BLOCK)
    draw = generator.random(BLOCK)
    title_empty = draw < EMPTY_TITLE
    content_empty = (draw >= EMPTY_TITLE - BOTH_EMPTY) & (draw < EMPTY_TITLE - BOTH_EMPTY + EMPTY_CONTENT)
    blank = draw > 1 - BLANK_CONTENT
    repeats, earlier = generator.random(BLOCK), generator.integers(0, np.maximum(np.arange(BLOCK), 1))
    blurb, kinds = generator.integers(len(blurbs), size=BLOCK), generator.random((BLOCK, 3))
    targets = [generator.integers(1_305_265, size=size) for size in generator.integers(MOST_TARGETS + 1, size=BLOCK)]
    for row in range(count):
        if repeats[row] < REPEATED_PRODUCT and row:
            titles[row], contents[row] = titles[earlier[row]], contents[earlier[row]]
        elif repeats[row] < REPEATED_PRODUCT + REPEATED_TITLE and row:
            titles[row] = titles[earlier[row]]
        elif repeats[row] > 1 - REPEATED_CONTENT:
            contents[row] = blurbs[blurb[row]]
        else:
            contents[row] = _add_artifacts(contents[row], kinds[row])
        content = "" if content_empty[row] else "&nbsp; " if blank[row] else contents[row]
        indices = np.sort(targets[row]).tolist()
        record = {
            "uid": f"{first + row:010d}",
            "title": "" if title_empty[row] else titles[row],
            "content": content,
            "target_ind": indices,
            "target_rel": [1.0] * len(indices),
        }
        yield json.dumps(record, ensure_ascii=False) + "\n"


def _titles(pool: str, generator: np.random.Generator, count: int) -> list[str]:
    return [text.title().rstrip(".,") for text in _passages(pool, generator, TITLE_CHARACTERS, count)]


def _contents(pool: str, generator: np.random.Generator, count: int) -> list[str]:
    contents = _passages(pool, generator, CHARACTERS, count)
    if generator.random() < 0.05:  # the published file contains a few whole books
        contents[int(generator.integers(count))] = pool[: int(generator.integers(20_000, LONGEST_CONTENT))]
    return contents


def _passages(pool: str, generator: np.random.Generator, characters: tuple[int, ...], count: int) -> list[str]:
    """Cut passages of whole words from the pool, with lengths at the quantiles `characters`."""
    lengths = np.exp(np.interp(generator.random(count), SHARES, np.log(characters))).astype(int).tolist()
    starts = generator.integers(len(pool) - max(characters), size=count).tolist()
    begins = [pool.find(" ", start) + 1 for start in starts]
    return [pool[begin : pool.find(" ", begin + length)] for begin, length in zip(begins, lengths, strict=True)]


def _add_artifacts(content: str, kinds: np.ndarray) -> str:
    """Add what the published contents have besides words: entities, double spaces, edition notes."""
    if kinds[0] < ENTITIES:
        content = content.replace(" ", ENTITY[int(kinds[0] * 1000) % len(ENTITY)], 1 + int(kinds[0] * 100) % 3)
    if kinds[1] < DOUBLE_SPACES:
        content = content.replace(". ", ".  ")
    if kinds[2] < NOTES:
        content += NOTE.format(BINDINGS[int(kinds[2] * 1000) % len(BINDINGS)])
    return content


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with options.output.open("w", encoding="utf-8") as file:
        file.writelines(lines(options.rows, options.seed))
    print(f"{options.rows:,} rows, {options.output.stat().st_size / 1e6:,.1f} MB in {options.output}")


if __name__ == "__main__":
    main()
