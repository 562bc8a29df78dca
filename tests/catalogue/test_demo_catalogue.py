"""The bundled demo catalogue: it matches its sources, its texts keep the house voice, its dirty rows are dirty."""

import gzip
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from demo_catalogue.build import (
    DEPARTMENTS,
    HOUSE_VOICE,
    SOURCES,
    TARGET,
    SourceError,
    build,
    compress,
    read_products,
)
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.clean import clean
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.split import SPLITS
from shelftalk.settings import PrepareSettings

PRODUCTS = read_products(SOURCES)
DIRTY = io.BytesIO((SOURCES / "dirty.jsonl").read_bytes()).readlines()  # not splitlines, which splits at \r too

GUIDE = (SOURCES.parent / "docs" / "catalogue.md").read_text(encoding="utf-8")

UNITS = re.findall(
    "[a-z]+",
    "zero one two three four five six seven eight nine "
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
)
TENS = re.findall("[a-z]+", "twenty thirty forty fifty sixty seventy eighty ninety")
WORDS = [*UNITS, *(ten + unit for ten in TENS for unit in ("", *(f"-{word}" for word in UNITS[1:10])))]
NUMBER = re.compile(rf"\d+(?:[.,]\d+)*|\b(?:{'|'.join(sorted(WORDS, key=len, reverse=True))})\b", re.IGNORECASE)


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?]) ", text)


def numbers(text: str) -> set[str]:
    """Return the numbers of a text as digits, from digits and from words up to ninety-nine."""
    found = (number.lower() for number in NUMBER.findall(text))
    return {str(WORDS.index(number)) if number in WORDS else number for number in found}


def is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def dirty_rows() -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in DIRTY if is_json(line)]
    return [row for row in rows if isinstance(row, dict)]


def test_the_built_file_is_what_the_sources_make() -> None:
    # compared decompressed: other versions of zlib compress the same bytes differently
    assert gzip.decompress(TARGET.read_bytes()) == b"".join(build()), "run python demo_catalogue/build.py"


def test_compressing_twice_gives_the_same_bytes_without_time_or_name() -> None:
    packed = compress(b"tern and tide")
    assert packed == compress(b"tern and tide")
    assert packed[3] == 0, "flags: a file name or a comment follows the header"
    assert packed[4:8] == bytes(4), "modification time"


def test_there_are_enough_products_in_enough_departments() -> None:
    sizes = Counter(product.department for product in PRODUCTS)
    assert len(PRODUCTS) >= 300
    assert len(sizes) >= 12
    assert min(sizes.values()) >= 20


def test_uids_are_ten_digits_and_unique() -> None:
    uids = {product.uid for product in PRODUCTS}
    assert len(uids) == len(PRODUCTS)
    assert all(re.fullmatch(r"0\d{9}", uid) for uid in uids)


def test_a_new_product_moves_no_uid_and_keeps_the_order_of_the_others(tmp_path: Path) -> None:
    for source in SOURCES.glob("*.jsonl"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    with (tmp_path / "garden.jsonl").open("a", encoding="utf-8") as garden:
        garden.write(json.dumps({"title": "A Thirteenth Rake", "content": PRODUCTS[0].content}) + "\n")
    before = [row["uid"] for row in product_rows(build())]
    after = [row["uid"] for row in product_rows(build(tmp_path))]
    added = set(after) - set(before)
    assert len(added) == 1
    assert [uid for uid in after if uid not in added] == before


def product_rows(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line not in DIRTY]


def test_neighbours_are_products_of_the_same_department() -> None:
    lines = build()
    departments = {product.uid: product.department for product in PRODUCTS}
    for row in product_rows(lines):
        assert len(row["target_ind"]) in (2, 3)
        assert row["target_rel"] == [1.0] * len(row["target_ind"])
        neighbours = [json.loads(lines[index])["uid"] for index in row["target_ind"]]
        assert row["uid"] not in neighbours
        assert {departments[uid] for uid in neighbours} == {departments[row["uid"]]}


def test_dirty_rows_are_spread_among_the_products() -> None:
    lines = build()
    indices = [index for index, line in enumerate(lines) if line in DIRTY]
    gaps = [later - earlier for earlier, later in zip([-1, *indices], [*indices, len(lines)], strict=True)]
    assert [lines[index] for index in indices] == DIRTY
    assert min(gaps) > 1
    assert max(gaps) <= 12


@pytest.mark.parametrize("rule", HOUSE_VOICE)
def test_every_card_keeps_the_house_voice(rule: str) -> None:
    assert [product.location for product in PRODUCTS if not HOUSE_VOICE[rule](product.content)] == []


def test_no_two_cards_share_a_sentence() -> None:
    seen = Counter(sentence for product in PRODUCTS for sentence in set(sentences(product.content)))
    assert [sentence for sentence, count in seen.items() if count > 1] == []


def test_nine_openings_in_ten_are_distinct() -> None:
    openings = {tuple(product.content.lower().split()[:3]) for product in PRODUCTS}
    assert len(openings) / len(PRODUCTS) >= 0.9


def test_every_number_of_a_title_stands_in_its_card() -> None:
    assert [(one.location, missing) for one in PRODUCTS if (missing := numbers(one.title) - numbers(one.content))] == []


def test_the_examples_of_the_guide_are_cards_of_the_catalogue() -> None:
    examples = re.findall(r"^> \*\*(.+)\*\*\n>\n> (.+)$", GUIDE, re.MULTILINE)
    assert len(examples) == 2
    assert set(examples) <= {(product.title, product.content) for product in PRODUCTS}


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("Too short. Fair warning: it is. On our shelf because it is a test.", "45 to 72 words"),
        (PRODUCTS[0].content.replace("Fair warning:", "Beware:"), "one 'Fair warning:'"),
        (PRODUCTS[0].content + " Buy it.", "last sentence"),
        (PRODUCTS[0].content.replace(".", "!", 1), "no '!'"),
    ],
)
def test_a_card_out_of_voice_is_named_with_its_line(tmp_path: Path, card: str, words: str) -> None:
    sources_with(tmp_path, {"title": "A Thirteenth Rake", "content": card})
    with pytest.raises(SourceError, match=rf"^toys\.jsonl:1: .*{re.escape(words)}"):
        build(tmp_path)


def test_a_title_that_stands_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    sources_with(tmp_path, {"title": PRODUCTS[0].title, "content": PRODUCTS[0].content})
    with pytest.raises(SourceError, match=r"^toys\.jsonl:1: this title is already in baby\.jsonl:1\."):
        build(tmp_path)


@pytest.mark.parametrize("row", [{"title": "A Rake"}, {"title": "A Rake", "content": 3}, ["A Rake", "Rakes."]])
def test_a_row_that_is_no_card_is_named_with_its_line(tmp_path: Path, row: object) -> None:
    sources_with(tmp_path, row)
    with pytest.raises(SourceError, match=r"^toys\.jsonl:1: a line holds the two texts"):
        build(tmp_path)


def test_a_file_that_is_no_department_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fishmonger.jsonl").write_text("")
    with pytest.raises(SourceError, match="fishmonger"):
        read_products(tmp_path)


def sources_with(folder: Path, row: object) -> None:
    """Write sources with two products: the first real one and `row`, the first line of the toys."""
    for department in DEPARTMENTS:
        (folder / f"{department}.jsonl").write_text("")
    first = {"title": PRODUCTS[0].title, "content": PRODUCTS[0].content}
    (folder / "baby.jsonl").write_text(json.dumps(first) + "\n")
    (folder / "toys.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "dirty.jsonl").write_bytes(b"")


def test_the_dirt_still_repeats_products_that_exist() -> None:
    cards = {(product.title, product.content) for product in PRODUCTS}
    titles = {product.title for product in PRODUCTS}
    uids = {product.uid for product in PRODUCTS}
    rows = [(row.get("uid"), row.get("title"), row.get("content")) for row in dirty_rows()]
    texts = [
        (uid, title, content) for uid, title, content in rows if isinstance(title, str) and isinstance(content, str)
    ]
    exact = [uid for uid, title, content in texts if (title, content) in cards]
    assert len(exact) == 2 and len(uids.intersection(exact)) == 1
    assert sum((clean(title), clean(content)) in cards for _, title, content in texts) == 3
    assert sum(title in titles and (title, content) not in cards for _, title, content in texts) == 1
    assert sum(uid in uids and title not in titles for uid, title, _ in texts) == 1


def test_the_dirt_holds_bytes_that_are_neither_json_nor_utf_8() -> None:
    assert sum(not line.strip() for line in DIRTY) == 2, "blank lines"
    assert sum(line.endswith(b"}\r\n") for line in DIRTY) == 1
    assert sum(line.startswith(b"[") for line in DIRTY) == 1
    assert sum(not is_utf_8(line) for line in DIRTY) == 1
    broken = [line for line in DIRTY if is_utf_8(line) and line.strip() and not is_json(line)]
    assert len(broken) == 3, "cut short, CSV, two objects on one line"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("catalogues") / "demo"
    prepare(demo_file(), folder, PrepareSettings())
    return Catalogue.open(folder)


def test_preparing_keeps_every_product(prepared: Catalogue) -> None:
    kept = {(product.uid, product.title, product.description) for product in prepared.products()}
    assert {(product.uid, product.title, product.content) for product in PRODUCTS} <= kept


def test_preparing_makes_of_the_dirt_what_the_guide_says(prepared: Catalogue) -> None:
    promised = Counter(re.findall(r"\| left out: `(\w+)`", GUIDE))
    assert prepared.summary["rejected"] == dict(promised)
    uids = {product.uid for product in PRODUCTS}
    kept = [product for product in prepared.products() if product.uid not in uids]
    assert len(kept) + promised.total() == sum(bool(line.strip()) for line in DIRTY)


def test_cards_that_were_dirty_are_in_the_house_voice_once_clean(prepared: Catalogue) -> None:
    cards = [product.description for product in prepared.products()]
    out_of_voice = [card for card in cards if not all(holds(card) for holds in HOUSE_VOICE.values())]
    assert [len(card) > 1500 for card in out_of_voice] == [True], "only the very long card is too long"


def test_a_shared_blurb_stays_in_one_split(prepared: Catalogue) -> None:
    splits = [{product.description for product in prepared.products(split)} for split in SPLITS]
    assert sum(map(len, splits)) == len(set.union(*splits))
    shared = Counter(product.description for product in prepared.products())
    assert sorted(shared.values())[-2:] == [1, 3]
