"""The bundled demo catalogue: it matches its sources, its faults are named, its dirty rows are dirty."""

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
    Product,
    SourceError,
    build,
    compress,
    read_products,
)
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.clean import clean
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.catalogue.split import SPLITS
from shelftalk.records import Product as KeptProduct
from tests.catalogue.test_house_voice import numbers, told_in_order, untold_words

PRODUCTS = read_products(SOURCES)
DIRTY = io.BytesIO((SOURCES / "dirty.jsonl").read_bytes()).readlines()  # not splitlines, which splits at \r too

GUIDE = (SOURCES.parent / "docs" / "catalogue.md").read_text(encoding="utf-8")


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


def test_each_department_has_its_forty_products() -> None:
    sizes = Counter(product.department for product in PRODUCTS)
    assert sizes.pop("titles_only") == 200
    assert set(sizes.values()) == {40}
    assert len(sizes) == 16


def test_uids_are_ten_digits_and_unique() -> None:
    uids = {product.uid for product in PRODUCTS}
    assert len(uids) == len(PRODUCTS)
    assert all(re.fullmatch(r"0\d{9}", uid) for uid in uids)


def test_a_new_product_moves_no_uid_and_keeps_the_order_of_the_others(tmp_path: Path) -> None:
    for source in SOURCES.glob("*.jsonl"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    with (tmp_path / "garden.jsonl").open("a", encoding="utf-8") as garden:
        garden.write(json.dumps({"title": "A Thirteenth Rake", "content": "This is a rake."}) + "\n")
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
    assert max(gaps) <= 15


def test_the_examples_of_the_guide_are_cards_of_the_catalogue() -> None:
    examples = re.findall(r"^> \*\*(.+)\*\*\n>\n> (.+)\n>\n> (.+)$", GUIDE, re.MULTILINE)
    assert len(examples) == 2
    assert set(examples) <= {(product.title, listed(product), product.content) for product in PRODUCTS}


def listed(product: Product) -> str:
    return "; ".join(f"{name}: {value}" for name, value in product.attributes.items())


def test_the_guide_has_the_numbers_of_the_catalogue() -> None:
    full = [product for product in PRODUCTS if product.attributes]
    departments = len({product.department for product in full})
    told = f"{len(full)} products of {departments} departments, {len(full) // departments} each"
    assert told in " ".join(GUIDE.split())
    assert f"{len(PRODUCTS) - len(full)} products with a title and a short text only" in " ".join(GUIDE.split())
    assert f"{len(DIRTY)} dirty lines" in " ".join(GUIDE.split())


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("Too short. Good to know: it is. We like it because it is a test.", "40 to 70 words"),
        (PRODUCTS[0].content.replace("Good to know:", "Beware:"), "one 'Good to know:'"),
        (PRODUCTS[0].content + " Buy it.", "a text ends with"),
        (PRODUCTS[0].content.replace(".", "!", 1), "no '!'"),
    ],
)
def test_a_text_out_of_voice_is_named_with_its_line(tmp_path: Path, card: str, words: str) -> None:
    sources_with(tmp_path, {"title": "A Thirteenth Rake", "attributes": {"type": "rake"}, "content": card})
    with pytest.raises(SourceError, match=rf"^toys\.jsonl:1: .*{re.escape(words)}"):
        build(tmp_path)


def test_a_title_that_stands_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    sources_with(tmp_path, {"title": PRODUCTS[0].title, "content": PRODUCTS[0].content})
    with pytest.raises(SourceError, match=r"^toys\.jsonl:1: this title is already in baby\.jsonl:1\."):
        build(tmp_path)


@pytest.mark.parametrize("name", ["good to know", "why we like it"])
def test_a_limit_or_a_benefit_that_stands_twice_is_named_with_both_lines(tmp_path: Path, name: str) -> None:
    attributes = {name: PRODUCTS[0].attributes[name]}
    sources_with(tmp_path, {"title": "A Rake", "attributes": attributes, "content": PRODUCTS[0].content})
    with pytest.raises(SourceError, match=rf"^toys\.jsonl:1: this {name} is already in baby\.jsonl:1\.$"):
        build(tmp_path)


@pytest.mark.parametrize(
    "row",
    [
        {"title": "A Rake"},
        {"title": "A Rake", "content": 3},
        ["A Rake", "Rakes."],
        {"title": "A Rake", "content": "Rakes.", "attributes": {}},
        {"title": "A Rake", "content": "Rakes.", "attributes": {"tines": 16}},
        {"title": "A Rake", "content": "Rakes.", "price": "£9"},
    ],
)
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
    first = {"title": PRODUCTS[0].title, "attributes": PRODUCTS[0].attributes, "content": PRODUCTS[0].content}
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
    kept = {product.uid: product for product in prepared.products()}
    for one in PRODUCTS:
        product = kept[one.uid]
        assert (product.title, product.description) == (one.title, one.content)
        assert list(product.attributes) == list(one.attributes.items())


def test_preparing_makes_of_the_dirt_what_the_guide_says(prepared: Catalogue) -> None:
    promised = Counter(re.findall(r"\| left out: `(\w+)`", GUIDE))
    assert prepared.summary["rejected"] == dict(promised)
    assert len(repaired(prepared)) + promised.total() == sum(bool(line.strip()) for line in DIRTY)


def repaired(prepared: Catalogue) -> list[KeptProduct]:
    """Return the products that were dirty rows."""
    uids = {product.uid for product in PRODUCTS}
    return [product for product in prepared.products() if product.uid not in uids]


def test_texts_that_were_dirty_are_in_the_house_voice_once_clean(prepared: Catalogue) -> None:
    found = [product for product in repaired(prepared) if product.attributes]
    out_of_voice = [one for one in found if not all(holds(one.description) for holds in HOUSE_VOICE.values())]
    assert [len(one.description) > 1500 for one in out_of_voice] == [True], "only the very long card is too long"


def test_texts_that_were_dirty_tell_their_clean_attributes_and_nothing_else(prepared: Catalogue) -> None:
    for one in repaired(prepared):
        attributes = dict(one.attributes)
        if attributes.keys() <= {"attributes"}:  # none, or all in one text
            continue
        if "fits" in attributes and len(attributes["fits"]) > 150:  # the value of a thousand characters
            assert attributes.pop("fits") not in one.description
        rest = told_in_order(attributes, one.description)
        assert rest is not None, one
        assert untold_words(attributes, rest) <= {"eos"}, one
        assert numbers(one.title) <= numbers(" ".join(attributes.values())), one


def test_dirty_attributes_are_cleaned_joined_cut_or_not_read(prepared: Catalogue) -> None:
    kept = {product.title: dict(product.attributes) for product in repaired(prepared)}
    assert prepared.summary["attributes_cut"] == {"long_values": 1}
    cases: list[tuple[str, dict[str, str | None]]] = [
        (
            "Ticking Bolster",
            {"length": "90 cm", "colour": "cream & navy", "pattern": "ticking stripe", "washing": "at 30 °C"},
        ),
        ("Willow Laundry Basket", {"height": "55 cm", "colour": None, "lining": None}),
        ("Rock Pools", {"pages": "176", "colour plates": "48"}),
        ("Cotton Waffle Dishcloths", {"colours": "sage, rust, cream"}),
        ("Ash Plant Stand", {"dimensions": None, "width": None, "depth": None}),
        ("Hessian Peg Bag", {"colour": None, "washing": None, "capacity": "100 pegs"}),
        ("Glass Terrarium", {"Material": "glass, brass and cork", "material": None}),
        ("Cast Iron Trivet", {"price": None, "product link": None, "instructions": None, "weight": "900 g"}),
        ("Oak Towel Ladder", {"material": "limed oak", "height": "170 cm", "feet": "soft rubber"}),
        ("Felted Wool Insoles", {"type": "insoles", "thickness": "6 mm"}),
        ("Bamboo Steamer", {"type": "steamer", "tiers": "two"}),
        ("Linen Napkins", {"attributes": None, "pack": None}),
        ("Enamel Pie Dish", {"name": None, "details": None, "depth": "5 cm"}),
    ]
    for beginning, expected in cases:
        (found,) = [attributes for title, attributes in kept.items() if title.startswith(beginning)]
        assert {name: found.get(name) for name in expected} == expected
    bags, bookends = (
        next(attributes for title, attributes in kept.items() if title.startswith(beginning))
        for beginning in ("Vacuum Cleaner Bags", "Green Marble Bookends")
    )
    assert 180 < len(bags["fits"]) <= 200
    assert list(bookends) == ["attributes"]


def test_a_shared_blurb_stays_in_one_split(prepared: Catalogue) -> None:
    splits = [{product.description for product in prepared.products(split)} for split in SPLITS]
    assert sum(map(len, splits)) == len(set.union(*splits))
    shared = Counter(product.description for product in prepared.products())
    assert sorted(shared.values())[-2:] == [1, 3]
