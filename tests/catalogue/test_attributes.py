"""The attributes of a row: their columns, their names and values, and what is cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.attributes import (
    MOST_ATTRIBUTES,
    AttributeColumn,
    find_attribute_columns,
    keep_attributes,
    named_attribute_columns,
    read_attributes,
)
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import InvalidSettings, UnreadableInput


def cell(value: Any, name: str = "details") -> list[tuple[str, str]]:
    return list(read_attributes({name: value}, [AttributeColumn(name, name)]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("oak", [("details", "oak")]),
        (3, [("details", "3")]),
        (2.5, [("details", "2.5")]),
        (True, [("details", "yes")]),
        (float("nan"), []),
        (float("inf"), []),
        (None, []),
        ("<table><tr><td>Weight</td></tr></table>", []),
        (["red", 3, None, "blue"], [("details", "red, 3, blue")]),
        ([["Clothing", "Women"]], [("details", "Clothing, Women")]),
        ({"Fabric": "linen", "Sizes": ["S", "M"], "deeper": {"x": 1}}, [("Fabric", "linen"), ("Sizes", "S, M")]),
        ({"name": "Fabric", "value": "linen"}, [("Fabric", "linen")]),
        ({"attribute_name": "Fabric", "attribute_value": "linen", "section_name": "Care"}, [("Fabric", "linen")]),
        ([{"key": "Fabric", "value": "linen"}, {"Fit": "loose"}], [("Fabric", "linen"), ("Fit", "loose")]),
        ('{"Fabric": "linen"}', [("Fabric", "linen")]),
        ('["red", "blue"]', [("details", "red, blue")]),
        ("[Imported] linen", [("details", "[Imported] linen")]),
        (
            '{"product_specification"=>[{"key"=>"Fabric", "value"=>"linen"}, {"key"=>"Fit", "value"=>nil}]}',
            [("Fabric", "linen")],
        ),
        ('{"product_specification"=>nil}', []),
        ('{"Fabric"=>', [("details", '{"Fabric"=>')]),
    ],
)
def test_a_cell_gives_the_attributes_that_it_holds(value: Any, expected: list[tuple[str, str]]) -> None:
    assert cell(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("General:Weave:twill", [("Weave", "twill")]),
        ("General:Weave:twill,:Ratio:1:2", [("Weave", "twill"), ("Ratio", "1:2")]),
        ("General:Colours:red, blue,Care:Wash:warm", [("Colours", "red, blue"), ("Wash", "warm")]),
        ("washable: yes", [("product_detail", "washable: yes")]),
        ("washable", [("product_detail", "washable")]),
    ],
)
def test_googles_product_details_are_read_from_a_text(text: str, expected: list[tuple[str, str]]) -> None:
    assert cell(text, "product_detail") == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=9,
)


@given(JSON_VALUES, st.booleans())
def test_whatever_a_cell_holds_it_gives_names_and_texts(value: Any, as_text: bool) -> None:
    for name, text in cell(json.dumps(value) if as_text else value):
        assert isinstance(name, str)
        assert isinstance(text, str) and text


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"name": "a", "value":'])
def test_values_nested_a_thousand_deep_do_no_harm(opening: str) -> None:
    closing = {"[": "]", "{": "}"}
    end = "".join(closing[one] for one in reversed(opening) if one in closing)
    for depth in (300, 100_000):
        text = opening * depth + "1" + end * depth
        assert len(cell(text)) <= 1
    nested: Any = 1
    for _ in range(1000):
        nested = (
            [nested] if opening == "[" else {"a": nested} if opening[0] == "{" else [{"name": "a", "value": nested}]
        )
    assert len(cell(nested)) <= 1


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Variant Price",
            "Stock",
            "in_stock",
            "Tax class",
            "Date First Available",
            "Image Src",
            "product_url",
            "ASIN",
        ),
        *(
            "UPC",
            "Item model number",
            "Manufacturer Part Number",
            "Best Sellers Rank",
            "parentAsin",
        ),
        *("title", "Description", "also_buy", "Gift card", "Attribute 1 visible", "Attribute 1 global"),
        *("Option1 Linked To", "Is featured?", "Related products (product.metafields.shopify.related_products)", "__"),
    ],
)
def test_some_names_hold_no_property_of_a_product(name: str) -> None:
    assert find_attribute_columns([name], "all", ()) == ()
    assert name.startswith("Attribute") or keep_attributes([(name, "oak")])[0] == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Weight (kg)", AttributeColumn("Weight (kg)", "Weight", unit="kg")),
        ("Fit (product.metafields.custom.fit)", AttributeColumn("Fit (product.metafields.custom.fit)", "Fit")),
        ("google_product_category", AttributeColumn("google_product_category", "google_product_category")),
        ("countryOfOrigin", AttributeColumn("countryOfOrigin", "countryOfOrigin")),
    ],
)  # fmt: skip
def test_usual_names_metafields_and_units_are_known(name: str, expected: AttributeColumn) -> None:
    assert find_attribute_columns([name], "automatic", ()) == (expected,)


def test_a_google_category_counts_only_as_a_text() -> None:
    name = "google_product_category"
    assert keep_attributes([(name, "Home & Garden > Pegs")])[0] == (
        ("google product category", "Home & Garden > Pegs"),
    )
    assert keep_attributes([(name, "2271")])[0] == ()


def test_values_of_one_name_are_joined_once_each() -> None:
    pairs = [("Size", "S"), ("size", "M"), ("SIZE", "s"), ("Size", "Default Title"), ("Size", "the title")]
    assert keep_attributes(pairs, "the title") == ((("Size", "S, M"),), {})


def test_what_is_too_long_or_too_much_is_cut_and_counted() -> None:
    pairs = [("n" * 100, "x"), ("Care", "wash warm " * 50), *((f"part {one}", "y") for one in range(100))]
    kept, cut = keep_attributes(pairs)
    assert kept[0] == ("n" * 60, "x")
    assert kept[1] == ("Care", ("wash warm " * 20).strip())
    assert len(kept) == MOST_ATTRIBUTES
    assert cut == {"long_names": 1, "long_values": 1, "too_many": 62}


@pytest.mark.parametrize("wanted", ["a\nb", "weave", '"weave'])
def test_a_listed_column_that_does_not_exist_is_missing(wanted: str) -> None:
    assert named_attribute_columns(["a", "b"], wanted) == ((), [wanted.strip('"')])


def test_columns_are_listed_in_any_case_and_quoted_where_they_have_a_comma() -> None:
    columns, missing = named_attribute_columns(
        ["Height, Width", "Option1 Name", "Option1 Value"], '"height, width", option1 value'
    )
    assert [one.column for one in columns] == ["Height, Width", "Option1 Value"]
    assert (columns[1].named_by, missing) == ("Option1 Name", [])  # fmt: skip


def test_blank_attributes_are_an_error_in_one_line() -> None:
    with pytest.raises(InvalidSettings, match="attributes must be a text, got ''"):
        PrepareSettings.from_mapping({"attributes": ""})


def test_control_characters_and_markup_leave_names_and_values(tmp_path: Path) -> None:
    rows = [
        {
            "title": f"Peg {one}",
            "content": f"Beech {one}.",
            "details": {"Fab\x1b[31mric</script>": "li\x00nen </script>!"},
        }
        for one in range(20)
    ]
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    prepare(source, tmp_path / "c", PrepareSettings())
    products = Catalogue.open(tmp_path / "c").products()
    assert {one.attributes for one in products} == {(("Fab[31mric", "linen !"),)}


@pytest.mark.parametrize("wanted", ["automatic", "all"])
def test_five_thousand_columns_are_bounded_and_counted(tmp_path: Path, wanted: str) -> None:
    names = [f"weave {one}" if wanted == "all" else f"W{one} (product.metafields.custom.w)" for one in range(5000)]
    lines = [",".join(["title", "content", *names])]
    lines += [",".join([f"Peg {one}", f"Beech {one}.", *["x"] * 5000]) for one in range(12)]
    source = tmp_path / "a.csv"
    source.write_text("\n".join(lines))
    summary = prepare(source, tmp_path / "c", PrepareSettings(attributes=wanted))
    assert (summary["kept"], summary["attributes_cut"]) == (12, {"too_many": 12 * (5000 - MOST_ATTRIBUTES)})
    assert all(len(one.attributes) == MOST_ATTRIBUTES for one in Catalogue.open(tmp_path / "c").products())


def test_a_column_named_twice_is_joined(tmp_path: Path) -> None:
    lines = ["title,content,Material,Material,material", *(f"Peg {one},Beech {one}.,oak,elm,yew" for one in range(12))]
    source = tmp_path / "a.csv"
    source.write_text("\n".join(lines))
    prepare(source, tmp_path / "c", PrepareSettings())
    assert {one.attributes for one in Catalogue.open(tmp_path / "c").products()} == {(("Material", "oak, elm, yew"),)}


def test_a_missing_listed_column_is_one_line_with_the_columns_of_the_file(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("title,content,weave\nPeg,Beech.,twill\n")
    with pytest.raises(UnreadableInput) as caught:
        prepare(source, tmp_path / "c", PrepareSettings(attributes="weave,a\nb"))
    assert r"no column 'weave,a\nb' (--attributes); its columns are: title, content, weave." in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Attribute 1 name", "Attribute 1 value(s)"),
        ("Option1 Name", "Option1 Value"),
        ("Nom de l’attribut 1", "Valeur(s) de l’attribut 1 "),
        ("Nombre del atributo 1", "Valor(es) del atributo 1"),
        ("Nome do atributo 1", "Valores do atributo 1"),
        ("Attribut 1 Name", "Attribut 1 Wert(e)"),
        ("Nome dell'attributo 1", "Valore/i dell'attributo 1"),
        ("Naam eigenschap 1", "Waarde(n) eigenschap 1"),
        ("NOME VARIANTE 1", "VALORI VARIANTE 1"),
        ("VARIATION 1 NAME", "VARIATION 1 VALUES"),
        ("Название атрибута 1", "Значения атрибута 1"),
    ],
)
def test_a_column_of_names_is_joined_with_its_values_in_any_language(name: str, value: str) -> None:
    names = ["title", name, value, name.replace("1", "2"), value.replace("1", "2"), "Visible 1"]
    found = find_attribute_columns(names, "automatic", ["title"])
    assert [(one.column, one.named_by) for one in found] == [(names[2], names[1]), (names[4], names[3])]
    row = {names[1]: "Colour", names[2]: "red, blue", names[3]: "Wood", names[4]: "oak"}
    assert list(read_attributes(row, found)) == [("Colour", "red, blue"), ("Wood", "oak")]


def test_attributes_of_magento_are_pairs_in_a_text() -> None:
    found = find_attribute_columns(["name", "additional_attributes"], "automatic", ["name"])
    row = {"additional_attributes": "material=Oak,colours=red,blue,note=a=b"}
    assert list(read_attributes(row, found)) == [("material", "Oak"), ("colours", "red,blue"), ("note", "a=b")]


@pytest.mark.parametrize("name", ["Marke", "COULEUR", "Materiali", "tamanho", "Größe", "materiał", "Цвет"])
def test_attributes_have_usual_names_in_other_languages(name: str) -> None:
    assert [one.column for one in find_attribute_columns(["title", name, "xyz"], "automatic", ["title"])] == [name]


def test_marks_of_ebay_are_no_part_of_a_name() -> None:
    names = ["*Title", "*Description", "*C:Brand", "C:Material", "IMAGE1"]
    found = find_attribute_columns(names, "automatic", names[:2])
    assert [(one.column, one.name) for one in found] == [("*C:Brand", "Brand"), ("C:Material", "Material")]
    assert "IMAGE1" not in [one.column for one in find_attribute_columns(names, "all", names[:2])]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("Feature(Name:Value:Position)", "Material:Oak:1,Colour:Blue:2:1", [("Material", "Oak"), ("Colour", "Blue")]),
        ("Caractéristique (Nom:Valeur:Position)", "Matière:Chêne:1", [("Matière", "Chêne")]),
        ("Categories (x,y,z...)", "Home,Pegs", [("Categories", "Home,Pegs")]),
        ("Tags (x,y,z...)", "oak", [("Tags", "oak")]),
        ("Custom Fields", "Material=Oak;Colour=Blue", [("Material", "Oak"), ("Colour", "Blue")]),
        ("product_attribute_{Material}", "Oak", [("Material", "Oak")]),
        ("color_name", "Blue", [("color_name", "Blue")]),
        ("material_type", "Oak", [("material_type", "Oak")]),
        ("size_name", "M", [("size_name", "M")]),
        ("bullet_point3", "Holds a coat", [("bullet_point", "Holds a coat")]),
        ("brand_name", "Tern", [("brand_name", "Tern")]),
        ("Brand Name", "Tern", [("Brand Name", "Tern")]),
        ("product_brand", "Tern", [("product_brand", "Tern")]),
        ("manufacturer_name", "Tern", [("manufacturer_name", "Tern")]),
        ("country_of_manufacture", "Wales", [("country_of_manufacture", "Wales")]),
        ("options", [{"name": "Size", "position": 1, "values": ["S", "M"]}], [("Size", "S, M")]),
        ("categories", [{"id": 9, "name": "Pegs", "slug": "pegs"}], [("categories", "Pegs")]),
        (
            "tags",
            [{"id": 1, "name": "a", "slug": "a"}, {"id": 2, "name": "b", "slug": "b"}],
            [("tags", "a"), ("tags", "b")],
        ),
    ],
)
def test_columns_of_further_shops_hold_attributes(column: str, value: Any, expected: list[tuple[str, str]]) -> None:
    found = find_attribute_columns(["name", column], "automatic", ["name"])
    held = list(read_attributes({column: value}, found))
    assert [pair for pair in held if pair[1]] == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("productOptionName1", "productOptionDescription1"),
        ("productOptionName[1]", "productOptionChoices[1]"),
        ("additionalInfoTitle1", "additionalInfoDescription1"),
        ("variant_option_one_name", "variant_option_one_value"),
        ("Merkmalname 1", "Merkmalwert 1"),
    ],
)
def test_names_and_values_of_further_shops_are_joined(name: str, value: str) -> None:
    found = find_attribute_columns([name, value, "Image 1 title", "Image 1 description"], "automatic", [])
    assert [(one.column, one.named_by) for one in found] == [(value, name)]


@pytest.mark.parametrize("name", ["Longitud", "Anchura", "Categorias", "Marken", "Marques", "Marcas", "Schlagwörter"])
def test_names_of_woocommerce_in_other_languages_are_usual(name: str) -> None:
    assert find_attribute_columns([name], "automatic", []) == (AttributeColumn(name, name),)


@pytest.mark.parametrize(
    "name",
    [
        *("Tipo", "Uso", "Medidas", "Dimensões", "dimensoes", "País de origem", "PAIS DE ORIGEM", "Composição"),
        *("Faixa etária", "Gênero", "Conteúdo da embalagem", "instrucoes_de_lavagem", "Potência", "páginas"),
        *("Composición", "dimensiones", "Dimensioni", "Maße", "Pays d'origine", "Modèle", "Lieferumfang"),
    ],
)
def test_names_of_attributes_in_other_languages_are_usual_with_accents_and_without(name: str) -> None:
    assert find_attribute_columns([name], "automatic", []) == (AttributeColumn(name, name),)


@pytest.mark.parametrize("name", ["Conteúdo", "Bom saber", "Observações", "Seção"])
def test_names_that_may_hold_a_text_or_anything_are_not_usual(name: str) -> None:
    assert find_attribute_columns([name], "automatic", []) == ()
    assert find_attribute_columns([name], "all", []) == (AttributeColumn(name, name),)


@pytest.mark.parametrize(
    ("name", "values", "is_left_out"),
    [
        ("Tipo", ["simple", "variable"], True),
        ("tipo", ["Serviço", "Produto"], True),
        ("tipo", ["frigideira", "panela"], False),
        ("Origem", ["0", "2"], True),
        ("Origem", ["Minas Gerais", ""], False),
        ("type", ["simple", "variable"], True),
        ("Product Type", ["P", ""], True),
        ("*Format", ["FixedPrice"], True),
        ("categories", ["18;23", "5|12", "7"], True),
        ("Categories", ["0193a4|0193a5"], True),
        ("category", [20460, 3], True),
        ("type", ["simple", "Peg rail"], False),
        ("category", ["Pegs", "12"], False),
        ("categories", ["facade", "decade"], False),
        ("size", ["12", "14"], False),
        ("type", [], False),
    ],
)
def test_a_column_of_a_programs_words_or_codes_is_left_out(name: str, values: list[Any], is_left_out: bool) -> None:
    for wanted in ("automatic", "all"):
        found = find_attribute_columns([name], wanted, [], [{name: value} for value in values])
        assert (found == ()) is is_left_out


@pytest.mark.parametrize(
    "name",
    [
        *("Regulärer Preis", "Angebotspreis", "Prix HT", "Precio", "Preço", "Prezzo", "Prijs", "Cena", "Цена", "Pris"),
        *("Bestand", "Lagerbestand", "Estoque", "Voorraad", "Giacenza", "Остаток", "Steuerklasse", "TVA", "IVA", "btw"),
        *("Artikelnummer", "Référence", "Código de barras", "Quantité", "Menge", "Ilość", "Sichtbarkeit im Katalog"),
        *("Versandklasse", "Bilder", "Veröffentlicht", "Visibilité", "Visible"),
        *("preco", "Codigo de barras", "SITUACAO", "imagem", "referencia", "Veroffentlicht", "Quantite"),
        *("Attribut 1 Sichtbar", "Attribut 1 global", "Atributo global 2", "UGS", "Tarif régulier", "Reference #"),
    ],
)
def test_prices_stock_and_codes_in_other_languages_are_no_attributes(name: str) -> None:
    assert find_attribute_columns([name], "all", ()) == ()


@pytest.mark.parametrize("name", ["Steuerung", "Bestandteile", "Antal delar", "Количество предметов", "Data rate"])
def test_words_that_resemble_them_are_attributes(name: str) -> None:
    assert [one.column for one in find_attribute_columns([name], "all", ())] == [name]
