"""Cleaning of a text."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.clean import clean, comparable

NOTE = "--This text refers to an out of print or unavailable edition of this title."


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Kerr&#8217;s best&#8211;selling &eacute;clairs", "Kerr’s best–selling éclairs"),
        ("Windows quotes &#145;so&#x92; &#151; yes", "Windows quotes ‘so’ — yes"),
        ("R&amp;B, Q&A&copying, s&m, AT&T", "R&B, Q&A&copying, s&m, AT&T"),
        ("&amp;lt;b&amp;gt;bold&amp;lt;/b&amp;gt; &amp;amp; plain", "bold & plain"),
        ("<b>bo</b>ld <i>it</i><br/>new<p class='x'>par</p>end", "bold it new par end"),
        ("a<BR>b<br />c<DIV ID=1>d</DIV><o:p></o:p>", "a b c d"),
        ("x<!-- a > b <b> -->y<script type='t'>if (a<b) {}</script>z<STYLE>p {}</STYLE>", "x y z"),
        ("&lt;p&gt;escaped&lt;/p&gt; markup", "escaped markup"),
        (
            "I <3 it; a < b > c; 5<6; <not a tag; <i am new>; 2 > 1",
            "I <3 it; a < b > c; 5<6; <not a tag; <i am new>; 2 > 1",
        ),
        ("unclosed <!-- stays", "unclosed <!-- stays"),
        ("caf\u0065\u0301 na\u00efve", "café naïve"),
        (
            "zero\u200bwidth\ufeff so\u00adft \u202eback\u202c nul\x00l c1\x9f lone\ud800",
            "zerowidth soft back null c1 lone",
        ),
        ("lost \ufffd and private \ue000", "lost and private"),
        (" a\t\tb\r\nc\u00a0d\u2003e\u2028f\x1cg\x85h  ", "a b c d e f g h"),
        ("👩\u200d👩\u200d👧 क्\u200dष a\u200db \u200d", "👩\u200d👩\u200d👧 क्\u200dष ab"),
        ("Keeps CASE, “quotes” – dashes… ½ ★ 日本語!", "Keeps CASE, “quotes” – dashes… ½ ★ 日本語!"),
        ("", ""),
    ],
)
def test_cleans(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    "note",
    [
        "--This text refers to thePaperbackedition.",
        "--This text refers to theHardcoveredition.",
        "--This text refers to an alternatePaperbackedition.",
        "--This text refers to theLibrary Bindingedition.",
        " -- This text refers to the Kindle Edition edition.",
        " – This text refers to the Hardcover edition",
        "—This text refers tothePaperbackedition.",
        "- this text refers to an Audio CD edition .",
        NOTE,
        NOTE + "--This text refers to thePaperbackedition. " + NOTE,
        "<br>--This text refers to the <i>Paperback</i> edition.<br/>",
        "&#151;This text refers to the Paperback edition.",
    ],
)
def test_drops_edition_notes_at_the_end(note: str) -> None:
    assert clean("A fine story." + note) == "A fine story."
    assert clean(note) == ""


@pytest.mark.parametrize(
    "text",
    [
        "--This text refers to thePaperbackedition. Then it goes on.",
        "The preface says what this text refers to in the second edition.",
        "A revised edition.",
        "This text refers to nothing.",
    ],
)
def test_keeps_what_only_resembles_an_edition_note(text: str) -> None:
    assert clean(text) == text


MARKS = (
    "&",
    "&amp;",
    "amp;",
    "&lt;",
    "lt;",
    "&#60;",
    "&#3",
    "8;",
    "#",
    "<",
    ">",
    "<b>",
    "b>",
    "</p>",
    "<br/>",
    "<a href=",
)
HIDING = ("<!--", "-->", "<script>", "</script>")
NOTES = ("--", "This text refers to the", "Paperback", "edition", " of this title", ".")
SIGNS = (
    " ",
    "\n",
    "\u00a0",
    "\u200b",
    "\u200d",
    "\u200c",
    "e",
    "\u0301",
    "\u212a",
    "\u037e",
    "\ufffd",
    "\ud83d",
    "\x00",
    "👩",
    "क",
)
FRAGMENTS = st.sampled_from((*MARKS, *HIDING, *NOTES, *SIGNS))


@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=40).map("".join)))
def test_cleaning_is_idempotent_and_leaves_nothing_unwanted(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert "  " not in cleaned and cleaned == cleaned.strip()
    assert not [character for character in cleaned if unicodedata.category(character) in ("Cc", "Cs", "Co", "Zl", "Zp")]
    assert not set(cleaned) & set("\u200b\u200e\u202e\u2066\ufeff\u00ad\ufffd")
    cleaned.encode()


@pytest.mark.parametrize(
    "text",
    [
        "&" + "amp;" * 100_000,
        "<" * 100_000,
        "-->" + "<!--" * 100_000,
        "<a " * 100_000,
        NOTE * 10_000 + "x",
        "<br " + "= " * 100_000,
    ],
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    began = time.process_time()  # of the core, which other processes do not hold up
    cleaned = clean(text)
    assert time.process_time() - began < 5  # a square takes minutes
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("one", "other"),
    [("Mog's  Kittens!", "mog s kittens"), ("“Straße” – 3", "STRASSE, 3"), ("tea-time", "Tea time."), ("A…", "a")],
)
def test_comparable_ignores_case_punctuation_and_whitespace(one: str, other: str) -> None:
    assert comparable(clean(one)) == comparable(clean(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bottle 1.5 L", "Bottle 15 L"),
        ("C++", "C#"),
        ("½ inch", "¼ inch"),
        ("की", "का"),
        ("!!!", "???"),
        ("50%", "50"),
        ("😀", "😢"),
    ],
)
def test_comparable_distinguishes_facts(one: str, other: str) -> None:
    assert comparable(clean(one)) != comparable(clean(other))


@given(st.text())
def test_comparable_is_never_empty_for_a_text(text: str) -> None:
    cleaned = clean(text)
    assert bool(comparable(cleaned)) == bool(cleaned)


def test_a_tag_that_never_ends_takes_no_quadratic_time() -> None:
    import subprocess
    import sys

    # Took minutes when the expression could split the spaces in two ways; in a child process, so that it can time out.
    program = "from shelftalk.catalogue.clean import clean; clean('<a x=' + ' ' * 200_000 + 'y')"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
