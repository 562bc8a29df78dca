"""Index products with an embedder by name, whose texts a function embeds that can be sent to another machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from shelftalk.models.embedder import Embedder
from shelftalk.models.embedders import MINILM, FoundEmbedder, find_embedder, find_same, open_for_products
from shelftalk.models.sentence_encoder import SentenceEncoder
from shelftalk.records import Map, Product, Progress
from shelftalk.retrieval.index import build_index
from shelftalk.retrieval.pointer import named_embedder
from shelftalk.workspace import Workspace

DEFAULT = FoundEmbedder(MINILM)


def embed_texts(texts: Sequence[str], found: FoundEmbedder = DEFAULT) -> np.ndarray:
    """Return the texts' vectors, float32 [len(texts), dimensions]; each process loads a model once.

    Raises:
        MissingPackage, Damaged: see `open_for_products`.
    """
    return _embedder(found).embed(texts)


def index_products(
    products: Sequence[Product],
    folder: Path,
    workspace: Workspace,
    embedder: str,
    token: str | None,
    progress: Progress,
    mapped: Map,
) -> dict[str, Any]:
    """Index `products` in `folder` with the embedder of that name; '' means that of the index there, if there is one.

    Returns:
        `products`, their number, `seconds`, and the `embedder`.

    Raises:
        UserError, Failure: see `find_embedder`, `find_same` and `build_index`.
    """
    if embedder:
        found = find_embedder(embedder, workspace, token)
    else:  # of the Hub the same commit, and a folder also where it was moved
        found = find_same(named_embedder(folder), workspace, token)
    built = build_index(products, folder, partial(embed_texts, found=found), progress, mapped, found.identity)
    return {**built, "embedder": found.identity.name}


@cache
def _embedder(found: FoundEmbedder) -> Embedder | SentenceEncoder:
    return open_for_products(found)
