"""Find an embedder by name: all-MiniLM-L6-v2, multilingual-e5-small from a package, a Hub id, or a folder.

An embedder is known by its name and a revision that identifies its weights, as base models are; an index says with
which one it was made. The last two are sentence-transformers models, see `sentence_model`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shelftalk.errors import Damaged, InvalidSettings, NotFound
from shelftalk.models import hub, multilingual_e5
from shelftalk.models.query_embedder import QueryEmbedder
from shelftalk.models.registry import HUB_ID, made_once
from shelftalk.models.sentence_model import read_sentence_model, revision_of
from shelftalk.moved import is_folder, places
from shelftalk.workspace import Workspace

if TYPE_CHECKING:
    from shelftalk.models.embedder import Embedder
    from shelftalk.models.sentence_encoder import SentenceEncoder


class EmbedderId(NamedTuple):
    """What identifies an embedder; the published files of all-MiniLM-L6-v2 are verified and need no revision."""

    name: str
    revision: str = ""


MINILM = EmbedderId("all-MiniLM-L6-v2")

# The similarity of the nearest product below which there is nothing near, by embedder. Measured: docs/benchmarks/
# questions.md says how, and how often it is wrong. An embedder that is not here was not measured.
LEAST_NEAR = {MINILM.name: 0.40, multilingual_e5.NAME: 0.84}


def is_near(similarity: float, embedder: str) -> bool | None:
    """Return whether a product with that similarity to a question is near it; None if it was not measured."""
    least = LEAST_NEAR.get(embedder)
    return None if least is None else similarity >= least


@dataclass(frozen=True, slots=True)
class FoundEmbedder:
    """An embedder on this disk; `folder` is None for all-MiniLM-L6-v2, which is in each machine's package."""

    identity: EmbedderId
    folder: Path | None = None


def find_embedder(
    name: str, workspace: Workspace, token: str | None = None, revision: str | None = None
) -> FoundEmbedder:
    """Return the embedder `name`, converting or downloading it first where it is not on this disk.

    multilingual-e5-small is converted once into the workspace's `models/`. `revision` is a commit of the Hub.

    Raises:
        NotFound: there is no such embedder, or it is no sentence-transformers model with safetensors.
        InvalidSettings: it has a module that is not supported.
        MissingPackage, Damaged: see `multilingual_e5.convert`.
        AccessDenied, Unreachable: see `hub.download`.
        NotWritable, Busy: the workspace cannot be written, or another process is converting.
    """
    if name == MINILM.name:
        return FoundEmbedder(MINILM)
    if name == multilingual_e5.NAME:
        folder = made_once(workspace.model(name), multilingual_e5.convert)
        return FoundEmbedder(EmbedderId(name, f"sha256:{multilingual_e5.SHA256}"), folder)
    if is_folder(Path(name)):
        folder = Path(name).resolve()
        return FoundEmbedder(EmbedderId(str(folder), revision_of(folder)), folder)
    if HUB_ID.fullmatch(name):
        folder, commit = hub.download(name, token, revision, instead=MINILM.name)
        read_sentence_model(folder)
        return FoundEmbedder(EmbedderId(name, commit), folder)
    raise NotFound(
        f"There is no embedder {name!r}: give {MINILM.name}, {multilingual_e5.NAME}, a Hub id such as "
        "sentence-transformers/LaBSE, or a folder of a sentence-transformers model."
    )


def find_same(identity: EmbedderId, workspace: Workspace, token: str | None = None) -> FoundEmbedder:
    """Return exactly the embedder `identity`, with which an index was made.

    A folder may have been moved with the workspace, or into it: it is known by its revision.

    Raises:
        InvalidSettings: it is not there, or has other weights now.
        Others: see `find_embedder`.
    """
    if Path(identity.name).is_absolute() and (moved := _find_folder(identity, workspace)):
        return FoundEmbedder(identity, moved)
    cure = f"index the run again with --embedder {identity.name}"
    at_hub = HUB_ID.fullmatch(identity.name) and not is_folder(Path(identity.name))
    try:
        found = find_embedder(identity.name, workspace, token, identity.revision if at_hub else None)
    except NotFound as error:  # not `NotFound` again: an index that is not found is made again
        raise InvalidSettings(
            f"The index was made with another embedder than this machine has: {error} Put it back, or index the run "
            "again with another --embedder."
        ) from error
    if found.identity != identity:
        raise InvalidSettings(f"The embedder {identity.name} has changed since the index was made; {cure}")
    return found


def _find_folder(identity: EmbedderId, workspace: Workspace) -> Path | None:
    """Return the folder that has the embedder of that revision now; None where there is none."""
    for folder in filter(is_folder, places(Path(identity.name), workspace.root)):
        with suppress(NotFound, InvalidSettings, Damaged):  # another folder of that name
            if revision_of(folder) == identity.revision:
                return folder
    return None


def open_for_products(found: FoundEmbedder) -> Embedder | SentenceEncoder:
    """Load an embedder for the texts of products; one of the Hub may have been found on another machine.

    Raises:
        MissingPackage, Damaged: see `Embedder.load` and `SentenceEncoder.load`.
        AccessDenied, Unreachable: see `hub.download`.
    """
    from shelftalk.models.embedder import Embedder
    from shelftalk.models.sentence_encoder import SentenceEncoder

    if found.folder is None:
        return Embedder.load()
    name, commit = found.identity
    folder = found.folder
    if HUB_ID.fullmatch(name) and not folder.is_dir():  # another machine of a cluster has a cache of its own
        folder, _ = hub.download(name, revision=commit, instead=MINILM.name)
    return SentenceEncoder.load(folder, of_questions=False)


def open_for_questions(found: FoundEmbedder) -> QueryEmbedder | SentenceEncoder:
    """Load an embedder for titles and questions; all-MiniLM-L6-v2 without torch.

    Raises:
        MissingPackage, Damaged: see `QueryEmbedder.load` and `SentenceEncoder.load`.
    """
    if found.folder is None:
        return QueryEmbedder.load()
    from shelftalk.models.sentence_encoder import SentenceEncoder

    return SentenceEncoder.load(found.folder, of_questions=True)
