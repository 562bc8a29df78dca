"""Pack a run's adapter into one zip file, which PEFT loads on any machine."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

from shelftalk.errors import Damaged, NotFound
from shelftalk.models.registry import BaseModel
from shelftalk.runs.card import plain_card
from shelftalk.runs.run import CARD, Run
from shelftalk.workspace import MANIFEST, faults, read_json, write_bytes, write_manifest, writing

EARLIEST = (1980, 1, 1, 0, 0, 0)  # date that a zip can store
PLAIN_FILE = 0o100644 << 16  # Unix permissions, in the upper 16 bits of a zip's attributes


def zip_adapter(run: Run) -> bytes:
    """Return a finished run's adapter as a zip of one folder, NAME-adapter/; the same adapter gives the same bytes.

    A run of an earlier version gets what that version did not write; its own folder stays as it is. Nothing is
    compressed: weights hardly shrink, and the output of deflate depends on its version.

    Raises:
        NotFound: the run has not finished.
        Damaged: a file does not match the adapter's manifest.
        NotFound, Damaged, AccessDenied, Unreachable: a run of an earlier version, whose base model, from which the
            tokenizer is taken, is missing or has changed.
        NotWritable: the same, and the folder for temporary files is full.
    """
    run.require_finished()
    if wrong := faults(run.adapter):
        raise Damaged(f"The adapter of run {run.name!r} is damaged ({'; '.join(wrong)}); train the run again.")
    if run.loads_anywhere:
        return _packed(run.adapter, run.name)
    from shelftalk.export.formats import write_adapter  # imports torch, which the page Runs must not wait for

    base = run.base_model()
    with writing(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory(prefix="shelftalk-") as temporary:
        folder = Path(temporary)
        write_adapter(run, base, folder)
        write_bytes(folder / CARD, _card(run, base).encode())
        write_manifest(folder, excluded=(CARD,))
        return _packed(folder, run.name)


def _card(run: Run, base: BaseModel) -> str:
    """Return the card of a run of an earlier version; without its catalogue, one that says less."""
    from shelftalk.export.card import adapter_card  # imports torch

    path = run.folder / "report" / "evaluation.json"
    try:
        return adapter_card(run, read_json(path)["result"] if path.is_file() else {}, loads_anywhere=True)
    except (NotFound, Damaged):
        return plain_card(run, base, f"products of the catalogue {run.description['catalogue']}")


def _packed(folder: Path, name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        card = [CARD] if (folder / CARD).is_file() else []
        for file in sorted({MANIFEST, *card, *read_json(folder / MANIFEST)["files"]}):
            entry = zipfile.ZipInfo(f"{name}-adapter/{file}", EARLIEST)
            entry.create_system, entry.external_attr = 3, PLAIN_FILE  # 3: Unix, for the same bytes on every platform
            archive.writestr(entry, (folder / file).read_bytes())
    return packed.getvalue()
