"""Feeds that are neither RSS nor Atom: a product is the element that repeats and has a title."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.feed_element import STANDARD, find_elements
from shelftalk.catalogue.form import described_form, unusual_form
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.preview import preview
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import UnreadableInput

TITLES = [f"Oak peg no. {number}" for number in range(12)]
YANDEX = (
    '<?xml version="1.0" encoding="windows-1251"?>\n<yml_catalog date="2026-11-30"><shop><name>Лавка</name>'
    '<categories><category id="1">Вешалки</category><category id="2">Крючки</category></categories>'
    "<offers>\n{}</offers></shop></yml_catalog>",
    '<offer id="{number}" available="true"><price>3</price><name>{title}</name><vendor>Прилив</vendor>'
    '<description><![CDATA[<p>Держит пальто {number}.</p>]]></description><param name="Материал">дуб</param>'
    '<param name="Длина" unit="см">1{number}</param></offer>\n',
)
HEUREKA = (
    "<SHOP>\n{}</SHOP>",
    "<SHOPITEM><ITEM_ID>{number}</ITEM_ID><PRODUCTNAME>{title}</PRODUCTNAME>"
    "<DESCRIPTION>Drží kabát {number}.</DESCRIPTION>"
    "<MANUFACTURER>Příliv</MANUFACTURER><PARAM><PARAM_NAME>Materiál</PARAM_NAME><VAL>dub</VAL></PARAM>"
    "<PARAM><PARAM_NAME>Délka</PARAM_NAME><VAL>1{number} cm</VAL></PARAM></SHOPITEM>\n",
)
GENERIC = (
    '<?xml version="1.0"?>\n<catalogue>\n<products>\n{}</products>\n</catalogue>\n',
    "<product><id>{number}</id><title>{title}</title><description>Holds a coat {number}.</description>"
    "<variants><variant><title>Short</title></variant><variant><title>Long</title></variant></variants></product>\n",
)
VENDOR_MODEL = (
    "<yml_catalog><shop><offers>{}</offers></shop></yml_catalog>",
    '<offer id="{number}" type="vendor.model"><typePrefix>Крючок</typePrefix><vendor>Прилив</vendor>'
    "<model>Д-{number}</model><description>Держит пальто {number}.</description></offer>\n",
)
NAMESPACED = (
    '<s:shop xmlns:s="urn:shop" xmlns:o="urn:other">\n{}</s:shop>',
    "<s:product><s:id>{number}</s:id><s:name>{title}</s:name><o:name>other</o:name>"
    "<s:description>Holds a coat {number}.</s:description></s:product>\n",
)
GERMAN = (
    "<Daten>\n{}</Daten>\n",
    "<Posten><Nummer>{number}</Nummer><Kurztext>{title}</Kurztext><Langtext>Holds a coat {number}.</Langtext>"
    "<Bilder><Bild><Datei>1.png</Datei><Art>klein</Art></Bild></Bilder></Posten>\n",
)
BY_ATTRIBUTES = (
    "<items>\n{}</items>\n",
    '<thing id="{number}" name="{title}" description="Holds a coat {number}." material="oak"/>\n',
)


def feed(form: tuple[str, str]) -> str:
    outer, inner = form
    return outer.format("".join(inner.format(number=number, title=title) for number, title in enumerate(TITLES)))


@pytest.mark.parametrize(
    ("form", "encoding", "element", "attributes"),
    [
        (YANDEX, "windows-1251", "offer", (("vendor", "Прилив"), ("Материал", "дуб"), ("Длина", "13 см"))),
        (HEUREKA, "utf-8", "SHOPITEM", (("MANUFACTURER", "Příliv"), ("Materiál", "dub"), ("Délka", "13 cm"))),
        (GENERIC, "utf-8", "product", ()),
        (BY_ATTRIBUTES, "utf-8", "thing", (("material", "oak"),)),
    ],
)
def test_every_product_is_read(
    tmp_path: Path, form: tuple[str, str], encoding: str, element: str, attributes: tuple[tuple[str, str], ...]
) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(feed(form).encode(encoding))
    assert find_elements([feed(form).encode()]).names == (element,)
    summary = prepare(path, tmp_path / "catalogue", PrepareSettings())
    assert (summary["read"], summary["kept"]) == (12, 12)
    assert (summary["source"]["encoding"], summary["source"]["element"]) == (encoding, element)
    assert unusual_form(described_form(summary["source"])).endswith(f"each <{element}> as a product")
    products = Catalogue.open(tmp_path / "catalogue").products()
    assert [(product.uid, product.title) for product in products] == [
        (str(number), title) for number, title in enumerate(TITLES)
    ]
    assert products[3].attributes == attributes


def test_a_name_of_vendor_and_model(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(feed(VENDOR_MODEL), encoding="utf-8")
    prepare(tmp_path / "feed.xml", tmp_path / "catalogue", PrepareSettings())
    products = Catalogue.open(tmp_path / "catalogue").products()
    assert [product.title for product in products] == [f"Крючок Прилив Д-{number}" for number in range(12)]


def test_elements_with_a_prefix(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(feed(NAMESPACED).replace("Oak peg", "Oak & peg", 1), encoding="utf-8")
    summary = prepare(tmp_path / "feed.xml", tmp_path / "catalogue", PrepareSettings())
    assert (summary["read"], summary["kept"], summary["rejected"]) == (12, 11, {"invalid_xml": 1})
    assert [product.title for product in Catalogue.open(tmp_path / "catalogue").products()] == TITLES[1:]


def test_a_title_with_an_unusual_name_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(feed(GERMAN), encoding="utf-8")
    with pytest.raises(UnreadableInput, match="its columns are: Nummer, Kurztext, Langtext, Bilder"):
        prepare(tmp_path / "feed.xml", tmp_path / "catalogue", PrepareSettings())
    assert preview(tmp_path / "feed.xml").columns == ["Nummer", "Kurztext", "Langtext", "Bilder"]
    named = PrepareSettings(title_field="Kurztext", description_field="Langtext", id_field="Nummer")
    summary = prepare(tmp_path / "feed.xml", tmp_path / "catalogue", named)
    assert (summary["read"], summary["kept"]) == (12, 12)
    # The given column decides where another element has a usual name.
    categories = "".join(f"<product><name>{number}</name></product>" for number in range(3))
    assert find_elements([feed(GERMAN).replace("<Daten>", f"<Daten>{categories}").encode()], "Kurztext").names == (
        "Posten",
    )


@pytest.mark.parametrize("fault", ["", "<category>a & b</category>"])
def test_products_behind_megabytes_of_categories(tmp_path: Path, fault: str) -> None:
    categories = "".join(f'<category id="{number}"><name>Pegs {number}</name></category>\n' for number in range(60_000))
    offers = feed(YANDEX).replace("windows-1251", "utf-8").replace("<categories>", f"<categories>{fault}{categories}")
    (tmp_path / "feed.xml").write_text(offers, encoding="utf-8")
    summary = prepare(tmp_path / "feed.xml", tmp_path / "catalogue", PrepareSettings())
    assert (summary["kept"], summary["rejected"]) == (12, {"invalid_xml": 1} if fault else {})


@pytest.mark.parametrize("form", [YANDEX, HEUREKA, GENERIC])
@pytest.mark.parametrize("damage", ["no end", "ampersand", "inner end"])
def test_a_damaged_product_costs_itself(tmp_path: Path, form: tuple[str, str], damage: str) -> None:
    lines = feed(form).splitlines(keepends=True)
    place = next(index for index, line in enumerate(lines) if TITLES[4] in line)
    end = lines[place].rindex("</")
    if damage == "no end":
        lines[place] = lines[place][:end] + "\n"
    elif damage == "ampersand":
        lines[place] = lines[place].replace("peg", "peg & hook")
    else:
        lines[place] = lines[place].replace("</", "<", 2)
    (tmp_path / "feed.xml").write_text("".join(lines).replace("windows-1251", "utf-8"), encoding="utf-8")
    summary = prepare(tmp_path / "feed.xml", tmp_path / "catalogue", PrepareSettings())
    assert (summary["read"], summary["kept"], summary["rejected"]) == (12, 11, {"invalid_xml": 1})


def test_the_element_is_found_behind_a_fault_and_in_a_feed_of_one() -> None:
    assert find_elements([b"<SHOP><SHOPITEM><a></SHOPITEM>" + feed(HEUREKA).encode()]).names == ("SHOPITEM",)
    outer, inner = HEUREKA
    assert find_elements([outer.format(inner.format(number=1, title="Peg")).encode()]).names == ("SHOPITEM",)
    assert find_elements([b"<rss><channel><title>S</title><description>T</description>"]).names == STANDARD
    assert find_elements([b"<page><section/><section/></page>"]).names == STANDARD
    assert find_elements([b"<a>" * 3_000]).names == STANDARD


def kept(tmp_path: Path, text: str) -> tuple[int, dict[str, int], list[str]]:
    (tmp_path / "feed.xml").write_text(text, encoding="utf-8")
    summary = prepare(tmp_path / "feed.xml", tmp_path / "catalogue", PrepareSettings())
    titles = [product.title for product in Catalogue.open(tmp_path / "catalogue").products()]
    assert summary["read"] == summary["kept"] + sum(summary["rejected"].values())
    return summary["read"], summary["rejected"], titles


UNUSUAL = (
    "<shop><things>{}</things></shop>",
    "<thing><title>{title}</title><description>Holds a coat {number}.</description>"
    "<variants><variant><title>Short</title><description>The short one.</description></variant>"
    "<variant><title>Long</title><description>The long one.</description></variant></variants></thing>\n",
)


def test_a_fault_in_a_product_does_not_make_its_variants_products(tmp_path: Path) -> None:
    damaged = feed(UNUSUAL).replace("a coat 9", "a & coat 9")
    assert kept(tmp_path, damaged) == (12, {"invalid_xml": 1}, [one for one in TITLES if one != TITLES[9]])


@pytest.mark.parametrize(
    "begin", ['<?xml version="1.0">\n<shop>', "<shop><!-- by a program ", "<shop><![CDATA[ ", "<a <b"]
)
def test_what_never_ends_at_the_beginning_hides_no_product(tmp_path: Path, begin: str) -> None:
    offers = feed(YANDEX)
    _, _, titles = kept(tmp_path, begin + offers[offers.index("<offers>") :])
    assert titles[-11:] == TITLES[1:]


def test_hundreds_of_faults_before_the_first_product(tmp_path: Path) -> None:
    categories = "".join(f"<category>Pots & pans {number}</category>" for number in range(300))
    outer, _ = YANDEX
    damaged = feed(YANDEX).replace("windows-1251", "utf-8").replace("<offers>", f"{categories}<offers>")
    assert outer
    assert kept(tmp_path, damaged) == (13, {"invalid_xml": 1}, TITLES)


def test_deep_elements_before_a_title(tmp_path: Path) -> None:
    deep = "<div>" * 8 + "Holds a coat {number}." + "</div>" * 8
    one = f"<offer><description>{deep}</description><name>{{title}}</name></offer>"
    categories = "<category>" * 12 + "</category>" * 12
    assert kept(tmp_path, feed((f"<shop>{categories}<offers>{{}}</offers></shop>", one))) == (12, {}, TITLES)


def test_an_item_whose_begin_is_lost_is_accounted_for_behind_a_fault_before_the_first(tmp_path: Path) -> None:
    damaged = feed(GENERIC).replace("<products>", "<products><note>a & b</note>")
    for number in (5, 7):
        damaged = damaged.replace(f"<product><id>{number}<", f"<produkt><id>{number}<")
    read, rejected, titles = kept(tmp_path, damaged)
    assert (read, rejected) == (13, {"invalid_xml": 3})
    assert titles == [one for number, one in enumerate(TITLES) if number not in (5, 7)]


@pytest.mark.parametrize("title", ["product_name", "title", "Titel"])
def test_a_vendor_and_a_model_replace_no_title(tmp_path: Path, title: str) -> None:
    one = f"<{title}>{{title}}</{title}><vendor>Tern</vendor><model>P</model><text>Holds {{number}}.</text>"
    assert kept(tmp_path, feed(("<shop>{}</shop>", f"<product>{one}</product>")))[2] == TITLES


def test_an_empty_name_is_replaced_by_kind_vendor_and_model(tmp_path: Path) -> None:
    one = "<offer><name></name><vendor>Tern</vendor><model>{number}</model><text>Holds {number}.</text></offer>"
    assert kept(tmp_path, feed(("<shop>{}</shop>", one)))[2][3] == "Tern 3"


def test_a_feed_with_googles_prefix_for_all(tmp_path: Path) -> None:
    one = "<thing><g:title>{title}</g:title><g:description>Holds {number}.</g:description></thing>"
    assert kept(tmp_path, feed(("<shop>{}</shop>", one)))[2] == TITLES


def test_categories_with_descriptions_are_no_products(tmp_path: Path) -> None:
    category = "<category><name>Pegs {0}</name><description>All about pegs {0}.</description></category>\n"
    categories = "".join(category.format(number) for number in range(70_000))
    assert len(categories) > 5 << 20
    text = feed(YANDEX).replace("windows-1251", "utf-8").replace("<categories>", f"<categories>{categories}")
    assert kept(tmp_path, text)[2] == TITLES


def test_of_unusual_elements_the_one_that_is_there_most_often_is_the_product_and_others_are_said(
    tmp_path: Path,
) -> None:
    brands = "<Marken>" + "<Marke><name>Tern</name><description>Makes pegs.</description></Marke>" * 2 + "</Marken>"
    one = "<Posten><name>{title}</name><description>Holds {number}.</description></Posten>"
    text = feed((f"<shop>{brands}<Waren>{{}}</Waren></shop>", one))
    assert kept(tmp_path, text)[2] == TITLES
    found = preview(tmp_path / "feed.xml").form
    assert (found.element, found.other_elements) == ("Posten", ("Marke",))
    assert unusual_form(found) == "each <Posten> as a product (not <Marke>)"


@pytest.mark.parametrize("name", ["Item", "ITEM", "Offer", "s:offer"])
def test_a_usual_name_in_any_case(name: str) -> None:
    one = "<name>a</name><description>b</description>"
    categories = f"<Kategorie>{one}</Kategorie>" * 9
    assert find_elements([f"<shop>{categories}{f'<{name}>{one}</{name}>' * 2}</shop>".encode()]).names == (name,)


def test_tags_in_comments_and_texts_are_none_and_a_tag_may_stand_in_two_blocks() -> None:
    text = feed(GENERIC).replace(
        "<products>", "<products><!-- <offer><name>a</name><description>b</description></offer> -->"
    )
    text = text.replace("Holds", "<![CDATA[<offer><name>a</name><description>b</description></offer>]]>")
    blocks = [text[place : place + 7].encode() for place in range(0, len(text), 7)]
    assert find_elements([text.encode()]).names == find_elements(blocks).names == ("product",)


def test_entities_are_refused_at_once(tmp_path: Path) -> None:
    entity = f'<!DOCTYPE shop [<!ENTITY a "{"<a/>" * 2_000}">]>'
    (tmp_path / "feed.xml").write_text(f'<?xml version="1.0"?>{entity}<shop>{"<b>&a;</b>" * 300_000}</shop>')
    begin = time.monotonic()
    with pytest.raises(UnreadableInput, match="declares entities"):
        preview(tmp_path / "feed.xml")
    assert time.monotonic() - begin < 5


def test_products_come_before_categories_and_what_products_hold() -> None:
    one = "<id>{0}</id><name>Peg {0}</name><description>Holds {0}.</description>"
    categories = "".join(f"<category>{one.format(number)}</category>" for number in range(9))
    inner = f"<accessories><item>{one.format(1)}</item><item>{one.format(2)}</item></accessories>"
    products = "".join(f"<product>{one.format(number)}{inner}</product>" for number in range(3))
    assert find_elements([f"<shop><categories>{categories}</categories>{products}</shop>".encode()]).names == (
        "product",
    )
    nested = f"<shop><category>{one.format(1)}{products}</category>" * 2 + "</shop>"
    assert find_elements([nested.replace("</category><shop>", "</category>").encode()]).names == ("product",)
    parameters = '<offer><model>Peg</model><param name="Colour">red</param><param name="Wood">oak</param></offer>' * 3
    assert find_elements([f"<offers>{parameters}</offers>".encode()]).names == ("offer",)


@pytest.mark.parametrize("root", ["yml", "Daten", "shop"])
def test_an_outermost_element_of_any_name_is_no_fault(tmp_path: Path, root: str) -> None:
    inner = feed(GENERIC)
    inner = inner[inner.index("<products>") : inner.index("</catalogue>")]
    assert kept(tmp_path, f"<{root}>\n{inner}</{root}>\n") == (12, {}, TITLES)
