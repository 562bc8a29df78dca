"""Check an adapter's files before it is loaded or merged.

PEFT is not imported: it takes two seconds, and merging an adapter into a file of llama.cpp does not need it.
"""

from __future__ import annotations

from pathlib import Path

from shelftalk.errors import Damaged, NotFinite, NotFound
from shelftalk.models.finite import first_not_finite_in
from shelftalk.workspace import faults

WEIGHTS = "adapter_model.safetensors"


def check_adapter(folder: Path) -> None:
    """Check that the folder holds an adapter of finite weights, and that every file matches the folder's manifest.

    Raises:
        NotFound: there is no adapter in the folder.
        Damaged: a file does not match.
        NotFinite: a weight is not finite.
    """
    if not (folder / "adapter_config.json").is_file():
        raise NotFound(f"There is no adapter in {folder}; finish the run with: shelftalk train")
    if wrong := faults(folder, required=(WEIGHTS,)):
        raise Damaged(f"The adapter in {folder} is damaged ({'; '.join(wrong)}); train the run again.")
    if (weight := first_not_finite_in(folder / WEIGHTS)) is not None:
        raise NotFinite(
            f"The adapter in {folder} is of no use: {weight} is not finite; train another --run with a lower "
            "learning_rate."
        )
