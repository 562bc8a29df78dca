"""Texts of the data that contain markup, links, images or scripts are shown as plain text."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shelftalk import pipeline
from shelftalk.catalogue import draft
from shelftalk.catalogue.clean import clean
from shelftalk.catalogue.known_attributes import KnownAttributes
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.generation.catalogue import Job, describe_titles
from shelftalk.generation.history import remember
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.prompts import ENGLISH
from shelftalk.records import Comparison, Description, Reference
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import Workspace, write_json
from tests.conftest import TINY_SETTINGS

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")

from playwright.sync_api import Page, expect

from tests.studio.browser import SLOW, WORDS, box, button, choose, field, said, settle
from tests.studio.conftest import measured

if TYPE_CHECKING:
    from tests.studio.browser import Visitor

EVIL = "http://evil.example"
PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "<svg onload=alert(3)></svg>",
    f"[click me]({EVIL}/link) and [here](javascript:alert(4))",
    f"![picture]({EVIL}/picture.png)",
    f"<iframe src={EVIL}/frame></iframe>",
    f'<a href="{EVIL}" onclick="alert(5)">link</a>',
    "&lt;script&gt;alert(6)&lt;/script&gt; &amp; &#60;b&#62;",
    "{{7*7}} ${7*7} {% raw %} {title} {0} %s",
    r"$\href{javascript:alert(8)}{x}$ and $$\frac{1}{2}$$",
    ":material/delete: :smile: :shrimp:",
    ":red[red] :blue-background[blue] :small[small]",
    f"<style>body{{background:url({EVIL}/style)}}</style>",
    "data:text/html,<script>alert(9)</script>",
    "`code` **bold** _cursive_ ~~gone~~ # heading > quote",
    "</p></div></textarea></title><script>alert(10)</script>",
    '" onmouseover="alert(11)" x="',
    '=1+1 =HYPERLINK("http://evil.example","x") @SUM(1)',
    "\u202edrow desrever\u202c and \u2066isolated\u2069",
    f"<link rel=stylesheet href={EVIL}/x.css><meta http-equiv=refresh content=0;url={EVIL}> <b>b</b><br>--><!-- x",
]
RUN, CATALOGUE = "payloads", "payloads"


def body(payload: str) -> str:
    return f"Text: {payload}"


def value(payload: str) -> str:
    return f"Value: {payload}"


@pytest.fixture(scope="module")
def with_payloads(filled_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a run on products whose titles, descriptions and attributes are the payloads, uncleaned."""
    rows = [{"title": one, "description": body(one), "specs": {one: value(one)}} for one in PAYLOADS] + [
        {"title": one} for one in PAYLOADS
    ]
    source = tmp_path_factory.mktemp("payloads") / "rows.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draft, "clean_all", lambda texts: [text.strip() for text in texts])
        settings = PrepareSettings(validation_share=0, test_share=0)
        pipeline.prepare_catalogue(filled_workspace, source, CATALOGUE, settings)
    measured(filled_workspace, CATALOGUE)
    run = pipeline.train_run(filled_workspace, CATALOGUE, RUN, TINY_SETTINGS.replace({"epochs": 1}))
    pipeline.make_ready(run)
    answers = [
        Comparison(one, Description(one, True, 1), Description(body(one), True, 1), [Reference("1", one, one, 0.5)])
        for one in PAYLOADS
    ]
    for answer in answers:
        remember(run.folder, answer, DecodingSettings())
    pairs = [
        {
            "product": {"uid": "1", "title": one.query, "description": f"True: {one.query}"},
            "comparison": one.as_mapping(),
        }
        for one in answers
    ]
    write_json(run.folder / "report" / "demo.json", {"pairs": pairs})
    return filled_workspace


def shown(page: Page) -> str:
    return page.get_by_test_id("stMain").inner_text()


def missing(texts: list[str], page: Page) -> list[str]:
    """Return the texts that are not on the page as exactly these characters."""
    seen = shown(page)
    return [text for text in texts if text not in seen]


def test_column_names_and_raw_records_are_characters(visitor: Visitor) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([PAYLOADS, *([f"{one} {number}" for one in PAYLOADS] for number in (1, 2))])
    page = visitor.open()
    page.get_by_text(WORDS["catalogue.add"]).click()
    name = '"><img src=x onerror=alert(1)>.csv'
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": text.getvalue().encode()}
    )
    expect(page.get_by_text("<script>alert(1)</script> 1")).to_be_visible()
    settle(page)  # see `choose`
    assert missing([line[:1900] for line in text.getvalue().splitlines()], page) == []
    box(page, WORDS["catalogue.title_field"]).click()
    for payload in (PAYLOADS[1], PAYLOADS[10], PAYLOADS[14]):
        box(page, WORDS["catalogue.title_field"]).fill(payload)
        option = page.get_by_role("option").first
        try:
            expect(option).to_have_text(payload, timeout=10_000)
        except AssertionError:  # the page was drawn again meanwhile, which closes the list
            box(page, WORDS["catalogue.title_field"]).press("ArrowDown")
            expect(option).to_have_text(payload)
    page.keyboard.press("Enter")
    settle(page)
    expect(box(page, WORDS["catalogue.title_field"])).to_have_value(PAYLOADS[14])
    columns = page.get_by_test_id("stMultiSelect").filter(has_text=WORDS["catalogue.attribute_columns"])
    columns.get_by_role("combobox").fill(PAYLOADS[1])
    expect(page.get_by_role("option").first).to_have_text(PAYLOADS[1])
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    settle(page)
    expect(columns.get_by_text(PAYLOADS[1], exact=True)).to_be_visible()
    button(page, "catalogue.prepare").click()
    expect(page.get_by_text(WORDS["error.heading"])).to_be_visible()


def test_rejects_and_products_are_characters(visitor: Visitor, with_payloads: Workspace) -> None:
    page = visitor.open()
    choose(page, WORDS["catalogue.choose"], CATALOGUE)
    page.get_by_role("tab", name=WORDS["catalogue.left_out"]).click()
    expect(page.get_by_text(WORDS["reason.missing_description"])).to_be_visible()
    settle(page)
    rejects = (with_payloads.catalogue(CATALOGUE) / "rejects.jsonl").read_text().splitlines()
    assert missing([json.loads(line)["detail"] for line in rejects[:3]], page) == []
    page.get_by_role("tab", name=WORDS["catalogue.products"]).click()
    for search, payload in (("alert(2)", PAYLOADS[1]), (PAYLOADS[0], PAYLOADS[0])):
        field(page, "catalogue.search").fill(search)
        page.keyboard.press("Enter")
        settle(page)
        page.get_by_test_id("stDataFrame").first.click(position={"x": 18, "y": 54})
        expect(page.get_by_text(body(payload), exact=True).locator("visible=true")).to_be_visible()
    expect(page.get_by_role("term")).to_have_text([PAYLOADS[0]])  # the other's attribute is no property of a product
    expect(page.get_by_role("definition")).to_have_text([value(PAYLOADS[0])])


def test_questions_references_and_what_models_wrote_are_characters(visitor: Visitor, with_payloads: Workspace) -> None:
    page = visitor.open("compare")
    choose(page, WORDS["runs.choose"], RUN)
    button(page, "compare.sampling").click()
    page.get_by_role("slider", name=WORDS["compare.reference_count"]).press("End")
    settle(page)
    page.keyboard.press("Escape")
    for question in (" ".join(PAYLOADS[::2]), " ".join(PAYLOADS[1::2])):  # all of them are too long for the tiny model
        field(page, "compare.question").fill(question)
        button(page, "compare.ask").click()
        expect(page.get_by_text(question, exact=True)).to_be_visible(timeout=1000 * SLOW)
        expect(page.get_by_text(WORDS["compare.references"], exact=True)).to_be_visible(timeout=1000 * SLOW)
        settle(page)
        assert missing([question, *PAYLOADS, *map(body, PAYLOADS)], page) == []
    page.get_by_text(said("compare.history")).click()
    settle(page)


def test_what_models_wrote_is_characters_in_the_report(visitor: Visitor, with_payloads: Workspace) -> None:
    page = visitor.open("report")
    choose(page, WORDS["runs.choose"], RUN)
    expect(page.get_by_text(WORDS["report.examples"], exact=True)).to_be_visible()
    settle(page)
    assert missing([text for one in PAYLOADS for text in (one, f"True: {one}")], page) == []
    for payload in PAYLOADS:
        expect(page.get_by_text(body(payload), exact=True).first).to_be_visible()


def test_titles_attributes_and_texts_in_a_review_are_characters(
    visitor: Visitor, with_payloads: Workspace, tmp_path: Path
) -> None:
    source = tmp_path / "</title><script>alert(1)</script>.jsonl".replace("/", "_")
    rows = [{"title": one, "description": body(one), "material": value(one), "id": one} for one in PAYLOADS]
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    texts = {clean(one): f"New: {one}" for one in PAYLOADS}
    job = Job(
        source,
        source.with_suffix(".csv"),
        DecodingSettings(max_new_tokens=200),
        {},
        with_payloads.run(RUN) / "generated" / "evil.json",
        ENGLISH,
        references=0,
        known=KnownAttributes(["material"]),
    )
    engine = ScriptedEngine(lambda prompt, tuned: texts[prompt.partition("\n")[0]])
    describe_titles(job, lambda: engine, lambda: None)  # type: ignore[arg-type,return-value]
    page = visitor.open("review")
    choose(page, WORDS["runs.choose"], RUN)
    field(page, "review.name").fill(PAYLOADS[1])
    page.keyboard.press("Tab")
    described = [one for one in PAYLOADS if clean(one)]  # markup alone is no title
    for at, _ in enumerate(described, 1):
        expect(page.get_by_text(f"{at} of {len(described)} ·")).to_be_visible()
        settle(page)
        title = page.locator(".card > h2").inner_text()
        assert title.strip() in [" ".join(one.split()) for one in described]
        expect(page.get_by_text("New: ", exact=False).first).to_be_visible()
        page.keyboard.press("a" if at == 1 else "j")
    choose(page, WORDS["review.filter"], WORDS["review.show_accepted"])
    expect(page.get_by_text(f"Accepted by {PAYLOADS[1]}")).to_be_visible()
    page.get_by_text(WORDS["review.view_list"], exact=True).click()
    settle(page)


def test_an_invalid_base_model_is_characters(visitor: Visitor, with_payloads: Workspace) -> None:
    page = visitor.open("fine-tune")
    choose(page, WORDS["catalogue.choose"], CATALOGUE)
    payload = "<img src=x onerror=alert(1)> **b** :smile:"
    choose(page, WORDS["fine_tune.base_model"], payload)
    expect(box(page, WORDS["fine_tune.base_model"])).to_have_value(payload)
    button(page, "fine_tune.start").click()
    expect(page.get_by_text(payload)).to_be_visible(timeout=1000 * SLOW)
    button(page, "app.dismiss").click()  # or the failed run would be shown to later tests too
    expect(page.get_by_text(payload)).not_to_be_visible()
