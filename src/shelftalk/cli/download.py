"""`shelftalk download`: download a published data set, and print the next command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from shelftalk.cli.options import JsonOption
from shelftalk.errors import UserError
from shelftalk.mounts import refuse_mounted_file


def download(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the data set: amazontitles.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="File to write. [default: the published name, in this folder]"),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Address of another copy, on Google Drive or anywhere; its size is not checked."),
    ] = None,
    sha256: Annotated[str | None, typer.Option("--sha256", help="SHA-256 that the file must have.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Download AmazonTitles-1.3MM as published (849 MB); an interrupted download is resumed.

    The file is verified before it gets its name, and shelftalk prepare reads it unchanged.
    """
    from shelftalk.catalogue.download import download as fetch
    from shelftalk.catalogue.download import published
    from shelftalk.cli import output as screen

    archive = published(name, url)
    file = output or Path(archive.file)
    if file.is_dir():
        raise UserError(f"--output {file} is a folder; give a file in it.")
    refuse_mounted_file(file, "--output")
    if sha256 is not None and not re.fullmatch("[0-9A-Fa-f]{64}", sha256):
        raise UserError(f"--sha256 must be 64 hexadecimal digits, got {sha256!r}.")
    with screen.step(f"Downloading {archive.file}") as progress:
        digest = fetch(archive, file, sha256, progress)
    following = f"shelftalk prepare {shlex.quote(str(file))} --name {name}"
    size = file.stat().st_size
    if as_json:
        screen.print_json({"file": str(file), "bytes": size, "sha256": digest, "next": following})
        return
    screen.out.print(f"{file}: {size:,} bytes, SHA-256 {digest}", markup=False, soft_wrap=True)
    screen.out.print(f"Next: {following}", markup=False, soft_wrap=True)
