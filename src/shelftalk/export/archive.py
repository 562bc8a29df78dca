"""Pack a run's adapter into one zip file."""

from __future__ import annotations

import io
import zipfile

from shelftalk.errors import Damaged
from shelftalk.runs.run import CARD, Run
from shelftalk.workspace import MANIFEST, faults, read_json

EARLIEST = (1980, 1, 1, 0, 0, 0)  # date that a zip can store
PLAIN_FILE = 0o100644 << 16  # Unix permissions, in the upper 16 bits of a zip's attributes


def zip_adapter(run: Run) -> bytes:
    """Return a finished run's adapter as a zip of one folder, NAME-adapter/; the same adapter gives the same bytes.

    Nothing is compressed: weights hardly shrink, and the output of deflate depends on its version.

    Raises:
        NotFound: the run has not finished.
        Damaged: a file does not match the adapter's manifest.
    """
    run.require_finished()
    if wrong := faults(run.adapter):
        raise Damaged(f"The adapter of run {run.name!r} is damaged ({'; '.join(wrong)}); train the run again.")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        card = [CARD] if (run.adapter / CARD).is_file() else []
        for name in sorted({MANIFEST, *card, *read_json(run.adapter / MANIFEST)["files"]}):
            entry = zipfile.ZipInfo(f"{run.name}-adapter/{name}", EARLIEST)
            entry.create_system, entry.external_attr = 3, PLAIN_FILE  # 3: Unix, for the same bytes on every platform
            archive.writestr(entry, (run.adapter / name).read_bytes())
    return packed.getvalue()
