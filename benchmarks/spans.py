"""How fast are copied spans indexed and found, at the size of the Tech Challenge's training set?

    python -m benchmarks.spans --json

Generates 131,262 descriptions with AmazonTitles' lengths: words by Zipf's law, repeated idioms, and 6 % of the rows
repeating another row's text. One process indexes them; a second one opens the index and finds the spans of 500 texts of
150 words, joined from passages of the descriptions and single words. Seconds are wall time and CPU time, since other
processes may be running. The second process's memory is the cost of a query; it includes accessed pages of the mapped
files.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from shelftalk.evidence.spans import SpanIndex, build_spans, verbatim_share
from shelftalk.records import Product

PRODUCTS, QUERIES, QUERY_WORDS = 131_262, 500, 150
WORDS, IDIOMS, IDIOM_SHARE, REPEATED_SHARE = 400_000, 20_000, 0.12, 0.06
# Quantiles of AmazonTitles' lengths in characters, interpolated geometrically. The last is not the true 197,622, which
# would give far too many long texts: with 14,000 the mean is about 770.
SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
CHARACTERS = (8, 47, 194, 398, 805, 1_728, 14_000)
LETTERS = "etaoinshrdlcumwfgypbvk"


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work = {"build": build, "query": query}[options.worker[0]]
        print(json.dumps(work(Path(options.worker[1]), options.products)))
        return
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = {}
        for name in ("build", "query"):
            command = [sys.executable, "-m", "benchmarks.spans", "--products", str(options.products)]
            command += ["--worker", name, folder]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            result |= json.loads(output.splitlines()[-1])
    print(json.dumps(result) if options.json else "\n".join(f"{key}: {value}" for key, value in result.items()))


def build(folder: Path, count: int) -> dict[str, Any]:
    """Index synthetic products, write the queries beside the index, and return time, memory and disk."""
    generator = np.random.default_rng(0)
    descriptions = draw_descriptions(count, generator)
    (folder / "queries.json").write_text(json.dumps(draw_queries(descriptions, generator)), encoding="utf-8")
    products = [Product(f"{number:010d}", f"Title {number}", text) for number, text in enumerate(descriptions)]
    megabytes = sum(len(text.encode()) for text in descriptions) / 1e6
    before, cpu, begin = peak_mebibytes(), time.process_time(), time.perf_counter()
    counts = build_spans(products, folder / "spans")
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu
    return {
        **{key: counts[key] for key in ("products", "symbols")},
        "megabytes": round(megabytes, 1),
        "build_seconds": round(seconds, 1),
        "build_cpu_seconds": round(cpu_seconds, 1),
        "megabytes_per_second": round(megabytes / seconds, 2),
        "megabytes_per_cpu_second": round(megabytes / cpu_seconds, 2),
        "peak_mib_before_build": before,
        "peak_mib_build": peak_mebibytes(),
        "disk_mib": round(sum(file.stat().st_size for file in (folder / "spans").iterdir()) / 2**20),
    }


def query(folder: Path, _: int) -> dict[str, Any]:
    """Open the index and find the spans of each text; return milliseconds."""
    texts = json.loads((folder / "queries.json").read_text(encoding="utf-8"))
    begin = time.perf_counter()
    index = SpanIndex.open(folder / "spans")
    opened = time.perf_counter()
    index.find(texts[0])
    first, wall, cpu, shares = time.perf_counter(), [], [], []
    for text in texts:
        begin_wall, begin_cpu = time.perf_counter(), time.process_time()
        spans = index.find(text)
        wall.append(1000 * (time.perf_counter() - begin_wall))
        cpu.append(1000 * (time.process_time() - begin_cpu))
        shares.append(verbatim_share(text, spans))
    return {
        "open_ms": round(1000 * (opened - begin), 1),
        "first_query_ms": round(1000 * (first - opened), 1),
        **{f"query_ms_p{part}": round(float(np.percentile(wall, part)), 1) for part in (50, 99)},
        **{f"query_cpu_ms_p{part}": round(float(np.percentile(cpu, part)), 1) for part in (50, 99)},
        "verbatim_share": round(float(np.mean(shares)), 3),
        "peak_mib_query": peak_mebibytes(),
    }


def draw_descriptions(
    count: int, generator: np.random.Generator, vocabulary: tuple[Any, Any] | None = None
) -> list[str]:
    """Generate descriptions: words and idioms in sentences, some rows with another row's text."""
    forms, chances = vocabulary or draw_vocabulary(generator)
    lengths = np.exp(np.interp(generator.random(count), SHARES, np.log(CHARACTERS))).astype(int)
    texts = []
    for length in lengths.tolist():
        size = length // 4 + 2
        entries = np.searchsorted(chances, generator.random(size))
        marks = generator.choice(3, size, p=(0.86, 0.07, 0.07))  # nothing, a comma, a full stop
        capitals = np.append(True, marks[:-1] == 2)
        texts.append(" ".join(forms[np.where(capitals, 3, marks), entries].tolist())[:length].rpartition(" ")[0] + ".")
    for number in np.flatnonzero(generator.random(count) < REPEATED_SHARE).tolist():
        texts[number] = texts[generator.integers(count) // 50]
    return texts


def draw_vocabulary(generator: np.random.Generator) -> tuple[Any, Any]:
    """Return words and idioms [form: plain, comma, full stop, capital; entry] and cumulative probabilities."""
    letter_chances = 1 / np.arange(1, len(LETTERS) + 1)
    lengths = np.clip(generator.normal(2.2 + 1.6 * np.log10(np.arange(1, WORDS + 1)), 1.6), 2, 14).astype(int)
    letters = generator.choice(list(LETTERS), lengths.sum(), p=letter_chances / letter_chances.sum())
    stream, ends = "".join(letters.tolist()), np.cumsum(lengths).tolist()
    words = [stream[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
    chances = 1 / (np.arange(WORDS) + 2.7) ** 1.05
    chances *= (1 - IDIOM_SHARE) / chances.sum()
    sums = np.cumsum(chances / chances.sum())
    sizes = generator.integers(2, 7, IDIOMS).tolist()
    idioms = [" ".join(words[one] for one in np.searchsorted(sums, generator.random(size))) for size in sizes]
    idiom_chances = 1 / (np.arange(IDIOMS) + 5)
    every = [*words, *idioms]
    forms = [every, [f"{one}," for one in every], [f"{one}." for one in every], [one.capitalize() for one in every]]
    summed = np.cumsum(np.append(chances, idiom_chances * IDIOM_SHARE / idiom_chances.sum()))
    return np.array(forms, dtype=object), summed / summed[-1]


def draw_queries(descriptions: list[str], generator: np.random.Generator) -> list[str]:
    """Join texts from passages of 1 to 30 words."""
    texts = []
    for _ in range(QUERIES):
        words: list[str] = []
        while len(words) < QUERY_WORDS:
            source = descriptions[generator.integers(len(descriptions))].split()
            start = int(generator.integers(len(source)))
            words += source[start : start + int(generator.integers(1, 31))]
        texts.append(" ".join(words[:QUERY_WORDS]))
    return texts


def peak_mebibytes() -> int:
    """Return this process's peak memory, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024))


if __name__ == "__main__":
    main()
