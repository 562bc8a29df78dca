"""Small invented files of the kinds that shops, marketplaces and notebooks write, and what comes of each.

They lie beside the checkout, in ../shared/data/cases; elsewhere these tests are skipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import UnreadableInput

CASES = Path(__file__).parents[3] / "shared" / "data" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the invented files are not beside this checkout")

# How many products are kept, and how many rows are left out for which reason.
KEPT: dict[str, tuple[int, dict[str, int]]] = {
    "01a_listings_report_es.txt": (24, {}),
    "02a_quotes.tsv": (20, {}),
    "03a_wc-product-export_fr.csv": (12, {"variant": 12}),
    "03b_EtsyListingsDownload_it.csv": (14, {}),
    "04_magento_catalog_product.csv": (12, {"store_view": 24, "variant": 6}),
    "05a_meta_Home_2014.json.gz": (15, {"missing_title": 1}),
    "05b_meta_Home_2018.json": (15, {"title_not_text": 1}),
    "06b_array_title_content.json": (14, {}),
    "06d_pandas_to_json.json": (14, {}),
    "06e_shop_products.json": (14, {}),
    "07a_blank_line_first.xml": (24, {}),
    "07b_php_warning_first.xml": (24, {}),
    "08a_excel_sep_line.csv": (18, {}),
    "08b_excel_ids_utf8.csv": (18, {}),
    "16 Catálogo Verão (1).CSV": (14, {}),
}
ADVICE = {
    "06a_dataset_alpaca.json": "--title-field input",
    "06c_dict_of_lists.json": "--description-field output",
    "06f_messages.jsonl": "make rows with jq",
}
NUMBERED = ("03b_EtsyListingsDownload_it.csv", "08a_excel_sep_line.csv", "08b_excel_ids_utf8.csv")


def run(name: str, folder: Path, **settings: Any) -> dict[str, Any]:
    return prepare(CASES / name, folder, PrepareSettings(**settings))


@pytest.mark.parametrize("name", KEPT)
def test_every_product_is_kept_and_every_other_row_named(tmp_path: Path, name: str) -> None:
    summary = run(name, tmp_path / "catalogue")
    kept, rejected = KEPT[name]
    assert (summary["kept"], summary["rejected"]) == (kept, rejected)
    assert summary["read"] == kept + sum(rejected.values())


@pytest.mark.parametrize("name", [*NUMBERED, "16 Catálogo Verão (1).CSV"])
def test_ids_that_are_none_are_said(tmp_path: Path, name: str) -> None:
    assert run(name, tmp_path / "catalogue")["no_id"]["rows"] > 1


def test_accents_come_out_as_they_were_written(tmp_path: Path) -> None:
    assert run("01a_listings_report_es.txt", tmp_path / "catalogue")["source"]["encoding"] == "windows-1252"
    titles = [one.title for one in Catalogue.open(tmp_path / "catalogue").products()]
    assert titles[0].startswith("Jarrón de cerámica")


def test_no_text_of_one_product_is_in_another(tmp_path: Path) -> None:
    run("02a_quotes.tsv", tmp_path / "catalogue")
    products = Catalogue.open(tmp_path / "catalogue").products()
    assert all("\t" not in one.description and "q0" not in one.description for one in products)
    assert products[6].description.startswith('"Best pegs on the quay", says the harbour master')


@pytest.mark.parametrize("name", ADVICE)
def test_what_holds_rows_of_another_kind_is_refused_with_the_cure(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableInput) as refusal:
        run(name, tmp_path / "catalogue")
    assert ADVICE[name] in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["06a_dataset_alpaca.json", "06c_dict_of_lists.json"])
def test_rows_of_instructions_are_read_by_their_flags(tmp_path: Path, name: str) -> None:
    summary = run(name, tmp_path / "catalogue", title_field="input", description_field="output")
    assert (summary["kept"], summary["rejected"]) == (14, {})
