"""An output of `generate`, written by the real code with a scripted engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from shelftalk.catalogue.known_attributes import KnownAttributes
from shelftalk.generation.catalogue import Job, describe_titles
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.prompts import ENGLISH
from shelftalk.review.outputs import Output
from shelftalk.review.review import Review
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import read_json

KNOWN = KnownAttributes(["material"], ["Material"], ["material"], ["material"])
HEADER = "sku,title,Material,Description"


def answer(prompt: str, tuned: bool) -> str:
    """Describe a product in oak, whatever it is made of; nothing is written for a title that ends in 3."""
    title = prompt.partition("\n")[0]
    return "" if title.endswith("3") else f"{title} is made of oak. It is sanded by hand."


def row(number: int, material: str = "oak") -> str:
    return f"sku-{number},Peg {number},{material},Old text of {number}."


def write_output(
    folder: Path,
    rows: Sequence[str],
    name: str = "texts.csv",
    records: Path | None = None,
    source: str = "shop.csv",
    answer: Callable[[str, bool], str] = answer,
) -> Output:
    """Write a shop's file and its texts, and return the output; `records` is the folder of the job's record."""
    path = folder / source
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    output = folder / name
    record = (records or folder / "generated") / f"{name}.json"
    settings = DecodingSettings(max_new_tokens=60)
    job = Job(path, output, settings, {"adapter": "0" * 64}, record, ENGLISH, references=0, known=KNOWN)
    describe_titles(job, lambda: ScriptedEngine(answer), lambda: None)  # type: ignore[arg-type,return-value]
    held = read_json(record)
    return Output(output, path, job.texts, held["job"], held["output_sha256"])


def open_review(folder: Path, rows: Sequence[str]) -> Review:
    return Review(write_output(folder, rows))
