"""The pointer of an index: index.json says which vectors the verified Chroma folder serves, and which Chroma built it.

To look at it loads no Chroma.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from shelftalk.errors import Damaged
from shelftalk.retrieval import vectors
from shelftalk.workspace import faults, read_json, write_json

POINTER = "index.json"


def store_folder(folder: Path, digest: str) -> Path:
    """Return the Chroma folder of the vectors with the SHA-256 `digest`."""
    return folder / f"chroma-{digest[:12]}"


def write_pointer(folder: Path, digest: str, products: int) -> None:
    """Point at the Chroma folder of the vectors with the SHA-256 `digest`."""
    write_json(folder / POINTER, {**_pointer(digest), "products": products})


def is_sound(folder: Path, digest: str) -> bool:
    """Say whether the pointer names the vectors of the SHA-256 `digest` and their Chroma folder is as it was built."""
    try:
        pointer = read_json(folder / POINTER)
        return pointer.items() >= _pointer(digest).items() and not faults(store_folder(folder, digest))
    except (Damaged, AttributeError):
        return False


def is_built(folder: Path) -> bool:
    """Say whether an index stands that opens without building, as far as names and sizes tell; nothing is hashed."""
    try:
        pointer = read_json(folder / POINTER)
        digest = pointer["vectors_sha256"]
        current = pointer.items() >= _pointer(digest).items() and (folder / vectors.FILE).is_file()
        return current and not faults(store_folder(folder, digest), hashes=False)
    except (Damaged, LookupError, TypeError, AttributeError):
        return False


def _pointer(digest: str) -> dict[str, str]:
    return {"vectors_sha256": digest, "chromadb": version("chromadb")}
