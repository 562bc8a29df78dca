"""Export a finished run: write it to a temporary folder, verify it there, and only then rename it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from shelftalk.errors import NotWritable, UserError
from shelftalk.export.card import example_of, model_card
from shelftalk.export.formats import FORMATS, Artefact, disk_needed, plan
from shelftalk.export.gate import PROMPTS, gate_products, pass_gate
from shelftalk.mounts import content_of_mount, is_mount, mount_inside
from shelftalk.records import Progress, no_progress
from shelftalk.runs.run import Run
from shelftalk.workspace import (
    MANIFEST,
    faults,
    lock,
    read_json,
    recover_folder,
    staged_folder,
    write_bytes,
    write_json,
)

REPORT = "parity.json"
REPLAYED = 2 * PROMPTS  # for the progress: each prompt in the artefact's engine and in the reference
WRITING = PROMPTS // 2  # writing takes about as long as so many prompts


def export(
    run: Run,
    format: str,
    destination: Path,
    quantization: str | None = None,
    token: str | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Write a finished run to the folder `destination` in one of FORMATS, with its model card and parity.json.

    The folder is created atomically, after prompts were replayed with its files in their own engine; see `gate`. An
    unchanged folder of an earlier export is replaced; any other is not touched. An empty mount point is filled, with
    manifest.json last. `quantization` is one of `gguf_files.TYPES`, for gguf and ollama. Returns the content of
    parity.json, and `folder`. A workspace runs one export at a time.

    Raises:
        NotFound: the run has not finished.
        InvalidSettings, MissingPackage: see `formats.plan`.
        UserError: the destination is not free, or is one of the workspace's own folders.
        NotWritable: the destination cannot be written, or the disk has too little free space.
        ParityFailed: see `gate.pass_gate`; nothing was exported.
        Damaged, Busy: a file of the run has changed; another export runs.
    """
    run.require_finished()
    destination = destination.expanduser().resolve()
    with lock(run.workspace.root / "export", f"exporting {run.name}"):
        require_free(destination, run)
        artefact = plan(run, run.base_model(token), format, quantization)
        require_space(artefact, destination)
        products, _ = gate_products(run)
        with staged_folder(destination, sum(disk_needed(artefact))) as staging:
            FORMATS[format].write(artefact, staging)
            progress(WRITING, WRITING + REPLAYED)
            found = pass_gate(artefact, staging, lambda done, total: progress(WRITING + done, WRITING + total))
            write_json(staging / REPORT, found)
            write_bytes(staging / "README.md", model_card(artefact, found, example_of(products)).encode())
    return {"folder": str(destination), **found}


def require_free(destination: Path, run: Run, required: str = REPORT, what: str = "export") -> None:
    """Check that an export may create or replace `destination`.

    An earlier one is known by its file `required`; `what` it is called in a message.

    Raises:
        UserError: it is a file, is in the workspace's own folders, holds files that no `what` wrote, is a mount
            point that holds any, or a mount point lies in it.
    """
    root = run.workspace.root.resolve()
    if any(destination.is_relative_to(root / own) for own in ("runs", "catalogues", "models", "queue")):
        raise UserError(f"--to {destination} is in one of the workspace's own folders; name a folder outside of them.")
    if inside := mount_inside(destination):
        raise UserError(
            f"--to {destination} cannot be replaced: {inside} in it is a mount point; unmount it, or name another."
        )
    recover_folder(destination)
    if is_mount(destination) and destination.is_dir():
        if name := content_of_mount(destination):
            raise UserError(
                f"--to {destination} is a mount point, which cannot be replaced, and holds {name}; empty it, or name a "
                f"folder in it, such as {destination / run.name}."
            )
    elif destination.exists() and (reason := _foreign(destination, required, what)):
        raise UserError(f"--to {destination} {reason}; name a folder that does not exist yet, or remove it.")


def _foreign(folder: Path, required: str, what: str) -> str | None:
    """Return why the destination is neither an unchanged earlier one nor an empty folder; None if it is one."""
    if not folder.is_dir():
        return "is a file"
    if not any(folder.iterdir()):
        return None
    if not (folder / required).is_file():
        return f"holds files that no {what} wrote"
    if wrong := faults(folder, required=[required]):
        return f"is {'an' if what == 'export' else 'a'} {what} that was changed since it was written ({wrong[0]})"
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    there = {path.relative_to(folder).as_posix() for path in files}
    if others := sorted(there - {MANIFEST, *read_json(folder / MANIFEST)["files"]}):
        return f"holds a file that no {what} wrote ({others[0]})"
    return None


def require_writable(destination: Path) -> Path:
    """Return the existing folder in which `destination` is to be written.

    Raises:
        NotWritable: it is no folder, or cannot be written to.
    """
    mounted = destination.is_dir() and is_mount(destination)  # its files are written inside
    parent = destination if mounted else next(folder for folder in destination.parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise NotWritable(
            f"Cannot write {destination}: {parent} is not a folder you may write to; choose another --to."
        )
    return parent


def require_space(artefact: Artefact, destination: Path) -> None:
    """Check that the destination can be written and its disk has enough free space.

    Raises:
        NotWritable: it cannot, or has not; the message has the bytes needed and free.
    """
    parent = require_writable(destination)
    needed: dict[int, int] = {}
    folders = zip((parent, Path(tempfile.gettempdir())), disk_needed(artefact), strict=True)
    for folder, size in folders:
        disk = folder.stat().st_dev  # both folders may be on the same disk
        needed[disk] = needed.get(disk, 0) + size
        if needed[disk] > (free := shutil.disk_usage(folder).free):
            raise NotWritable(
                f"Exporting {artefact.run.name!r} as {artefact.format} needs {needed[disk]:,} bytes in {folder}, and "
                f"{free:,} are free; free some space or choose another --to."
            )
