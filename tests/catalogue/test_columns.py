"""The choice of the columns for title, description and id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.attributes import named_attribute_columns, possible_attribute_columns
from shelftalk.catalogue.columns import (
    Columns,
    automatic_attributes,
    choose_columns,
    choose_title_columns,
    distinct_names,
    list_attribute_columns,
)
from shelftalk.catalogue.formats import Variants
from shelftalk.catalogue.preview import preview
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import UnreadableInput
from tests.catalogue.exports import EXPORTS

SOURCE = Path("shop.csv")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["uid", "title", "content", "target_ind"], Columns("title", ("content",), "uid")),
        (["Handle", "Body (HTML)", "Name"], Columns("Name", ("Body (HTML)",), "Handle")),
        (["parent_asin", "name", "description"], Columns("name", ("description",), "parent_asin")),
        (["text", "Description", "product_title"], Columns("product_title", ("Description",), None)),
        (["Artikel-Nr", "Bezeichnung", "Beschreibung"], Columns("Bezeichnung", ("Beschreibung",), "Artikel-Nr")),
        (["SKU", "TITOLO", "DESCRIZIONE"], Columns("TITOLO", ("DESCRIZIONE",), "SKU")),
        (["*Title", "*Description", "*SKU"], Columns("*Title", ("*Description",), "*SKU")),
        (["item-name", "item-description", "seller-sku"], Columns("item-name", ("item-description",), "seller-sku")),
    ],
)
def test_finds_usual_names_in_order_of_preference(names: list[str], expected: Columns) -> None:
    assert choose_columns(SOURCE, names, PrepareSettings()) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["main_category", "title", "features", "description", "details", "parent_asin"],
            Columns("title", ("description", "features"), "parent_asin"),
        ),
        (
            ["Handle", "Title", "Body (HTML)", "Vendor", "Variant SKU"],
            Columns("Title", ("Body (HTML)",), "Handle", Variants(("Title", "Body (HTML)"), "", "Handle")),
        ),
        (
            ["Title", "URL handle", "Description", "Vendor", "SKU"],
            Columns("Title", ("Description",), "URL handle", Variants(("Title", "Description"), "", "URL handle")),
        ),
        (
            ["ID", "Type", "SKU", "Name", "Published", "Short description", "Description", "Parent"],
            Columns("Name", ("Short description", "Description"), "ID", Variants(("Type",), "variation"), True),
        ),
        (["id", "title", "description", "link", "item_group_id"], Columns("title", ("description",), "id")),
    ],
)
def test_known_exports_are_recognised_by_their_columns(names: list[str], expected: Columns) -> None:
    settings = PrepareSettings(attributes="none")
    assert choose_columns(SOURCE, names, settings) == expected
    named = choose_columns(SOURCE, names, settings.replace({"description_field": names[-1]}))
    assert named == expected._replace(description=(names[-1],))
    assert choose_title_columns(SOURCE, names, settings) == expected._replace(description=())


def test_takes_the_named_columns() -> None:
    settings = PrepareSettings(title_field="Bezeichnung", description_field="Prosa", id_field="Nr")
    assert choose_columns(SOURCE, ["title", "Prosa", "Nr", "Bezeichnung"], settings) == Columns(
        "Bezeichnung", ("Prosa",), "Nr"
    )


@pytest.mark.parametrize(
    "description", ["Descrição do produto", "descricao completa", "DESCRICAO", "descripcion larga"]
)
def test_a_usual_name_is_found_without_its_accents(description: str) -> None:
    chosen = choose_columns(SOURCE, ["Codigo", "Titulo", description], PrepareSettings())
    assert (chosen.title, chosen.description, chosen.uid) == ("Titulo", (description,), "Codigo")


def test_says_which_columns_there_are_and_which_flags_to_give() -> None:
    with pytest.raises(UnreadableInput) as caught:
        choose_columns(SOURCE, ["Nr", "Prosa\n"], PrepareSettings())
    message = str(caught.value)
    assert "shop.csv has no title column (title, name," in message
    assert "--title-field" in message and "--description-field" in message and "--id-field" not in message
    assert message.endswith(r"its columns are: Nr, 'Prosa\n'.")


def test_a_named_column_must_exist_as_it_is_spelt() -> None:
    with pytest.raises(UnreadableInput, match=r"no column 'Title' \(--title-field\) and no column 'x' \(--id-field\)"):
        choose_columns(SOURCE, ["title", "content"], PrepareSettings(title_field="Title", id_field="x"))


def test_lists_no_more_than_thirty_columns() -> None:
    with pytest.raises(UnreadableInput, match="c29 and 70 more"):
        choose_columns(SOURCE, [f"c{number}" for number in range(100)], PrepareSettings())


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(NAMES | st.sampled_from(["all", "none", "automatic", " a", 'b, "c"']), unique=True))
def test_listed_columns_of_attributes_are_read_as_they_were(names: list[str]) -> None:
    listed = list_attribute_columns(names)
    if not names:
        assert listed == "none"
        return
    found, missing = named_attribute_columns([*names, "Size"], listed)
    assert ([one.column for one in found], missing) == (names, [])
    assert listed not in ("automatic", "all", "none")


def test_plain_names_are_listed_without_quotes() -> None:
    assert list_attribute_columns(["Material", "Size (cm)", "Größe, außen"]) == 'Material,Size (cm),"Größe, außen"'


@pytest.mark.parametrize("export", EXPORTS)
def test_the_automatic_choice_is_the_one_of_preparing(export: str, tmp_path: Path) -> None:
    write, file, *_ = EXPORTS[export]
    seen = preview(write(tmp_path / file))
    assert automatic_attributes(seen.columns, seen.title or "", seen.description, seen.uid) == list(seen.attributes)


def test_the_automatic_choice_follows_the_columns_of_title_and_description() -> None:
    names = ["title", "name", "text", "brand", "Attribute 1 name", "Attribute 1 value(s)", "price"]
    assert automatic_attributes(names, "title", ("text",), None) == ["brand", "Attribute 1 value(s)"]
    assert automatic_attributes(names, "title", ("brand",), None) == ["Attribute 1 value(s)"]
    chosen = choose_columns(SOURCE, names, PrepareSettings(description_field="brand"))
    assert [one.column for one in chosen.attributes] == ["Attribute 1 value(s)"]
    assert possible_attribute_columns(names, ("title", "text")) == ["name", "brand", "Attribute 1 value(s)", "price"]


def chosen(names: list[str], rows: Sequence[Sequence[str]] = (), **settings: str) -> Columns:
    sample = [dict(zip(names, row, strict=True)) for row in rows]
    return choose_columns(SOURCE, names, PrepareSettings(attributes="none").replace(settings), sample)


@pytest.mark.parametrize("long", ["description_long", "Long Description", "longdescription"])
def test_a_long_description_comes_before_another(long: str) -> None:
    assert chosen(["name", "description", long]).description == (long,)
    assert chosen(["name", long, "description"]).description == (long,)


def test_a_description_that_is_empty_is_not_taken_where_another_is_filled() -> None:
    names = ["name", "description", "summary", "body"]
    rows = [(f"Peg {one}", "", "", f"Holds {one} kg.") for one in range(30)]
    assert chosen(names, rows).description == ("body",)
    assert chosen(names, [(*rows[0][:2], "Oak.", "")] * 20 + rows[:1]).description == ("summary",)
    assert chosen(names, [("Peg", "", "", "")] * 30).description == ("description",)
    some = [(f"Peg {one}", "Of oak." if one % 5 == 0 else "", "", "Holds a coat.") for one in range(30)]
    assert chosen(names, some).description == ("description",)
    variants = [("", "", "", "")] * 300
    assert chosen(names, [("Peg", "Of oak.", "", ""), *variants]).description == ("description",)


@pytest.mark.parametrize(
    ("names", "title", "description"),
    [
        (["ID", "Descrição", "Descrição Complementar", "Descrição Curta"], "Descrição", (3, 2)),
        (["ID", "Descrição", "Preço", "Descrição complementar"], "Descrição", (3,)),
        (["ID", "Nome", "Descrição", "Descrição complementar"], "Nome", (2,)),
        (["SUPPLIER_AID", "DESCRIPTION_SHORT", "DESCRIPTION_LONG"], "DESCRIPTION_SHORT", (2,)),
    ],
)
def test_in_some_formats_a_description_is_the_title(names: list[str], title: str, description: tuple[int, ...]) -> None:
    found = chosen(names)
    assert (found.title, found.uid) == (title, names[0])
    assert found.description == tuple(names[one] for one in description)


def test_no_column_is_detected_as_title_and_as_description() -> None:
    with pytest.raises(UnreadableInput, match="has no description column"):
        chosen(["Código", "Descrição"], title_field="Descrição")
    assert chosen(["Descrição", "Texto", "desc"], title_field="Descrição").description == ("desc",)
    with pytest.raises(UnreadableInput, match="has no title column"):
        chosen(["name", "Texto"], description_field="name")
    found = chosen(["Descrição", "Descrição curta", "Texto"], title_field="Texto")
    assert (found.title, found.description) == ("Texto", ("Descrição curta",))


def test_columns_with_texts_are_listed_before_others() -> None:
    names = [f"c{number}" for number in range(100)]
    row = {name: "a text" if name in ("c70", "c80") else "code" for name in names}
    with pytest.raises(UnreadableInput, match=r"are: c0, c1, .*, c27, c70, c80 and 70 more"):
        choose_columns(SOURCE, names, PrepareSettings(), [row])


@pytest.mark.parametrize(
    ("name", "others"),
    [
        *((name, ()) for name in ("Artikelnummer", "Artikel-Nr.", "Händler-SKU", "ASIN 1", "CustomLabel", "item_sku")),
        *((name, ()) for name in ("Custom label (SKU)", "handleId", "product_internal_id", "ordernumber", "offer-id")),
        *((name, ()) for name in ("interne referentie", "référence", "código", "SKU produktu", "артикул", "品番")),
        ("sku", ("Artikelnummer", "référence")),
    ],
)
def test_ids_have_usual_names_in_many_languages(name: str, others: tuple[str, ...]) -> None:
    assert chosen([*others, "title", "description", name]).uid == name


@pytest.mark.parametrize(
    "names",
    [
        *(["Désignation", "Descriptif"], ["Produktbezeichnung", "Beschreibung"], ["Produkttitel", "Beschreibung"]),
        *(["name", "plainDescription"], ["name", "desc"], ["Name", "Long Description"], ["Name", "Short description"]),
    ],
)
def test_further_usual_names(names: list[str]) -> None:
    found = chosen(names)
    assert (found.title, found.description) == (names[0], (names[1],))


@pytest.mark.parametrize(
    "names",
    [
        ["name(en-gb)", "name(de-de)", "description(en-gb)", "description(de-de)"],
        ["name-en_US", "name-de_DE", "description-en_US-ecommerce", "description-de_DE-ecommerce"],
        ["title_en", "title_de", "body_en", "body_de"],
    ],
)
def test_of_names_with_a_language_the_fullest_is_taken_and_one_only(names: list[str]) -> None:
    rows = [("Peg", "Haken", "", "Eiche."), ("Peg", "", "", ""), ("Peg", "Haken", "Oak.", "Eiche.")]
    assert chosen(names).names() == [names[0], names[2]]
    assert chosen(names, rows[:1]).names() == [names[1], names[3]]
    assert chosen(names, [*rows[1:], rows[1]]).names() == [names[0], names[2]]
    assert chosen([*names, "name", "text"]).names() == ["name", "text"]


def test_what_ends_like_a_language_may_be_none() -> None:
    with pytest.raises(UnreadableInput, match=r"no title column .* and no description column"):
        chosen(["item_id", "name_xy", "text_ab", "of the name (en-gb)"])


def test_rows_without_texts_that_repeat_the_row_above_are_variants() -> None:
    names = ["Ref", "name", "description", "size"]
    rows = [("a", "Peg", "Oak.", "S"), ("a", "", "", "M"), ("b", "Rail", "Ash.", "S"), ("b", "", " ", "M")]
    assert chosen(names, rows).variants == Variants(("name", "description"), "", "Ref")
    assert chosen(names, rows[:1]).variants is None
    assert chosen(names, [*rows, ("c", "", "", "S")]).variants is None
    assert chosen(names, [*rows, ("a", "Shelf", "Elm.", "S")]).variants is None


def test_columns_of_one_name_are_told_apart_in_linear_time() -> None:
    assert distinct_names(["size", "size", "size (2)", "size"]) == ["size", "size (2)", "size (2) (2)", "size (3)"]
    found = distinct_names(["", *["a"] * 100_000])  # twenty minutes, if each were compared with all before
    assert len(set(found)) == 100_001 and found[-1] == "a (100000)"
