"""Questions in English and Portuguese: how often is the product found, and from which similarity on is it near?

    python -m benchmarks.questions [--embedder NAME ...] [--amazontitles FILE] [--workspace W] [--json]

Recall: 104 questions, each in both languages, on the bundled catalogue, and 70 Portuguese ones on a Portuguese
catalogue of 120 invented products; vectors in fp32, exact search. Nearness: the similarity of the nearest product for
these questions, and for 80 of other fields (cars, medicine, travel, law), of which no catalogue here has a product.
With `--amazontitles`, some rows of AmazonTitles in JSON Lines, each is also asked by its own title. The threshold is
the similarity below which a twentieth of the questions lie that have a product. The last line is JSON.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.evaluation.votes import wilson_interval
from shelftalk.models.embedder import Embedder
from shelftalk.models.embedders import MINILM, find_embedder, open_for_products, open_for_questions
from shelftalk.workspace import Workspace

DATA = Path(__file__).parent / "data"
RANKS = (1, 3, 10)
FALSE_ALARMS = 0.05


class Shelf(NamedTuple):
    """The products of a catalogue: their uids and the texts that are indexed."""

    uids: list[str]
    texts: list[str]


def bundled() -> Shelf:
    """Return all products of the bundled catalogue."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(demo_file(), Path(folder) / "demo", PrepareSettings())
        products = list(Catalogue.open(Path(folder) / "demo").products())
    return Shelf([one.uid for one in products], [f"{one.title}\n{one.description}" for one in products])


def portuguese() -> Shelf:
    """Return the Portuguese catalogue."""
    with (DATA / "catalogo.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Shelf([row["id"] for row in rows], [f"{row['título']}\n{row['descrição']}" for row in rows])


def questions(name: str) -> list[dict[str, str]]:
    """Return the questions of a file of `data/`."""
    return [json.loads(line) for line in (DATA / f"questions_{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def ranks(cosines: np.ndarray, shelf: Shelf, uids: Sequence[str]) -> np.ndarray:
    """Return the rank of each question's product, from 0."""
    own = cosines[np.arange(len(uids)), [shelf.uids.index(uid) for uid in uids]]
    return np.asarray((cosines > own[:, None]).sum(axis=1))


def recall(found: np.ndarray) -> dict[str, Any]:
    """Return recall at each of `RANKS`, with Wilson's 95 % interval."""
    shares = {}
    for rank in RANKS:
        count = int((found < rank).sum())
        shares[f"recall_at_{rank}"] = [round(count / len(found), 3), *wilson_interval(count, len(found))]
    return {"questions": len(found), **shares}


def measure(name: str, workspace: Workspace, amazontitles: Path | None) -> dict[str, Any]:
    """Return what is measured of an embedder."""
    found = find_embedder(name, workspace)
    products = Embedder.load("fp32") if found.identity == MINILM else open_for_products(found)
    asked = open_for_questions(found)
    shelf, brazilian = bundled(), portuguese()
    of_shelf, of_brazilian = products.embed(shelf.texts), products.embed(brazilian.texts)
    own, theirs, others = questions("demo"), questions("catalogo"), questions("other_fields")
    english, crossing, at_home = (
        asked.embed([one[key] for one in rows]) for rows, key in ((own, "en"), (own, "pt"), (theirs, "pt"))
    )
    uids, at_home_uids = ([one["uid"] for one in rows] for rows in (own, theirs))
    result: dict[str, Any] = {
        "recall": {
            "English on English": recall(ranks(english @ of_shelf.T, shelf, uids)),
            "Portuguese on English": recall(ranks(crossing @ of_shelf.T, shelf, uids)),
            "Portuguese on Portuguese": recall(ranks(at_home @ of_brazilian.T, brazilian, at_home_uids)),
        }
    }
    foreign = {key: asked.embed([one[key] for one in others]) for key in ("en", "pt")}
    near = {
        "English on English": ((english @ of_shelf.T).max(axis=1), (foreign["en"] @ of_shelf.T).max(axis=1)),
        "Portuguese on English": ((crossing @ of_shelf.T).max(axis=1), (foreign["pt"] @ of_shelf.T).max(axis=1)),
        "Portuguese on Portuguese": (
            (at_home @ of_brazilian.T).max(axis=1),
            (foreign["pt"] @ of_brazilian.T).max(axis=1),
        ),
    }
    if amazontitles:
        rows = [json.loads(line) for line in amazontitles.read_text(encoding="utf-8").splitlines()]
        rows = [row for row in rows if row["content"].strip()]
        of_rows = products.embed([f"{row['title']}\n{row['content']}" for row in rows])
        titles = asked.embed([row["title"] for row in rows])
        near["titles on AmazonTitles"] = (titles @ of_rows.T).max(axis=1), (foreign["en"] @ of_rows.T).max(axis=1)
    measured = ["English on English", "titles on AmazonTitles"]
    if name != MINILM.name:  # which is English
        measured.append("Portuguese on Portuguese")
    there = [near[kind][0] for kind in measured if kind in near]
    least = round(float(np.quantile(np.concatenate(there), FALSE_ALARMS)), 2)
    result["least_near"] = least
    result["near"] = {kind: nearness(*both, least) for kind, both in near.items()}
    return result


def nearness(there: np.ndarray, other: np.ndarray, least: float) -> dict[str, Any]:
    """Return quantiles of the best similarities, and how many questions are called "nothing near" below `least`."""
    figures: dict[str, Any] = {}
    for name, found in (("there", there), ("other_fields", other)):
        count = int((found < least).sum())
        figures[f"quantiles_{name}"] = np.quantile(found, [0.05, 0.5, 0.95]).round(3).tolist()
        figures[f"nothing_near_{name}"] = [count, len(found), *wilson_interval(count, len(found))]
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", action="append", default=[])
    parser.add_argument("--amazontitles", type=Path)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--json", action="store_true", help="print nothing but the last line")
    options = parser.parse_args()
    found = {
        name: measure(name, Workspace(options.workspace), options.amazontitles)
        for name in options.embedder or [MINILM.name]
    }
    if not options.json:
        for name, one in found.items():
            print(name, "least near", one["least_near"])
            for part in ("recall", "near"):
                for kind, figures in one[part].items():
                    print(f"  {part}, {kind}: {figures}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
