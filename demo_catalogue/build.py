"""Build the bundled demo catalogue, src/shelftalk/catalogue/demo.json.gz, from the files in this folder.

    python demo_catalogue/build.py

Each department file has one product a line, `{"title": ..., "attributes": {...}, "content": ...}`, in the house voice
(checked here, see README.md); a product may have no attributes. dirty.jsonl has whole lines that are copied unchanged:
bytes, many of them not JSON, some not even UTF-8. The result has the format of AmazonTitles-1.3MM, with attributes
after the title, and is byte-identical on each run with the same version of zlib.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).resolve().parent
TARGET = SOURCES.parent / "src" / "shelftalk" / "catalogue" / "demo.json.gz"

# A department's number is its position here and part of every uid: add new departments at the end.
DEPARTMENTS = (
    "baby",
    "bed_and_bath",
    "books",
    "camping",
    "clothing",
    "craft",
    "electronics",
    "garden",
    "kitchen",
    "music",
    "pets",
    "sport",
    "stationery",
    "tools",
    "toys",
    "home",
    "titles_only",
)

ENDING = re.compile(r".*\. Good to know: (?:(?![.?] ).)+\. We like (?:it|them) because (?:(?![.?] ).)+\.")
HOUSE_VOICE: dict[str, Callable[[str], object]] = {
    "a text has 40 to 70 words": lambda text: 40 <= len(text.split()) <= 70,
    "a text has one 'Good to know:'": lambda text: text.count("Good to know:") == 1,
    "a text ends with 'Good to know: ... . We like it because ... .'": ENDING.fullmatch,
    "a text has no '!'": lambda text: "!" not in text,
}
CLOSING = ("good to know", "why we like it")  # the attributes in which any two products differ


class Product(NamedTuple):
    """One product of a department file; `location` is its file and line, for error messages.

    `attributes` is empty where the product has none; then its text need not keep the house voice.
    """

    uid: str
    department: str
    title: str
    attributes: dict[str, str]
    content: str
    location: str


class SourceError(Exception):
    """The sources have faults; the message has one line for each."""


def main() -> None:
    """Write the demo catalogue, or exit with the list of faults."""
    try:
        lines = build()
    except SourceError as error:
        sys.exit(str(error))
    TARGET.write_bytes(compress(b"".join(lines)))
    print(f"{TARGET.name}: {len(lines)} lines, {TARGET.stat().st_size:,} bytes")


def build(sources: Path = SOURCES) -> list[bytes]:
    """Return the catalogue's lines with their line endings: products shuffled, dirty rows spread among them.

    Raises:
        SourceError: a line of a department file is not a product in the house voice, or a title, a limit or a benefit
            is repeated.
    """
    products = read_products(sources)
    check(products)
    dirty = io.BytesIO((sources / "dirty.jsonl").read_bytes()).readlines()
    rows = intersperse(shuffle(products), dirty)
    positions = {row.uid: position for position, row in enumerate(rows) if isinstance(row, Product)}
    neighbours = find_neighbours(products)
    return [
        as_line(row, [positions[uid] for uid in neighbours[row.uid]]) if isinstance(row, Product) else row
        for row in rows
    ]


def read_products(sources: Path) -> list[Product]:
    """Read the department files in order; a uid is the department's number and the line's, five digits each."""
    unknown = {path.stem for path in sources.glob("*.jsonl")} - {*DEPARTMENTS, "dirty"}
    if unknown:
        raise SourceError(f"Not in DEPARTMENTS: {', '.join(sorted(unknown))}.")
    products = []
    for number, department in enumerate(DEPARTMENTS, start=1):
        text = (sources / f"{department}.jsonl").read_text(encoding="utf-8")
        for serial, line in enumerate(text.splitlines(), start=1):
            location = f"{department}.jsonl:{serial}"
            title, attributes, content = read_card(line, location)
            products.append(Product(f"{number:05}{serial:05}", department, title, attributes, content, location))
    return products


def read_card(line: str, location: str) -> tuple[str, dict[str, str], str]:
    """Read the title, the attributes and the content of one line."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise SourceError(f"{location}: not JSON: {error}.") from error
    match row:
        case {"title": str(title), "content": str(content)} if len(row) == 2:
            return title, {}, content
        case {"title": str(title), "attributes": dict(attributes), "content": str(content)} if len(row) == 3:
            if attributes and all(isinstance(value, str) for value in attributes.values()):
                return title, attributes, content
    raise SourceError(
        f"{location}: a line holds the two texts title and content, may hold attributes, an object of texts, and holds "
        "nothing else."
    )


def check(products: list[Product]) -> None:
    """Raise SourceError with every violation of the house voice and every title, limit and benefit that is repeated."""
    faults = []
    locations: dict[tuple[str, str], str] = {}
    for one in products:
        if one.attributes:
            faults += [f"{one.location}: {rule}." for rule, holds in HOUSE_VOICE.items() if not holds(one.content)]
        closing = [(name, one.attributes[name]) for name in CLOSING if name in one.attributes]
        for name, text in [("title", one.title), *closing]:
            first = locations.setdefault((name, text.casefold()), one.location)
            if first != one.location:
                faults.append(f"{one.location}: this {name} is already in {first}.")
    if faults:
        raise SourceError("\n".join(faults))


def shuffle(products: list[Product]) -> list[Product]:
    """Order products by a hash of their uid: a new product does not change the order of the others."""
    return sorted(products, key=lambda one: sha256(one.uid.encode()).digest())


def intersperse(products: list[Product], dirty: list[bytes]) -> list[Product | bytes]:
    """Spread the dirty rows evenly among the products, in their own order, none at either end."""
    rows: list[Product | bytes] = list(products)
    for index in reversed(range(len(dirty))):
        rows.insert((index + 1) * len(products) // (len(dirty) + 1), dirty[index])
    return rows


def find_neighbours(products: list[Product]) -> dict[str, list[str]]:
    """Return for each product the uids of the next two or three of its department, cyclically."""
    departments: dict[str, list[str]] = defaultdict(list)
    for one in products:
        departments[one.department].append(one.uid)
    return {
        uid: [uids[(index + step) % len(uids)] for step in range(1, 3 + index % 2)]
        for uids in departments.values()
        for index, uid in enumerate(uids)
    }


def as_line(product: Product, neighbours: list[int]) -> bytes:
    """Encode a product as a line of AmazonTitles; `neighbours` are line numbers in this file, from 0."""
    attributes = {"attributes": product.attributes} if product.attributes else {}
    row = {
        "uid": product.uid,
        "title": product.title,
        **attributes,
        "content": product.content,
        "target_ind": neighbours,
        "target_rel": [1.0] * len(neighbours),
    }
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def compress(data: bytes) -> bytes:
    """Compress without time and file name in the header, so that the result is deterministic."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as stream:
        stream.write(data)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
