"""Both forms of the report have the results and escape every text; the HTML page is self-contained."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.evaluation.blocks import (
    Bars,
    Block,
    Curves,
    Heading,
    Items,
    Mark,
    Note,
    Pair,
    Paragraph,
    Plot,
    Quote,
    Table,
)
from shelftalk.evaluation.directions import DIRECTIONS
from shelftalk.evaluation.measures import MEASURES
from shelftalk.evaluation.render import render_html, render_markdown
from shelftalk.evaluation.report import MEANINGS, NAMES, WAYS, report
from shelftalk.evaluation.scores import compare_likelihoods, compare_ways
from shelftalk.evaluation.ways import BASELINES, COMPARED, TRUE
from shelftalk.evaluation.ways import WAYS as ALL_WAYS

MALICIOUS = '</blockquote><script>alert(1)</script><img src="https://example.com/x" onerror=alert(1)> | **x** [a](b)'


def result(count: int = 24) -> dict[str, Any]:
    """Return an evaluation's result for `count` products, with random figures and "after" far better."""
    rng = np.random.default_rng(3)
    sides = {way: rng.uniform(1, 2, (count, 2)) * [1 + number, 1] for number, way in enumerate(("base", "tuned"))}
    tables = {way: {"rouge_l": side, "stop_rate": side, "verbatim_share": side} for way, side in sides.items()}
    likelihoods = [(50.0, 40 + number) for number in range(count)]
    return {
        "n": count,
        "split": "test",
        "leaks": [{"uid": "7", "trained": "8", "field": "title", "similarity": 0.91}],
        "decoding": {"temperature": 1.0, "seed": 42},
        "engine": "llama.cpp",
        "references": 3,
        "samples": 2000,
        "reference_words": 70.5,
        **compare_ways(tables),
        "elsewhere": [{"name": "general text", **compare_likelihoods(likelihoods, likelihoods)}],
        "examples": [
            {
                "title": MALICIOUS,
                "true": "The true card.",
                "references": [],
                "written": {
                    "tuned": {"text": "A <b>made up</b> brass", "claims": [{"start": 17, "end": 22, "support": "none"}]}
                },
            }
        ],
    }


def pages(found: dict[str, Any]) -> tuple[str, str]:
    blocks = report("pegs", {"catalogue": "pegs, SHA-256 abc"}, found)
    return render_html(blocks), render_markdown(blocks)


class ParsedPage(HTMLParser):
    """Collect the elements of a page, and its external references."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.loaded: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.loaded += [f"{name}={value}" for name, value in attrs if name in ("src", "href") or name.startswith("on")]


def test_every_measure_and_way_has_its_words() -> None:
    assert set(NAMES) == set(MEANINGS) == set(DIRECTIONS) == set(MEASURES)
    assert set(WAYS) == {*ALL_WAYS, *BASELINES, TRUE} >= {way for pair in COMPARED for way in pair}


def test_what_is_shown_stands_first_and_no_more_than_that() -> None:
    html, markdown = pages(result())
    assert "Shown to be better after fine-tuning: ROUGE-L, stops by itself." in html
    assert "neither better nor worse: copied from training texts" in html
    for page in (html, markdown):
        assert "general text" in page
        assert "not shown" in page  # the general text's likelihoods are equal
        assert "in no figure here: 1 of the test split" in page
        assert "n = 24" in page


def test_a_measure_that_no_way_has_is_left_out() -> None:
    """Of products without attributes none is told."""
    for page in pages(result()):
        assert NAMES["rouge_l"] in page and NAMES["attributes_told"] not in page
    found = result()
    found["tuned"]["attributes_told"] = 0.5
    for page in pages(found):
        assert NAMES["attributes_told"] in page and MEANINGS["attributes_told"] in html.unescape(page)


def with_gains() -> dict[str, Any]:
    """Return a result with the figures of what is said of a product's own, with a baseline and the true texts."""
    rng = np.random.default_rng(5)
    tables = {
        way: {
            "chrf": np.hstack([rng.uniform(5, 9, (24, 24))]),
            "chrf_above": rng.uniform(5, 9, (24, 48)),
            "attributes_told": np.tile([told, 4.0], (24, 1)),
            "unsupported_per_100_words": np.tile([100.0 * faults, 50.0], (24, 1)),
        }
        for way, told, faults in (("base", 1, 3), ("tuned", 4, 0), ("random_description", 0, 5), (TRUE, 4, 1))
    }
    return result() | compare_ways(tables)


def test_what_a_shop_asks_stands_first() -> None:
    found = with_gains()
    for page in map(html.unescape, pages(found)):
        start = page[: page.index("Every way of writing")]
        assert "6.0 claims before fine-tuning that no source states, and 0.0 after; people's own" in start
        assert "told 25.0% of the attributes before, and 100.0% after; people's own tell 100.0%" in start
        row = start[start.index("against texts without a model") :]
        assert "a random product's text" in row and "unsupported claims per 100 words, attributes told" in row
        assert "floor" in page


def test_of_another_language_the_claims_say_little() -> None:
    assert all("These descriptions do not look English" in page for page in pages(result() | {"english": False}))
    assert not any("These descriptions do not look English" in page for page in pages(result() | {"english": True}))


def test_too_few_products_are_reported_and_no_interval_is_drawn() -> None:
    html, markdown = pages(result(3))
    assert "3 products are too few for intervals" in html
    assert "resamplings" not in html
    assert 'class="interval"' not in html
    assert "too few products" in markdown


def test_the_page_needs_and_runs_nothing() -> None:
    html, _ = pages(result())
    parsed = ParsedPage(html)
    assert parsed.loaded == []
    assert not {"script", "img", "link", "iframe"} & set(parsed.elements)
    assert "default-src 'none'" in html
    assert "&lt;script&gt;alert(1)" in html


def test_claims_without_support_are_marked() -> None:
    html, markdown = pages(result())
    assert "A &lt;b&gt;made up&lt;/b&gt; <mark>brass</mark>" in html
    assert r"A \<b\>made up\</b\> **brass**" in markdown


def test_pictures_are_well_formed_and_hold_every_score() -> None:
    html, _ = pages(result())
    pictures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(pictures) == 3
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert len([one for one in root.iter() if one.tag.endswith("circle")]) == 2


@given(st.text(), st.text())
def test_no_text_becomes_markup(first: str, second: str) -> None:
    blocks: list[Block] = [
        Heading(first, 1),
        Paragraph(second),
        Table([first, second], [[second, first]]),
        Plot(first, [(second, 1.0, [0.5, 1.5]), (first, 2.0, None)], 2),
        Quote(first, second, [Mark(0, min(1, len(second)), "contradicted")]),
        Note(first),
        Items([first, second], numbered=True),
        Pair(Quote(first, second), Quote(second, first, is_title=True)),
        Bars(first, [(second, 2.0), (first, 0.0)]),
        Curves(first, [(1, 2.0), (2, 1.0)], [(0, 3.0)], (first, second, first), second),
    ]
    allowed = {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "div", "table", "thead", "tr", "th", "td"),
        *("figure", "figcaption", "svg", "text", "line", "circle", "blockquote", "b", "mark"),
        *("ol", "li", "polyline", "rect"),
    }
    assert set(ParsedPage(render_html(blocks)).elements) <= allowed
    assert re.search(r"(?<!\\)[<\[]", render_markdown(blocks)) is None


@pytest.mark.parametrize("scores", [[1.0], [2.0, 2.0], [-1.0, 1e6]])
def test_any_scores_can_be_drawn(scores: list[float]) -> None:
    rows = [(str(number), score, None) for number, score in enumerate(scores)]
    assert "nan" not in render_html([Heading("x", 1), Plot("x", rows, 2)])
