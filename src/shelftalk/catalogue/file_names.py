"""What the name of a file says of it: its kind, its packing, and whether it holds products at all."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath
from typing import Literal

Kind = Literal["json", "csv", "tsv", "sheet", "parquet", "xml"]

# The kinds of texts; the beginning of a file may say another one.
KINDS: dict[str, Kind] = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xml": "xml",
    ".rss": "xml",
    ".atom": "xml",
}
SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
PACKINGS = (".gz", ".bz2", ".xz")
ABOUT = ("readme", "license", "licence", "changelog")


def suffix_of(name: str) -> str:
    """Return a file name's suffix, in lower case, without that of its packing."""
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix in PACKINGS else path.suffix


def is_no_data(path: PurePath) -> bool:
    """Return whether a file in an archive or a folder is hidden, or a text about the others."""
    return path.stem.lower() in ABOUT or any(part.startswith((".", "__MACOSX")) for part in path.parts)
