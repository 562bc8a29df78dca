"""Catalogue files for the tests: made-up products, and a writer for each format."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

COLOURS = ("crimson", "navy", "olive", "amber", "slate", "ivory", "teal", "plum")
THINGS = ("kettle", "trowel", "lantern", "mitten", "puzzle", "ledger", "saddle", "whistle")


def rows(count: int) -> list[dict[str, Any]]:
    """Make `count` different products in the format of AmazonTitles."""
    return [
        {
            "uid": f"{number:010d}",
            "title": f"The {COLOURS[number % 8]} {THINGS[number // 8 % 8]} no. {number}",
            "content": f"A {THINGS[number // 8 % 8]} of {number} parts, “sturdy”, café-tested, {COLOURS[number % 8]}.",
            "target_ind": [number, number + 1],
            "target_rel": [1.0, 1.0],
        }
        for number in range(count)
    ]


def json_lines(entries: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def write_json(path: Path, entries: list[dict[str, Any]]) -> Path:
    path.write_bytes(json_lines(entries))
    return path


def write_lines(path: Path, *odd: bytes, good: int = 20) -> Path:
    """Write `good` products with each odd line after one of them: the first odd one is line 2, the next line 4."""
    lines = json_lines(rows(good)).splitlines(keepends=True)
    for index, line in enumerate(odd):
        lines.insert(2 * index + 1, line + b"\n")
    path.write_bytes(b"".join(lines))
    return path


def write_gzip(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content, mtime=0))
    return path


def write_delimited(path: Path, entries: list[dict[str, Any]], delimiter: str, encoding: str = "utf-8") -> Path:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["uid", "title", "content"])
    writer.writerows([entry["uid"], entry["title"], entry["content"]] for entry in entries)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def write_parquet(path: Path, entries: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(entries), path)
    return path


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
