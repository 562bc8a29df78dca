"""Export a finished run: write it beside its place, let it prove itself, and only then let it appear."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from shelftalk.errors import NotWritable, UserError
from shelftalk.export.card import model_card
from shelftalk.export.formats import FORMATS, Artefact, disk_needed, plan
from shelftalk.export.gate import PROMPTS, gate_products, pass_gate
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
WRITING = PROMPTS // 2  # prompts that take about as long as the writing, for the progress


def export(
    run: Run,
    format: str,
    destination: Path,
    quantization: str | None = None,
    token: str | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Write a finished run to the folder `destination` in one of FORMATS, with its model card and parity.json.

    The folder appears whole, and only after what lies in it was replayed in its own engine; see `gate`. One that an
    earlier export made, and nobody changed since, is replaced; every other is left alone. `quantization` is one of
    `gguf_files.TYPES`, for gguf and ollama. Returns what stands in parity.json, and the folder. One export of a
    workspace runs at a time.

    Raises:
        NotFound: the run has not finished.
        InvalidSettings, MissingPackage: see `formats.plan`.
        UserError: the destination is not free, or lies where the workspace keeps its own.
        NotWritable: the destination cannot be written, or the disk has not the room.
        ParityFailed: see `gate.pass_gate`; nothing was exported.
        Damaged, Busy: a file of the run is not what it was; another export runs.
    """
    run.require_finished()
    destination = destination.expanduser().resolve()
    with lock(run.workspace.root / "export", f"exporting {run.name}"):
        require_free(destination, run)
        artefact = plan(run, run.base_model(token), format, quantization)
        require_room(artefact, destination)
        products, _ = gate_products(run)
        with staged_folder(destination, sum(disk_needed(artefact))) as staging:
            FORMATS[format].write(artefact, staging)
            progress(WRITING, WRITING + PROMPTS)
            found = pass_gate(artefact, staging, lambda done, total: progress(WRITING + done, WRITING + total))
            write_json(staging / REPORT, found)
            write_bytes(staging / "README.md", model_card(artefact, found, products[0].title).encode())
    return {"folder": str(destination), **found}


def require_free(destination: Path, run: Run) -> None:
    """Do nothing if an export may take the place `destination`.

    Raises:
        UserError: it is a file, lies in the workspace's own folders, or holds what no export wrote.
    """
    root = run.workspace.root.resolve()
    if any(destination.is_relative_to(root / own) for own in ("runs", "catalogues", "models", "queue")):
        raise UserError(f"--to {destination} lies where the workspace keeps its own; name a folder outside of that.")
    recover_folder(destination)
    if destination.exists() and (reason := _foreign(destination)):
        raise UserError(f"--to {destination} {reason}; name a folder that does not exist yet, or remove it.")


def _foreign(folder: Path) -> str | None:
    """Say why what stands at the destination is not an earlier export as it was written, or an empty folder."""
    if not folder.is_dir():
        return "is a file"
    if not any(folder.iterdir()):
        return None
    if not (folder / REPORT).is_file():
        return "holds files that no export wrote"
    if wrong := faults(folder, required=[REPORT]):
        return f"is an export that was changed since it was written ({wrong[0]})"
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    there = {path.relative_to(folder).as_posix() for path in files}
    if others := sorted(there - {MANIFEST, *read_json(folder / MANIFEST)["files"]}):
        return f"holds a file that no export wrote ({others[0]})"
    return None


def require_room(artefact: Artefact, destination: Path) -> None:
    """Do nothing if the destination can be written and its disk has the room.

    Raises:
        NotWritable: it cannot; the message says how much is needed and how much is free.
    """
    beside = next(folder for folder in destination.parents if folder.exists())
    if not beside.is_dir() or not os.access(beside, os.W_OK):
        raise NotWritable(
            f"Cannot write {destination}: {beside} is not a folder you may write to; choose another --to."
        )
    needed: dict[int, int] = {}
    places = zip((beside, Path(tempfile.gettempdir())), disk_needed(artefact), strict=True)
    for place, size in places:
        disk = place.stat().st_dev  # both may be on the same one
        needed[disk] = needed.get(disk, 0) + size
        if needed[disk] > (free := shutil.disk_usage(place).free):
            raise NotWritable(
                f"Exporting {artefact.run.name!r} as {artefact.format} needs {needed[disk]:,} bytes in {place}, and "
                f"{free:,} are free; free some space or choose another --to."
            )
