"""Find the base model of a run, also in a folder that was moved since: it is known by the hash of its weights.

What a run recorded is not changed. base_models.json in the workspace has the folder of each model that was moved, by
its revision, so that all runs that began with it find it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from shelftalk.errors import Damaged, InvalidSettings, NotFound
from shelftalk.format_numbers import require_known
from shelftalk.models.registry import SAMPLED, BaseModel, find_model, open_folder
from shelftalk.moved import is_file, is_folder, places
from shelftalk.workspace import Workspace, lock, read_json, write_json

FILE = "base_models.json"
FORMAT = 1


def find_begun(begun: Mapping[str, Any], run: str, workspace: Workspace, token: str | None = None) -> BaseModel:
    """Return the base model with which the run of that name began, as its run.json describes it.

    A folder is looked for where it was, where `accept` found it, and in and beside the workspace, with which it may
    have been moved.

    Raises:
        NotFound: the folder is in none of these places; the message says where it was and how to name another.
        Damaged: the weights are others; for a folder the message has both hashes.
        MissingPackage, AccessDenied, Unreachable, NotWritable, Busy: see `registry.find_model`.
    """
    name, revision = begun["name"], begun["revision"]
    if revision.startswith(SAMPLED):
        return _find_folder(Path(name), revision, run, workspace)
    base = find_model(name, workspace, token, revision)
    if base.revision != revision:
        raise Damaged(f"Base model {name} has changed since run {run!r} began; put the earlier one back.")
    return base


def find_again(
    begun: Mapping[str, Any], name: str, run: str, workspace: Workspace, token: str | None = None
) -> BaseModel:
    """Return the base model of a run that is created again: that of `find_begun`, else the one that is now `name`.

    Raises:
        NotFound, Damaged, MissingPackage, AccessDenied, Unreachable, NotWritable, Busy: see `find_begun`.
    """
    try:
        return find_begun(begun, run, workspace, token)
    except (NotFound, Damaged):
        with suppress(NotFound):  # whose message does not say how to name another place
            return find_model(name, workspace, token)
        raise


def accept(begun: Mapping[str, Any], name: str, run: str, workspace: Workspace) -> bool:
    """Return whether `name` is the base model that `begun` describes, or a folder with the same weights.

    A folder in another place is written to base_models.json, of which a damaged one is replaced.

    Raises:
        InvalidSettings: the folder has other weights; the message has both hashes.
        NotFound: it has no model.
        NotWritable, Busy: the workspace cannot be written, or another process writes that file.
    """
    if not begun["revision"].startswith(SAMPLED) or not is_folder(Path(name)):
        return bool(name == begun["name"])
    base = open_folder(Path(name))
    if base.revision != begun["revision"]:
        raise InvalidSettings(
            f"The base model in {name} has the weights {base.revision}, and run {run!r} began with "
            f"{begun['revision']}, in {begun['name']}; give the folder that has those, or choose another --run."
        )
    if base.name != begun["name"]:
        path = workspace.root / FILE
        with lock(path, "writing where a base model is"):
            write_json(path, {"format": FORMAT, "folders": {**_folders(path), base.revision: base.name}})
    return True


def _find_folder(recorded: Path, revision: str, run: str, workspace: Workspace) -> BaseModel:
    cure = f"say where it is with: shelftalk runs resume {run} --set base_model=FOLDER"
    with suppress(NotFound, OSError):
        if is_folder(recorded) and (found := open_folder(recorded)).revision == revision:
            return found  # without base_models.json, which is not needed
    accepted = _folders(workspace.root / FILE).get(revision)
    named = [recorded, Path(accepted)] if accepted else [recorded]
    faults: list[str] = []
    for place in [*named, *places(recorded, workspace.root)]:
        try:
            at_place = open_folder(place) if is_folder(place) else None
        except (NotFound, OSError) as error:
            if place in named or is_file(place / "config.json"):  # else it is no model's folder and a coincidence
                faults.append(str(error).rstrip("."))
            continue
        if at_place and at_place.revision == revision:
            return at_place
        if at_place and place in named:
            faults.append(f"the weights in {place} are {at_place.revision}")
    reason = faults[0] if faults else f"there is no folder {' or '.join(map(str, named))} that this user may read"
    raise (Damaged if faults else NotFound)(
        f"Run {run!r} began with the base model {revision} in {recorded}, and now {reason}; put it back, or {cure}"
    )


def _folders(path: Path) -> dict[str, str]:
    """Return the folders of moved base models by revision; none where the file is missing or damaged."""
    try:
        held = read_json(path)
        require_known(held, FORMAT, path)
    except Damaged:
        return {}
    folders = held.get("folders")
    return {key: one for key, one in folders.items() if isinstance(one, str)} if isinstance(folders, dict) else {}
