"""Every export goes all the way: prepared, trained on, described from its own attributes, and shown in the report.

The tiny model's texts are noise; what is checked is which attributes reach each place.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from shelftalk import pipeline, proof
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.generation.texts import Texts
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace
from tests.catalogue.exports import ATTRIBUTES, COUNT, EXPORTS
from tests.conftest import TINY_SETTINGS

SHORT = DecodingSettings(max_new_tokens=8)
QUICK = ("shopify", "merchant rss")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXPORTS]
)
def test_an_export_goes_from_the_file_to_the_report(tmp_path: Path, name: str) -> None:
    write, file, uid, _, variants = EXPORTS[name]
    source = write(tmp_path / file)
    attributes = {uid(number): dict(ATTRIBUTES[name](number)) for number in range(COUNT)}
    workspace = Workspace(tmp_path / "workspace")
    pipeline.prepare_catalogue(workspace, source, "shop", PrepareSettings(test_share=0.2))
    settings = TINY_SETTINGS.replace({"epochs": 1, "gradient_accumulation": 8, "max_tokens": 512})
    run = pipeline.train_run(workspace, "shop", "shop", settings)
    pipeline.index_run(run)

    pairs = pipeline.compare_held_out(run, 2, SHORT, references=1)
    assert [comparison.attributes for _, comparison in pairs] == [attributes[product.uid] for product, _ in pairs]

    told: list[str] = []
    output = tmp_path / "texts.jsonl"
    summary = pipeline.write_catalogue(run, source, output, SHORT, references=0, say=told.append)
    assert (summary["described"], summary["rows"]) == (COUNT, COUNT + variants)
    used = {name for one in attributes.values() for name in one}
    assert f"The input has {len(used)} of the {len(used)} attributes that the run was trained on." in told[0]
    written = sum(not row["flag"] for row in map(json.loads, output.read_text().splitlines()))
    [kept] = (run.folder / "generated").glob("*.parquet")
    texts = Texts(kept)
    rows = [one for one in map(texts.__getitem__, range(len(texts))) if one.flag != "variant"]
    assert written == sum(not one.flag for one in rows)
    described = {one.uid: one.untold for one in rows}
    assert described.keys() == attributes.keys()
    assert all(set(untold) <= {*attributes[uid], ""} for uid, untold in described.items())

    result = proof.evaluate_run(run, SHORT, 2, ["tuned"])
    page = html.unescape(re.sub(r"<[^>]+>", "", (run.folder / "report" / "report.html").read_text()))
    shown = [f"{key}: {value}" for example in result["examples"] for key, value in example["attributes"].items()]
    assert shown and all(line in page for line in shown)
