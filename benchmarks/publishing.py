"""How long does `publish` take to write accepted texts back, in each format, and how much memory?

    python -m benchmarks.publishing [--rows 100000] [--formats shopify,plain.csv] [--json]

The products are made up: an id, a title of five words, a description of forty, a brand and a colour; every text is
accepted and replaces the description. Each format is published once, in a process of its own, from start to end,
imports and the restore file included; memory is its peak, with the list of accepted texts. The last line is JSON.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.formats import products, write
from shelftalk.records import AcceptedText

SHOPIFY = ("Handle", "Title", "Body (HTML)", "Vendor", "Option1 Name", "Option1 Value", "Variant SKU", "Variant Price")
WOOCOMMERCE = ("ID", "Type", "SKU", "Name", "Published", "Short description", "Description", "Categories", "Images")
VARIANTS = 2  # further rows of a product of Shopify
# The format, the name of the input, and that of the file that is written.
FORMATS = {
    "shopify": ("shopify", "shopify.csv", "import.csv"),
    "woocommerce": ("woocommerce", "woocommerce.csv", "import.csv"),
    "google.tsv": ("google", "table.csv", "feed.tsv"),
    "google.xml": ("google", "table.csv", "feed2.xml"),
    "plain.csv": ("plain", "table.csv", "filled.csv"),
    "plain.western.csv": ("plain", "western.csv", "filled.csv"),
    "plain.jsonl": ("plain", "lines.jsonl", "filled.jsonl"),
    "plain.json": ("plain", "list.json", "filled.json"),
    "plain.parquet": ("plain", "table.parquet", "filled.parquet"),
}


def shopify(count: int) -> Iterator[tuple[str, ...]]:
    """Yield the rows of an export with further variants."""
    for handle, title, text, brand, colour in products(count):
        yield handle, title, f"<p>{text}</p>", brand, "Colour", colour, f"{handle}-0", "9.99"
        for number in range(1, VARIANTS + 1):
            yield handle, "", "", "", "", f"{colour}-{number}", f"{handle}-{number}", "9.99"


def woocommerce(count: int) -> Iterator[tuple[str, ...]]:
    """Yield the rows of an export of simple products."""
    for number, (uid, title, text, brand, colour) in enumerate(products(count), 1):
        yield str(number), "simple", uid, title, "1", colour, f"<p>{text}</p>\\n<p>{brand}</p>", brand, ""


def write_input(path: Path, count: int) -> None:
    """Write the products as the file's name says."""
    names, rows = {"shopify.csv": (SHOPIFY, shopify), "woocommerce.csv": (WOOCOMMERCE, woocommerce)}.get(
        path.name, (None, None)
    )
    if names is None or rows is None:
        write(path, count)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows(count))


def accepted(name: str, count: int) -> list[AcceptedText]:
    """Return a text for each product of the file of a format."""
    found = []
    for number, (uid, title, text, *_) in enumerate(products(count)):
        line = 2 + number * (1 + VARIANTS if name == "shopify" else 1)
        if name in ("plain.jsonl", "plain.parquet", "plain.json"):
            line = 1 if name == "plain.json" else number + 1
        uid = str(number + 1) if name == "woocommerce" else uid
        found.append(AcceptedText(line, uid, title, (), f"New: {text}\n\nA second paragraph & its end.", False))
    return found


def publish_one(name: str, source: Path, count: int) -> dict[str, Any]:
    """Publish in this process, and return what it took."""
    import time

    texts = accepted(name, count)
    before = time.monotonic()
    from shelftalk.publishing.publish import publish
    from shelftalk.publishing.settings import PublishSettings

    format, _, target = FORMATS[name]
    summary = publish(source, source.with_name(target), texts, PublishSettings(format=format), overwrite=True)
    seconds = time.monotonic() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"written": summary["written"], "seconds": round(seconds, 2), "mib": round(peak)}


def measure(name: str, count: int) -> dict[str, Any]:
    """Publish in a new process, and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / FORMATS[name][1]
        write_input(source, count)
        command = [sys.executable, "-m", "benchmarks.publishing", "--one", name, str(source), "--rows", str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return {"mb": round(source.stat().st_size / 1e6), **json.loads(done.stdout)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, source = options.one
        print(json.dumps(publish_one(name, Path(source), options.rows)))
        return
    found = {}
    for name in options.formats.split(","):
        one = found[name] = measure(name, options.rows)
        if not options.json:
            print(
                f"{name:18} {one['mb']:4} MB {one['written']:8,} {one['seconds']:6.2f} s {one['mib']:5} MiB", flush=True
            )
    print(json.dumps({"rows": options.rows, "formats": found}))


if __name__ == "__main__":
    main()
