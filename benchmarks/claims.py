"""How precise and complete are the claims that `shelftalk.claims` finds, and their support?

    python -m benchmarks.claims [--json]

Uses the hand-labelled descriptions of tests/claims/claims.jsonl (claims.md there describes the labelling). A claim is
right if a labelled claim has the same position, a kind of the same family, and the same support and reference. The
position is the same if the two share half of the characters that either covers, or have the same first number, or end
in the same word of a material or colour. Families: measure and size; material and colour; name and code; each other
kind alone.

The same for the Portuguese texts of portuguese_claims.jsonl, and precision and recall of each verdict there.

With attributes, on the descriptions of attribute_claims.jsonl: precision and recall of each verdict. A found verdict
is right if the labelled claim has it too, from the same attribute; a wrong relation if the labelled one overlaps it.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelftalk.claims.find import Claim, find_claims
from shelftalk.claims.units import NUMBERS
from shelftalk.records import Attributes, Reference

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "claims"
LABELLED, WITH_ATTRIBUTES = FOLDER / "claims.jsonl", FOLDER / "attribute_claims.jsonl"
PORTUGUESE = FOLDER / "portuguese_claims.jsonl"
HALVES, ATTRIBUTE_HALVES = ("development", "test", "fresh"), ("tuning", "test", "fresh")
PORTUGUESE_HALVES = ("development", "held out", "fresh")
VERDICTS = ("title", "attribute", "contradicted", "none", "relation")
FAMILY = {"size": "measure", "colour": "material", "code": "name"}
NUMERIC = {"measure", "count", "age", "percentage", "price", "date"}
_NUMBER = re.compile(rf"[0-9]|\b(?:{'|'.join(NUMBERS)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """A labelled description."""

    id: int
    half: str
    title: str
    references: tuple[Reference, ...]
    text: str
    labels: tuple[Claim, ...]
    attributes: Attributes = ()
    language: str = "en"

    def claims(self) -> list[Claim]:
        """Return the claims that are found."""
        return find_claims(self.text, self.title, self.references, self.attributes, language=self.language) or []


@dataclass(frozen=True, slots=True)
class Score:
    """How many claims were found, labelled, and both."""

    found: int
    labelled: int
    right: int

    @property
    def precision(self) -> float:
        """The share of the found claims that are right; 1 if none were found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """The share of the labelled claims that were found; 1 if none are labelled."""
        return self.right / self.labelled if self.labelled else 1.0


def read_items(file: Path = LABELLED) -> list[Item]:
    """Read the labelled descriptions."""
    language = "pt" if file == PORTUGUESE else "en"
    return [_item(json.loads(line), language) for line in file.read_text(encoding="utf-8").splitlines()]


def _item(row: dict[str, Any], language: str) -> Item:
    references = tuple(Reference(one["uid"], one["title"], one["description"], 0.5) for one in row["references"])
    labels = tuple(
        Claim(one["start"], one["start"] + len(one["text"]), one["text"], one["kind"], one["support"], one["where"])
        for one in row["claims"]
    )
    attributes = tuple(row.get("attributes", {}).items())
    return Item(row["id"], row["half"], row["title"], references, row["text"], labels, attributes, language)


def family(claim: Claim) -> str:
    """Return the family of a claim's kind."""
    return FAMILY.get(claim.kind, claim.kind)


def same_position(one: Claim, other: Claim) -> bool:
    """Return whether two claims of a family have the same position."""
    common = min(one.end, other.end) - max(one.start, other.start)
    if common <= 0 or one.kind == "relation":
        return common > 0
    if common / (max(one.end, other.end) - min(one.start, other.start)) >= 0.5:
        return True
    if family(one) in NUMERIC:
        return _number_at(one) == _number_at(other)
    return family(one) == "material" and one.end == other.end


def _number_at(claim: Claim) -> int:
    number = _NUMBER.search(claim.text)
    return claim.start + (number.start() if number else 0)


def pair(found: Iterable[Claim], labels: Iterable[Claim]) -> list[tuple[Claim, Claim]]:
    """Pair found and labelled claims, each at most once, if position and family agree."""
    free, pairs = list(labels), []
    for one in found:
        match = next((label for label in free if family(label) == family(one) and same_position(one, label)), None)
        if match is not None:
            free.remove(match)
            pairs.append((one, match))
    return pairs


def same_support(one: Claim, other: Claim) -> bool:
    """Return whether two claims have the same support from the same reference."""
    return (one.support, one.where) == (other.support, other.where)


def verdict(claim: Claim) -> str:
    """Return a claim's support, or "relation" for a wrong relation."""
    return "relation" if claim.kind == "relation" else claim.support


def score(
    items: Iterable[Item], kind: str = "", position_only: bool = False, unsupported: bool = False, of: str = ""
) -> Score:
    """Score the claims of `items`: optionally of one family or verdict, without support, or only unsupported ones."""
    counts = [0, 0, 0]
    for item in items:
        found = item.claims()
        pairs = pair(found, item.labels)
        right = [one for one, label in pairs if position_only or same_support(one, label)]
        for index, claims in enumerate((found, item.labels, right)):
            counts[index] += sum(
                kind in ("", family(one)) and (not unsupported or one.support == "none") and of in ("", verdict(one))
                for one in claims
            )
    return Score(*counts)


def measure_speed(items: list[Item], rounds: int = 10) -> float:
    """Return the milliseconds of CPU time for 150 words and a title, the minimum over `rounds`."""
    words = " ".join(item.text for item in items).split(" ")
    texts = [" ".join(words[at : at + 150]) for at in range(0, len(words) - 150, 150)]
    return min(_seconds(texts, items[0].title) for _ in range(rounds)) / len(texts) * 1000


def _seconds(texts: list[str], title: str) -> float:
    begin = time.process_time()
    for text in texts:
        find_claims(text, title, language="en")
    return time.process_time() - begin


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--errors", choices=HALVES, help="show what went wrong in one half")
    parser.add_argument("--attribute-errors", choices=ATTRIBUTE_HALVES, help="the same, of those with attributes")
    parser.add_argument("--portuguese-errors", choices=PORTUGUESE_HALVES, help="the same, of the Portuguese ones")
    options = parser.parse_args()
    items = read_items()
    halves = {half: [item for item in items if half in ("all", item.half)] for half in (*HALVES, "all")}
    result = {half: scores(chosen) for half, chosen in halves.items()}
    for half, rows in result.items():
        print_rows(f"{half} ({len(halves[half])} descriptions)", rows)
    described = read_items(WITH_ATTRIBUTES)
    with_attributes = {half: [item for item in described if item.half == half] for half in ATTRIBUTE_HALVES}
    verdicts = {half: verdict_scores(chosen) for half, chosen in with_attributes.items()}
    for half, rows in verdicts.items():
        print_rows(f"with attributes, {half} ({len(with_attributes[half])})", rows)
    in_portuguese = read_items(PORTUGUESE)
    portuguese = {half: [item for item in in_portuguese if item.half == half] for half in PORTUGUESE_HALVES}
    portuguese_rows = {half: all_scores(chosen) for half, chosen in portuguese.items()}
    for half, rows in portuguese_rows.items():
        print_rows(f"Portuguese, {half} ({len(portuguese[half])})", rows)
    speed = measure_speed(items)
    print(f"{speed:.2f} ms for 150 words")
    if options.errors:
        print_errors(halves[options.errors])
    if options.attribute_errors:
        print_errors(with_attributes[options.attribute_errors])
    if options.portuguese_errors:
        print_errors(portuguese[options.portuguese_errors])
    if options.json:
        others = {"with_attributes": as_json(verdicts), "portuguese": as_json(portuguese_rows)}
        print(json.dumps(as_json(result) | others | {"milliseconds_per_150_words": round(speed, 3)}))


def scores(items: list[Item]) -> dict[str, Score]:
    """Return the scores of all rows of the table."""
    kinds = sorted({family(label) for item in items for label in item.labels})
    return {
        "claim and support": score(items),
        "claim alone": score(items, position_only=True),
        "unsupported": score(items, unsupported=True),
        **{f"  {kind}": score(items, kind) for kind in kinds},
    }


def all_scores(items: list[Item]) -> dict[str, Score]:
    """Return the scores of all rows of both tables."""
    return scores(items) | {f"  {verdict}": score(items, of=verdict) for verdict in VERDICTS[:-1]}


def verdict_scores(items: list[Item]) -> dict[str, Score]:
    """Return the scores of all claims and of each verdict, for descriptions of products with attributes."""
    return {"claim and support": score(items), **{verdict: score(items, of=verdict) for verdict in VERDICTS}}


def print_rows(name: str, rows: dict[str, Score]) -> None:
    """Print one half's table."""
    print(f"\n{name:<34} {'precision':>10} {'recall':>8}   right / found / labelled")
    for label, one in rows.items():
        print(f"{label:<34} {one.precision:>10.3f} {one.recall:>8.3f}   {one.right} / {one.found} / {one.labelled}")


def print_errors(items: list[Item]) -> None:
    """Print claims that were only found or only labelled, and claims with different support."""
    for item in items:
        found = item.claims()
        pairs = pair(found, item.labels)
        for one, label in pairs:
            if not same_support(one, label):
                expected = f"{label.support} {label.where or ''}"
                print(f"{item.id} {one.kind} {one.text!r}: {one.support} {one.where or ''} instead of {expected}")
        print_alone(item, "not labelled", found, [one for one, _ in pairs])
        print_alone(item, "missed", item.labels, [label for _, label in pairs])


def print_alone(item: Item, what: str, claims: Iterable[Claim], paired: list[Claim]) -> None:
    """Print the unpaired claims with the text around them."""
    for one in claims:
        if one not in paired:
            around = item.text[max(0, one.start - 25) : one.end + 25]
            print(f"{item.id} {what}: {one.kind} {one.text!r} in {around!r}")


def as_json(result: dict[str, dict[str, Score]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the scores as plain numbers."""
    return {
        half: {
            name.strip().replace(" ", "_"): {
                "precision": round(one.precision, 4),
                "recall": round(one.recall, 4),
                "right": one.right,
                "found": one.found,
                "labelled": one.labelled,
            }
            for name, one in rows.items()
        }
        for half, rows in result.items()
    }


if __name__ == "__main__":
    main()
