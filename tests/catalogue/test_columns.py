"""The choice of the columns for title, description and id."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.attributes import named_attribute_columns, possible_attribute_columns
from shelftalk.catalogue.columns import (
    Columns,
    Variants,
    automatic_attributes,
    choose_columns,
    choose_title_columns,
    list_attribute_columns,
)
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
        (["Artikel-Nr", "Bezeichnung", "Beschreibung"], Columns("Bezeichnung", ("Beschreibung",), None)),
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
    named = choose_columns(SOURCE, names, settings.replace({"description_field": names[0]}))
    assert named == expected._replace(description=(names[0],))
    assert choose_title_columns(SOURCE, names, settings) == expected._replace(description=())


def test_takes_the_named_columns() -> None:
    settings = PrepareSettings(title_field="Bezeichnung", description_field="Prosa", id_field="Nr")
    assert choose_columns(SOURCE, ["title", "Prosa", "Nr", "Bezeichnung"], settings) == Columns(
        "Bezeichnung", ("Prosa",), "Nr"
    )


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
