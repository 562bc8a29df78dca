"""How well does a run learn what people edited, and what does it lose?

    python -m benchmarks.learning_from_edits [--workspace DIR] [--kind sentence] [--weights 1,4] [--unedited 40]
        [--set FIELD=VALUE] [--products 100] [--json]

Trains the run `demo` on the bundled catalogue (preset `demo`) unless the workspace has it. It writes texts for products
that it was trained on, as a shop would have them written. Of those without a flaw `EDITED` are accepted with an edit of
one kind: a new last sentence, or another phrase for one that most texts have; and as many as `--unedited` says without.
Then for each weight a run begins from `demo` and learns from them, and both runs describe the held-out products of the
test split.

`learned` is the share of the texts that have the edit, of those that could have it. It is undone before anything else
is measured, so that the other figures are those of the texts that the shop had before. `bits_per_byte` is that of the
held-out products' own texts, `general` that of the general text. Intervals are over products, differences paired.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shelftalk import pipeline
from shelftalk.claims.find import count_unsupported
from shelftalk.claims.told import attributes_told
from shelftalk.evaluation.bootstrap import interval, scores_of_samples
from shelftalk.evaluation.likelihood import general_likelihoods, likelihoods
from shelftalk.evaluation.measures import CHRF_PLUS_PLUS, Score, Table, bits, chrf, ratio, words
from shelftalk.generation.choose import open_engine
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.embedder import Embedder
from shelftalk.presets import load_preset
from shelftalk.prompts import request_of
from shelftalk.records import AcceptedText, Description, Product
from shelftalk.runs.accepted import settings_for
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings, TrainingSettings, parse_assignments
from shelftalk.workspace import Workspace

EDITED = 40
WRITTEN = 110  # texts, of which the first without a flaw are reviewed
SEED = 5
LAST = " Ships flat from our workshop in two days."
OLD, NEW = "Good to know:", "Worth knowing:"


class Edit(NamedTuple):
    """A kind of edit: what it does to a text, its reverse, and whether a text has it (None: it could not)."""

    make: Callable[[str], str]
    undo: Callable[[str], str]
    has: Callable[[str], bool | None]


KINDS = {
    "sentence": Edit(lambda text: text + LAST, lambda text: text.removesuffix(LAST), lambda text: text.endswith(LAST)),
    "phrase": Edit(
        lambda text: text.replace(OLD, NEW),
        lambda text: text.replace(NEW, OLD),
        lambda text: NEW in text if NEW in text or OLD in text else None,
    ),
}
SCORES: dict[str, Score] = {"bits_per_byte": bits, "general": bits, "chrf": chrf}


def write(run: Run, products: Sequence[Product]) -> list[Description]:
    """Return the text that a run writes for each product."""
    settings = run.decoding(DecodingSettings())
    with closing(open_engine(run, settings, slots=pipeline.SLOTS)) as engine:
        prompts = [run.template.prompt_for(request_of(one)) for one in products]
        return engine.complete_all(prompts, tuned=True, settings=settings)


def review(first: Run, edit: Edit, unedited: int) -> list[AcceptedText]:
    """Return `EDITED` edited texts of training products, and at most as many `unedited` ones."""
    trained, arrange = first.products(), first.known_attributes.arrange  # as `generate` does
    rows = sorted(np.random.default_rng(SEED).permutation(len(trained))[:WRITTEN])
    drawn = [replace(trained[row], attributes=arrange(trained[row].attributes)) for row in rows]
    sound = [
        (one, written.text)
        for one, written in zip(drawn, write(first, drawn), strict=True)
        if written.stopped
        and not (count_unsupported(written.text, one.title, (), one.attributes, language="en") or 0)
        and edit.has(written.text) is not None
    ]
    accepted = [
        AcceptedText(line, one.uid, one.title, one.attributes, edit.make(text) if line % 2 else text, bool(line % 2))
        for line, (one, text) in enumerate(sound[: 2 * EDITED], start=1)
    ]
    return [one for one in accepted if one.edited or one.line <= 2 * unedited]


def measure(run: Run, products: Sequence[Product], edit: Edit) -> tuple[dict[str, Table], list[str]]:
    """Return the tables of figures of a run, [products, figures] by name, and the texts that it wrote."""
    written = write(run, products)
    texts = [edit.undo(one.text) for one in written]
    vectors = Embedder.load().embed([*texts, *(one.description for one in products)])
    alike = (vectors[: len(texts)] * vectors[len(texts) :]).sum(axis=1)
    engine = TransformersEngine.load(run)
    prompts = [run.template.prompt_for(request_of(one)) for one in products]
    has = [edit.has(one.text) for one in written]
    pairs = list(zip(texts, products, strict=True))
    tables: dict[str, Any] = {
        "learned": [(bool(one), one is not None) for one in has],
        "unsupported_per_100_words": [
            (100 * (count_unsupported(text, one.title, (), one.attributes, language="en") or 0), len(words(text)))
            for text, one in pairs
        ],
        "attributes_told": [
            (len(attributes_told(text, one.attributes, language="en")), len(one.attributes)) for text, one in pairs
        ],
        "chrf": CHRF_PLUS_PLUS._extract_corpus_statistics(texts, [[one.description for one in products]]),
        "similarity": [(one, 1) for one in alike],
        "bits_per_byte": likelihoods(engine, run.template, products, prompts, run.settings.max_tokens, True),
        "general": general_likelihoods(engine, True),
        "stop_rate": [(one.stopped, 1) for one in written],
        "length_ratio": [(len(words(text)), len(words(one.description))) for text, one in pairs],
    }
    return {name: np.array(table, dtype=np.float64) for name, table in tables.items()}, [one.text for one in written]


def compare(before: dict[str, Table], after: dict[str, Table]) -> dict[str, Any]:
    """Return for each figure its values before and after, and the difference with its interval."""
    found = {}
    for name, table in after.items():
        score = SCORES.get(name, ratio)
        values = [score(one.sum(axis=0)) for one in (before[name], table)]
        bounds = interval(scores_of_samples(table, score) - scores_of_samples(before[name], score))
        found[name] = {
            "before": round(values[0], 4),
            "after": round(values[1], 4),
            "after_interval": [round(one, 4) for one in interval(scores_of_samples(table, score))],
            "difference": round(values[1] - values[0], 4),
            "difference_interval": [round(one, 4) for one in bounds],
        }
    return found


def study(
    workspace: Workspace, kind: str, weights: Sequence[int], unedited: int, changes: dict[str, str], count: int
) -> Iterator[dict[str, Any]]:
    """Train a run for each weight, unless the workspace has it, and yield its figures and texts."""
    edit = KINDS[kind]
    pipeline.prepare_bundled(workspace)
    demo = TrainingSettings.from_mapping(load_preset(pipeline.BUNDLED))
    first = pipeline.train_run(workspace, pipeline.BUNDLED, "demo", demo, say=print)
    accepted = review(first, edit, unedited)
    products = first.held_out("test", count)
    before, _ = measure(first, products, edit)
    for weight in weights:
        settings = TrainingSettings.from_mapping({**settings_for(demo), "edited_weight": weight, **changes})
        started = time.monotonic()
        name = "-".join((kind, str(weight), str(unedited), *(part for change in changes.items() for part in change)))
        run = pipeline.train_run(workspace, pipeline.BUNDLED, name, settings, source=first, accepted=accepted)
        seconds = round(time.monotonic() - started)
        after, texts = measure(run, products, edit)
        row = {"kind": kind, "weight": weight, "unedited": unedited, **changes, "n": len(products)}
        row["train_seconds"] = seconds
        titled = [{"title": one.title, "text": text} for one, text in zip(products, texts, strict=True)]
        yield {**row, **compare(before, after), "texts": titled}


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--kind", choices=KINDS, default="sentence")
    parser.add_argument("--weights", default="1,4")
    parser.add_argument("--unedited", type=int, default=40)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", dest="changes")
    parser.add_argument("--products", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    weights = [int(one) for one in arguments.weights.split(",")]
    changes = parse_assignments(arguments.changes)
    place = Workspace(arguments.workspace)
    for row in study(place, arguments.kind, weights, arguments.unedited, changes, arguments.products):
        if arguments.json:
            print(json.dumps(row), flush=True)
            continue
        print(", ".join(f"{name} {value}" for name, value in row.items() if not isinstance(value, dict | list)))
        for name, one in row.items():
            if isinstance(one, dict):
                print(
                    f"  {name:<26} {one['before']:.3f} to {one['after']:.3f} {one['after_interval']}, "
                    f"{one['difference']:+.3f} {one['difference_interval']}"
                )


if __name__ == "__main__":
    main()
