from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from threading import Timer

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shelftalk.errors import Damaged, NotFound, TooFewProducts
from shelftalk.evidence import suffixes
from shelftalk.evidence.spans import COMMON_PLACES, PLACES, SpanIndex, build_spans, verbatim_share
from shelftalk.evidence.words import WORD
from shelftalk.records import Product
from shelftalk.workspace import faults, lock

Index = Callable[..., SpanIndex]

FRAGMENTS = [
    "a",
    "b",
    "ab",
    "don't",
    "é",
    "e\u0301",
    "7",
    "你",
    "好",
    "ก",
    "हि",
    "🙂",
    "'",
    ",",
    ". ",
    " - ",
    "\n",
    "\u3000",
]
texts = st.lists(st.sampled_from([*FRAGMENTS, *[" "] * 12, "a b a", "b, ab"]), max_size=14).map("".join) | st.text()


def products_of(descriptions: list[str]) -> list[Product]:
    return [Product(f"{number:04d}", f"Title {number}", text) for number, text in enumerate(descriptions)]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Return a function that builds the index of some descriptions."""

    def make(*descriptions: str) -> SpanIndex:
        build_spans(products_of(list(descriptions)), tmp_path / "spans")
        return SpanIndex.open(tmp_path / "spans")

    return make


def passages(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield all passages of whole words: the indices of the first and last word, and the characters."""
    plain = " ".join(text.split())
    words = [word.span() for word in WORD.finditer(plain)]
    for first, (start, _) in enumerate(words):
        for last in range(first, len(words)):
            yield first, last, plain[start : words[last][1]]


def by_brute_force(descriptions: list[str], text: str) -> list[tuple[int, int, list[int]]]:
    """Return each maximal passage: its start and end in the text, and the descriptions that contain it."""
    held = [{passage for _, _, passage in passages(description)} for description in descriptions]
    found = [one for one in passages(text) if any(one[2] in passages_ for passages_ in held)]
    words = [word.span() for word in WORD.finditer(text)]
    return sorted(
        (words[first][0], words[last][1], [number for number, some in enumerate(held) if passage in some])
        for first, last, passage in found
        if not any(one[0] <= first and last <= one[1] and one[:2] != (first, last) for one in found)
    )


@settings(max_examples=150)
@given(st.lists(texts, min_size=1, max_size=6), texts)
@example([""], "")
@example(["", "a b", ""], "a b")
@example(["a b c", "a b c", "c a b c"], "a b c")
@example(["x a", "b y"], "a b")
@example(["the category"], "the cat")
@example(["a b's"], "a b")
@example(["12 34 56"], "12 34, 56")
def test_spans_are_those_of_brute_force(descriptions: list[str], text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build_spans(products_of(descriptions), Path(folder) / "spans")
        spans = SpanIndex.open(Path(folder) / "spans").find(text, minimum_words=1, common=True)
    expected = by_brute_force(descriptions, text)
    assert sorted((span.start, span.end) for span in spans) == [one[:2] for one in expected]
    for span, (_, _, numbers) in zip(sorted(spans, key=lambda span: span.start), expected, strict=True):
        passage = " ".join(span.text.split())
        assert span.text == text[span.start : span.end]
        assert (span.count, span.share) == (len(numbers), len(numbers) / len(descriptions))
        assert [place.uid for place in span.places] == [f"{number:04d}" for number in numbers[:PLACES]]
        for place in span.places:
            assert " ".join(place.description[place.start :].split()).startswith(passage)


@settings(max_examples=50)
@given(st.lists(texts.filter(WORD.search), min_size=1, max_size=4), st.integers(0, 3))
def test_a_whole_description_is_one_span(descriptions: list[str], number: int) -> None:
    text = descriptions[number % len(descriptions)]
    with tempfile.TemporaryDirectory() as folder:
        build_spans(products_of(descriptions), Path(folder) / "spans")
        spans = SpanIndex.open(Path(folder) / "spans").find(text, minimum_words=1, common=True)
    assert len(spans) == 1
    assert spans[0].words == len(WORD.findall(text))
    assert verbatim_share(text, spans) == 1.0


def test_the_longest_spans_come_first_and_short_ones_not_at_all(index: Index) -> None:
    found = index("one two three four five", "five six seven eight", "nine ten eleven").find(
        "nine ten eleven! five six seven eight; one two three four five"
    )
    assert [(span.text, span.words) for span in found] == [
        ("one two three four five", 5),
        ("five six seven eight", 4),
    ]


def test_no_span_crosses_products_or_differs_in_a_character(index: Index) -> None:
    spans = index("red oak peg", "holds a coat of mine, they say", "Holds a coat of")
    assert spans.find("red oak peg holds", minimum_words=4) == []
    assert spans.find("holds a coat; of mine") == []
    assert spans.find("HOLDS a coat of") == []
    assert [span.text for span in spans.find("it holds a coat\n of mine they say")] == ["holds a coat\n of mine"]


def test_places_are_the_first_descriptions_and_where_the_span_begins_there(index: Index) -> None:
    text = "an oak peg for coats"
    (span,) = index("no", f"Really: {text}. {text}", text, f"So,  {text}", text).find(text)
    assert (span.count, span.share) == (4, 0.8)
    assert [(place.uid, place.title, place.start) for place in span.places] == [
        ("0001", "Title 1", 8),
        ("0002", "Title 2", 0),
        ("0003", "Title 3", 5),
    ]
    assert span.places[0].description == f"Really: {text}. {text}"


def test_what_many_descriptions_hold_is_left_out_unless_asked_for(index: Index) -> None:
    phrase, others = "On our shelf because", [f"only number {number}" for number in range(40)]
    few = index(*[f"{phrase} {number}" for number in range(COMMON_PLACES)], *others)
    assert [span.count for span in few.find(f"{phrase} it is so")] == [COMMON_PLACES]
    many = index(*[f"{phrase} {number}" for number in range(COMMON_PLACES + 1)], *others)
    assert many.find(f"{phrase} it is so") == []
    (span,) = many.find(f"{phrase} it is so", common=True)
    assert (span.text, span.count, span.share) == (phrase, 6, 6 / 46)


def test_a_common_phrase_does_not_make_a_span_but_stays_in_one(index: Index) -> None:
    phrase = "On our shelf because"
    text = f"It holds four coats. {phrase} of moths"
    spans = index(text, *[f"{phrase} {number}" for number in range(9)])
    assert spans.find(f"Nice coats. {phrase} of moths") == []
    assert [span.text for span in spans.find(f"Nice coats. {phrase} of moths", common=True)] == [
        f"coats. {phrase} of moths"
    ]
    assert [(span.text, span.words) for span in spans.find(f"Say: {text}!")] == [(text, 10)]


def test_in_a_large_catalogue_common_is_more_than_one_percent(index: Index) -> None:
    def found(holding: int) -> int:
        return len(
            index(*["copied from the maker"] * holding, *["other words"] * (1000 - holding)).find(
                "copied from the maker"
            )
        )

    assert (found(10), found(11)) == (1, 0)


def test_verbatim_share_counts_each_word_once(index: Index) -> None:
    spans = index("a b c d e", "d e f g h")
    text = "a b c d e f g h; x y"
    assert [span.words for span in spans.find(text)] == [5, 5]
    assert verbatim_share(text, spans.find(text)) == 0.8
    assert verbatim_share(text, []) == 0.0
    assert verbatim_share("🙂", []) == 0.0


def test_characters_are_words_where_no_spaces_are(index: Index) -> None:
    (span,) = index("这本书是给孩子们的。").find("他说这本书是给大人的")
    assert (span.text, span.words, span.places[0].start) == ("这本书是给", 5, 0)


def test_odd_texts(index: Index) -> None:
    spans = index("1234567890 22 333 4444", "", "one lone \x00 nul byte here")
    assert [span.text for span in spans.find("9 22 333 4444 1234567890 22 333 4444 5")] == ["1234567890 22 333 4444"]
    assert spans.find("") == spans.find(" \n ") == spans.find("🙂🙂 …") == spans.find("\ud800 lone surrogate") == []
    assert [span.text for span in spans.find("one lone \x00 nul byte")] == ["one lone \x00 nul byte"]


def test_only_empty_descriptions(index: Index) -> None:
    assert index("", " ").find("four words of text") == []


def test_batches_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    products = products_of([f"peg {number % 7}, holds {number} coats" for number in range(20)] + [""])
    seen: list[tuple[int, int]] = []
    counts = build_spans(products, tmp_path / "whole", lambda done, total: seen.append((done, total)))
    monkeypatch.setattr(suffixes, "BATCH", 3)
    build_spans(products, tmp_path / "parts")
    assert seen == [(21, 21)]
    assert (counts["products"], counts["symbols"]) == (21, 20 * 6 + 21)
    for file in suffixes.FILES:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes()
    text = "peg 3, holds 17 coats"
    assert SpanIndex.open(tmp_path / "whole").find(text) == SpanIndex.open(tmp_path / "parts").find(text) != []


def test_an_index_is_whole_and_is_replaced_whole_while_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "spans"
    build_spans(products_of(["the first of all texts"]), folder)
    assert faults(folder) == []
    before = SpanIndex.open(folder)
    build_spans(products_of(["another one of four words"]), folder)
    assert len(before.find("the first of all")) == 1
    assert SpanIndex.open(folder).find("the first of all") == []
    assert {entry.name for entry in tmp_path.iterdir()} == {"spans", ".spans.lock"}


def test_what_another_process_builds_is_waited_for_and_not_built_again(tmp_path: Path) -> None:
    folder, built = tmp_path / "spans", tmp_path / "built"
    build_spans(products_of(["Holds a heavy winter coat."]), built)
    held = ExitStack()
    held.enter_context(lock(folder, "building"))
    held.callback(built.rename, folder)
    Timer(0.3, held.close).start()
    index = SpanIndex.open_or_build(folder, lambda: pytest.fail("it is there already"))
    assert len(index.find("Holds a heavy winter coat.")) == 1


def test_spans_are_plain_json(index: Index) -> None:
    (span,) = index("the first of all texts").find("the first of all")
    assert json.loads(json.dumps(asdict(span)))["places"] == [
        {"uid": "0000", "title": "Title 0", "description": "the first of all texts", "start": 0}
    ]


def test_no_products_no_index(tmp_path: Path) -> None:
    with pytest.raises(TooFewProducts, match="at least one"):
        build_spans([], tmp_path / "spans")
    with pytest.raises(NotFound, match=f"shelftalk index {tmp_path.name}"):
        SpanIndex.open(tmp_path / "spans")


@pytest.mark.parametrize("file", [*suffixes.FILES, "products.arrow", "spans.json", "manifest.json"])
def test_a_missing_or_shortened_file_is_damage(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "spans"
    build_spans(products_of(["the first of all texts"]), folder)
    content = (folder / file).read_bytes()
    for damage in (lambda: (folder / file).write_bytes(content[:-3]), (folder / file).unlink):
        damage()
        with pytest.raises(Damaged, match=file.replace(".", r"\.")):
            SpanIndex.open(folder)


def test_an_earlier_format_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_spans(products_of(["the first of all texts"]), tmp_path / "spans")
    monkeypatch.setattr("shelftalk.evidence.spans.FORMAT", 2)
    with pytest.raises(Damaged, match="an earlier version"):
        SpanIndex.open(tmp_path / "spans")
