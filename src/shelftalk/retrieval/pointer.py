"""The pointer of an index: index.json names the vectors of the verified Chroma folder and the Chroma version.

Reading it does not import Chroma.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shelftalk.errors import Damaged, NotFound
from shelftalk.format_numbers import require_known
from shelftalk.models.embedders import MINILM, EmbedderId
from shelftalk.retrieval import vectors
from shelftalk.workspace import faults, read_json, write_json

POINTER = "index.json"
FORMAT = 2  # of the index as a whole; with all-MiniLM-L6-v2 it is still 1, which earlier versions read


def store_folder(folder: Path, digest: str) -> Path:
    """Return the Chroma folder of the vectors with the SHA-256 `digest`."""
    return folder / f"chroma-{digest[:12]}"


def write_pointer(folder: Path, digest: str, products: int, embedder: EmbedderId = MINILM) -> None:
    """Write a pointer to the Chroma folder of the vectors with the SHA-256 `digest`, made with `embedder`."""
    named = {"format": 1} if embedder == MINILM else {"format": FORMAT, "embedder": embedder._asdict()}
    write_json(folder / POINTER, {**named, **_pointer(digest), "products": products})


def read_pointer(folder: Path) -> Any:
    """Return the content of an index's pointer.

    Raises:
        NewerFormat: a newer version of shelftalk made the index.
        Damaged: there is no pointer, or it cannot be read.
    """
    pointer = read_json(folder / POINTER)
    require_known(pointer, FORMAT, folder / POINTER)
    return pointer


def named_embedder(folder: Path) -> EmbedderId:
    """Return the embedder that an index is of, also of one whose vectors are lost or damaged.

    Raises:
        NewerFormat: a newer version of shelftalk made the index.
    """
    with suppress(NotFound, Damaged):
        return vectors.embedder_of(folder / vectors.FILE)
    with suppress(Damaged, LookupError, TypeError):
        held = read_pointer(folder)["embedder"]
        return EmbedderId(str(held["name"]), str(held["revision"]))
    return MINILM


def is_sound(folder: Path, digest: str) -> bool:
    """Return whether the pointer names the vectors with the SHA-256 `digest` and their Chroma folder is unchanged."""
    try:
        pointer = read_pointer(folder)
        return pointer.items() >= _pointer(digest).items() and not faults(store_folder(folder, digest))
    except (Damaged, AttributeError):
        return False


def is_built(folder: Path) -> bool:
    """Return whether an index opens without being built, judged by names and sizes, without hashing."""
    try:
        pointer = read_pointer(folder)
        digest = pointer["vectors_sha256"]
        current = pointer.items() >= _pointer(digest).items() and (folder / vectors.FILE).is_file()
        return current and not faults(store_folder(folder, digest), hashes=False)
    except (Damaged, LookupError, TypeError, AttributeError):
        return False


def _pointer(digest: str) -> dict[str, str]:
    return {"vectors_sha256": digest, "chromadb": version("chromadb")}
