"""What does each further attempt of `--grounded` gain, written on from the first wrong claim or as a whole?

    python -m benchmarks.grounded RUN [--workspace DIR] [--products 57] [--json]

Describes a run's held-out products as `generate --grounded` does, with one to four attempts. "whole" writes every
attempt from its beginning, as `--grounded` did before it kept the sentences that are sound.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from shelftalk.claims.faults import find_faults
from shelftalk.evaluation.bootstrap import interval, scores_of_samples
from shelftalk.evaluation.measures import ratio, words
from shelftalk.generation import grounded
from shelftalk.generation.choose import open_engine
from shelftalk.generation.engine import Engine
from shelftalk.pipeline import SLOTS, open_index
from shelftalk.prompts import ENGLISH, request_of
from shelftalk.records import Description, Reference
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace

REFERENCES = 3


class Counting:
    """An engine that counts the texts and tokens that it writes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.texts = self.tokens = 0

    def complete_all(
        self,
        prompts: Sequence[str],
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_description: Callable[[int, Description], None] | None = None,
    ) -> list[Description]:
        """Write and count; see `Engine.complete_all`."""
        written = self.engine.complete_all(prompts, tuned=tuned, settings=settings, on_description=on_description)
        self.texts += len(written)
        self.tokens += sum(one.tokens for one in written)
        return written


def measure(run: Run, count: int) -> list[dict[str, Any]]:
    """Return a row of figures for each number of attempts and both ways."""
    settings = run.decoding(DecodingSettings())
    products = run.held_out("test", count)
    requests = [request_of(one) for one in products]
    references = open_index(run).search_all([one.title for one in products], REFERENCES)
    with closing(open_engine(run, settings, slots=SLOTS)) as engine:
        return [
            {"way": way, "attempts": attempts, **_attempt(engine, requests, references, settings, attempts, way)}
            for attempts in range(1, grounded.ATTEMPTS + 1)
            for way in ("whole", "by sentence")
            if attempts > 1 or way == "whole"  # the first attempt is the same
        ]


def _attempt(
    engine: Any,
    requests: list[str],
    references: list[list[Reference]],
    settings: DecodingSettings,
    attempts: int,
    way: str,
) -> dict[str, Any]:
    counting: Any = Counting(engine)
    beginning = grounded.sound_beginning if way == "by sentence" else lambda *_: ""
    with patch.object(grounded, "ATTEMPTS", attempts), patch.object(grounded, "sound_beginning", beginning):
        written = grounded.write_grounded(counting, ENGLISH, requests, references, settings=settings, language="en")
    found = [find_faults(one.text, requests[row], references[row], language="en") for row, one in enumerate(written)]
    wrong = np.array(
        [
            (100 * ((faults.unsupported or 0) + (faults.contradicted or 0)), len(words(one.text)))
            for faults, one in zip(found, written, strict=True)
        ],
        dtype=float,
    )
    return {
        "unsupported_per_100_words": round(ratio(wrong.sum(axis=0)), 2),
        "interval": [round(one, 2) for one in interval(scores_of_samples(wrong, ratio))],
        "without_fault": round(float(np.mean([not one.total for one in found])), 2),
        "words": round(float(wrong[:, 1].mean()), 1),
        "texts": counting.texts,
        "tokens": counting.tokens,
    }


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--products", type=int, default=57)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(Run.open(Workspace(arguments.workspace), arguments.run), arguments.products)
    for row in rows:
        print(json.dumps(row) if arguments.json else "  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
