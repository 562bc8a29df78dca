"""Find a base model by name: the embedded Gemma, a Hub id, a local folder, or the tiny test model.

The result is always a folder with `config.json`, safetensors and a tokenizer, and a revision that identifies the exact
weights. Weights are read only from safetensors, and no code from a model repository is run.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelftalk.errors import NotFound
from shelftalk.lfs import is_pointer
from shelftalk.models import embedded, hub, tiny
from shelftalk.moved import is_folder
from shelftalk.records import Progress, no_progress
from shelftalk.workspace import Workspace, faults, lock, sha256, staged_folder, writing

PATIENCE = 600.0  # seconds to wait for another process that converts the same model
SAMPLED = "sample:"  # how the revision of a model in a folder begins
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model on this disk: `revision` identifies the weights, `licence` names their licence."""

    name: str
    folder: Path
    revision: str
    licence: str

    @property
    def hub_id(self) -> str | None:
        """The model's id on the Hub; None for a folder and for the tiny test model."""
        if self.name == embedded.NAME:
            return embedded.HUB_ID
        return self.name if HUB_ID.fullmatch(self.name) else None

    @property
    def commit(self) -> str | None:
        """The commit on the Hub of exactly these weights; None where they were not downloaded from there."""
        return self.revision if HUB_ID.fullmatch(self.name) else None

    @property
    def public_name(self) -> str:
        """What others are told: its Hub id, or its folder's name; never a path of this disk."""
        return self.hub_id or shown_name(self.name)

    @property
    def reference(self) -> str:
        """What an adapter names as its base: the Hub id, or a note that leads to the model card."""
        # The Hub forbids spaces and brackets in an id: the note finds no model of another person there, and the error
        # of whoever loads the adapter repeats it.
        return self.hub_id or f"{self.public_name} (read README.md)"


def shown_name(name: str) -> str:
    """Return a base model's name for what is passed on to others: of a folder only its own name, not where it is."""
    return Path(name).name if Path(name).is_absolute() else name


def find_model(
    name: str,
    workspace: Workspace,
    token: str | None = None,
    revision: str | None = None,
    progress: Progress = no_progress,
) -> BaseModel:
    """Return the base model `name`, converting or downloading it first where it is not on this disk.

    `gemma-3-270m` and `tiny` are made once under the workspace's `models/` and reused afterwards; `progress` reports
    the conversion. A name with one slash that is not a folder is a Hugging Face Hub id, and is downloaded to the Hub's
    own cache; `revision`, a commit, requests exactly those weights.

    Raises:
        NotFound: there is no such model.
        MissingPackage: the embedded model's package is not installed.
        Damaged: the embedded model's weights are not the published ones.
        AccessDenied, Unreachable: see `hub.download`.
        NotWritable, Busy: the workspace cannot be written, or another process is converting.
    """
    if name == embedded.NAME:
        folder = made_once(workspace.model(name), lambda staging: embedded.convert(staging, progress))
        return BaseModel(name, folder, "sha256:" + embedded.GGUF_SHA256, embedded.LICENCE)
    if name == tiny.NAME:
        folder = made_once(workspace.model(name), tiny.save)
        return BaseModel(name, folder, "sha256:" + sha256(folder / "model.safetensors"), "none: random weights")
    if is_folder(Path(name)):
        return open_folder(Path(name))
    if HUB_ID.fullmatch(name):
        folder, revision = hub.download(name, token, revision)
        return BaseModel(name, folder, revision, "see the model's page on the Hub")
    raise NotFound(
        f"There is no base model {name!r}: give {embedded.NAME}, a Hub id such as google/gemma-2b, or a folder "
        "of safetensors."
    )


def find_tokenizer(name: str, workspace: Workspace, progress: Progress = no_progress) -> Path | None:
    """Return a folder with the tokenizer of base model `name`; None for a Hub id that was not downloaded yet.

    The embedded model is converted first where it is not on this disk, see `find_model`, whose exceptions it raises.
    """
    if HUB_ID.fullmatch(name) and not is_folder(Path(name)):
        return hub.cached(name)
    return find_model(name, workspace, progress=progress).folder


def is_on_disk(name: str, workspace: Workspace, revision: str) -> bool:
    """Return whether `find_model` would find that revision on this disk, without converting or downloading it."""
    if HUB_ID.fullmatch(name) and not is_folder(Path(name)):
        return hub.cached(name, revision) is not None
    return not must_be_made(name, workspace)


def must_be_made(name: str, workspace: Workspace) -> bool:
    """Return whether `find_model` would first convert the base model `name`."""
    return name in (embedded.NAME, tiny.NAME) and not is_whole(workspace.model(name))


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return `folder`, creating it atomically with `make` unless it is complete; `make` gets the folder to fill."""
    if is_whole(folder):
        return folder
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with lock(folder, "converting a model", timeout=PATIENCE):
        if not is_whole(folder):  # another process may have converted it meanwhile
            with staged_folder(folder) as staging:
                make(staging)
    return folder


def is_whole(folder: Path) -> bool:
    """Return whether `made_once` has completed the folder."""
    # Only sizes: hashing half a gigabyte at every start would take a second, and the atomic rename makes it complete.
    return folder.is_dir() and not faults(folder, hashes=False)


def open_folder(folder: Path) -> BaseModel:
    """Return the base model in a folder of safetensors; its revision is a hash of a sample of its weights.

    Raises:
        NotFound: the folder has no model, or pointers of Git LFS in the place of a model.
    """
    weights = sorted(folder.glob("*.safetensors"))
    for file in [*weights, *sorted(folder.glob("*.json")), folder / "tokenizer.model"]:
        if is_pointer(file):
            raise NotFound(
                f"{file} has {file.stat().st_size} bytes: a pointer of Git LFS instead of the file itself; fetch the "
                f"model with: git -C {shlex.quote(str(folder))} lfs pull"
            )
    if not (folder / "config.json").is_file() or not weights:
        raise NotFound(f"{folder} holds no model: config.json and *.safetensors are needed.")
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for file in weights:
        _sample(file, digest)
    return BaseModel(
        str(folder.resolve()), folder.resolve(), f"{SAMPLED}{digest.hexdigest()}", "see the model's own papers"
    )


def _sample(file: Path, digest: Any) -> None:
    """Add a file's size and 64 evenly spaced blocks to `digest`; after another training every block is different."""
    size, block = file.stat().st_size, 1 << 16
    digest.update(f"{file.name}:{size};".encode())
    with file.open("rb") as handle:
        for number in range(64):
            handle.seek(max(0, size - block) * number // 63)
            digest.update(handle.read(block))
