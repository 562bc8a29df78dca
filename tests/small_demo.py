"""`shelftalk` as a program whose demo is small: PYTHON small_demo.py FILE COMMAND ...

The demo takes the catalogue FILE for the bundled one, saves every update, and writes and measures few, short texts. It
imports shelftalk and nothing of its tests, so that it runs where only the wheel is installed.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from shelftalk import pipeline
from shelftalk.cli import demo, main
from shelftalk.evaluation import likelihood
from shelftalk.presets import load_preset
from shelftalk.settings import DecodingSettings


def make_demo_small(file: Path) -> None:
    """Change the demo of this process."""
    # The catalogue's vocabulary is chosen when a training starts, which takes longer than these few updates save by it.
    changes = {"checkpoint_every": 1, "gradient_accumulation": 2, "warmup_steps": 0, "vocabulary": "full"}
    few = likelihood.general_text()[:2]
    for place, name, value in (
        (pipeline, "demo_file", lambda: file),
        (demo, "load_preset", lambda preset: load_preset(preset) | changes),
        (demo, "DecodingSettings", partial(DecodingSettings, max_new_tokens=24)),
        (demo, "SHOWN", 1),
        (demo, "MEASURED", 2),
        (likelihood, "general_text", lambda: few),
    ):
        setattr(place, name, value)


if __name__ == "__main__":
    make_demo_small(Path(sys.argv.pop(1)))
    main()
