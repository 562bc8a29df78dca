"""The texts that people accepted or edited and from which a run learns: a file in its folder, read as products.

The file makes the run independent of the reviews: it resumes, and can be made again, after they have grown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from shelftalk.catalogue.clean import clean, plain
from shelftalk.catalogue.table import ATTRIBUTES
from shelftalk.errors import Damaged
from shelftalk.records import AcceptedText, Product
from shelftalk.settings import TrainingSettings
from shelftalk.workspace import sha256, staged_file

ACCEPTED = "accepted.parquet"  # in a run's folder
SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("uid", pa.string()),
        ("title", pa.string()),
        ("attributes", ATTRIBUTES),
        ("text", pa.string()),
        ("edited", pa.bool_()),
    ]
)


# Changes of its source's settings with which a run learns from accepted texts; see docs/experiments.md#edits.
LEARNING = {
    "products": 80,
    "epochs": 1,
    "batch_size": 2,
    "gradient_accumulation": 1,
    "warmup_steps": 8,
    "validate_every": 0,
    "early_stopping": 0,
    "vocabulary": "full",
    "plain_share": 0.0,
}
RATE = 1e-4  # at most


class Accepted(NamedTuple):
    """What a run learns from: `texts`, and the numbers of those that stay out.

    `held_out` counts those of held-out products, `empty` those without a title or a text.
    """

    texts: Sequence[AcceptedText]
    held_out: int = 0
    empty: int = 0


def settings_for(source: TrainingSettings) -> dict[str, Any]:
    """Return the usual settings of a run that learns from accepted texts; it begins from one with those of `source`."""
    return {**source.as_mapping(), **LEARNING, "learning_rate": min(RATE, source.learning_rate)}


def clean_accepted(accepted: Iterable[AcceptedText]) -> list[AcceptedText]:
    """Return the texts with uids, titles and texts cleaned as `prepare` does, without those that are empty then."""
    cleaned = (replace(one, uid=plain(one.uid), title=clean(one.title), text=clean(one.text)) for one in accepted)
    return [one for one in cleaned if one.title and one.text]


def one_for_each_product(accepted: Iterable[AcceptedText], trained: Iterable[Product]) -> list[AcceptedText]:
    """Return one text for each product, with a uid, in the order of the uids.

    A product is known by its uid and title: two shops may give different products one uid. Of several texts for it an
    edited one is taken before others, then the last. One of the `trained` products keeps its uid, also one that is
    known by its title alone; another one whose uid is taken gets one that is made of its uid and title.
    """
    chosen: dict[tuple[str, str], AcceptedText] = {}
    for one in accepted:
        key = one.uid, one.title
        if key not in chosen or one.edited or not chosen[key].edited:
            chosen[key] = one
    products = list(trained)
    free = {one.title: one.uid for one in products if (one.uid, one.title) not in chosen}
    same = {(one.uid, one.title) for one in products}
    taken = {one.uid for one in products}
    placed = [one for key, one in chosen.items() if key in same]
    for key, one in sorted(chosen.items()):
        if key not in same:
            made_up = f"accepted-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
            uid = free.pop(one.title, "") or (one.uid if one.uid and one.uid not in taken else made_up)
            taken.add(uid)
            placed.append(replace(one, uid=uid))
    return sorted(placed, key=lambda one: one.uid)


def as_products(accepted: Iterable[AcceptedText]) -> list[Product]:
    """Return the products that the texts describe, each with its text."""
    return [Product(one.uid, one.title, one.text, one.attributes) for one in accepted]


def write_accepted(folder: Path, accepted: Sequence[AcceptedText]) -> str:
    """Write the texts into a run's folder atomically, in the order given, and return the file's SHA-256.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    columns = [[getattr(one, name) for one in accepted] for name in SCHEMA.names]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    path = folder / ACCEPTED
    with staged_file(path) as staged:
        pq.write_table(pa.table(arrays, schema=SCHEMA), staged, compression="zstd", write_page_checksum=True)
    return sha256(path)


def read_accepted(folder: Path, digest: str) -> list[AcceptedText]:
    """Read the texts of a run's folder, whose file has the SHA-256 `digest`.

    Raises:
        Damaged: the file is missing, or is another one.
    """
    path = folder / ACCEPTED
    if not path.is_file() or sha256(path) != digest:
        raise Damaged(f"{path} is missing or damaged; put it back, or train another --run.")
    rows = pq.read_table(path, schema=SCHEMA).to_pylist()
    return [AcceptedText(**{**row, "attributes": tuple(map(tuple, row["attributes"]))}) for row in rows]
