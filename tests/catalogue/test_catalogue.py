"""Opening a prepared catalogue, and reading some or all of its products."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shelftalk.catalogue import table
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Damaged
from shelftalk.records import Product
from tests.catalogue.samples import rows, write_json


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of 200 products in row groups of 16, so that reading crosses them."""
    monkeypatch.setattr(table, "ROWS_IN_GROUP", 16)
    prepare(write_json(tmp_path / "a.json", rows(200)), tmp_path / "catalogue", PrepareSettings())
    return tmp_path / "catalogue"


def test_products_come_in_catalogue_order(folder: Path) -> None:
    catalogue = Catalogue.open(folder)
    everything = catalogue.products()
    assert [product.uid for product in everything] == [row["uid"] for row in rows(200)]
    assert everything[7] == Product("0000000007", rows(8)[7]["title"], rows(8)[7]["content"])
    parts = [catalogue.products(split) for split in ("train", "validation", "test")]
    assert sorted((product for part in parts for product in part), key=lambda product: product.uid) == everything
    assert all(part == sorted(part, key=lambda product: product.uid) for part in parts)


def test_counts_and_hash_come_from_the_summary(folder: Path) -> None:
    catalogue = Catalogue.open(folder)
    assert catalogue.count() == 200 == catalogue.summary["kept"]
    for split in ("train", "validation", "test"):
        assert catalogue.count(split) == len(catalogue.products(split)) > 0
    assert catalogue.data_hash == json.loads((folder / "catalogue.json").read_text())["data_hash"]


def test_a_sample_is_seeded_in_order_and_always_the_same(folder: Path) -> None:
    catalogue = Catalogue.open(folder)
    sample = catalogue.sample("train", 30, seed=42)
    train = catalogue.products("train")
    assert sample == [product for product in train if product in sample] and len(sample) == 30
    assert sample == Catalogue.open(folder).sample("train", 30, seed=42)
    assert sample != catalogue.sample("train", 30, seed=43) != train[:30]
    assert [product.uid[-3:] for product in catalogue.sample(None, 5, seed=1)] == ["064", "085", "114", "139", "146"]


def test_a_sample_of_more_than_there_are_is_all(folder: Path) -> None:
    catalogue = Catalogue.open(folder)
    assert catalogue.sample("test", None, 1) == catalogue.sample("test", 10_000, 1) == catalogue.products("test")
    assert catalogue.sample("test", 0, 1) == []


@pytest.mark.parametrize(
    "text", ["CRIMSON kettle", "no. 1", "  lantern\t", "0000000017", "of 1", "Café", "nothing", ""]
)
@pytest.mark.parametrize("split", [None, "train", "test"])
@pytest.mark.parametrize("in_descriptions", [False, True])
def test_what_is_found_is_what_a_look_at_every_product_finds(
    folder: Path, text: str, split: str | None, in_descriptions: bool
) -> None:
    catalogue = Catalogue.open(folder)
    wanted = text.strip().lower()
    expected = [
        one
        for one in catalogue.products(split)
        if wanted in one.title.lower() or one.uid == wanted or (in_descriptions and wanted in one.description.lower())
    ]
    assert catalogue.take(catalogue.find(text, split, in_descriptions)) == expected


def test_the_searched_text_is_not_a_pattern_and_is_normalised(tmp_path: Path) -> None:
    titles = ["50 % wool (grey)", "50.% wool", "A.B", "AxB", "Ärmel", "ÇA VA", "C++", "C", "D", "E"]
    file = write_json(tmp_path / "a.json", [{**row, "title": one} for row, one in zip(rows(10), titles, strict=True)])
    prepare(file, tmp_path / "catalogue", PrepareSettings())
    catalogue = Catalogue.open(tmp_path / "catalogue")

    def find(text: str) -> list[str]:
        return [one.title for one in catalogue.take(catalogue.find(text))]

    assert find(".") == ["50.% wool", "A.B"]
    assert find("WOOL (") == ["50 % wool (grey)"]
    assert find("a\u0308rmel") == ["Ärmel"]  # decomposed, as some keyboards type it
    assert find("ça  va") == ["ÇA VA"]
    assert find("c++") == ["C++"]
    assert find("\\") == find("x" * 200_000) == []
    assert len(find("\ud800")) == 10  # an empty text after normalisation, which matches every row


def test_rows_are_taken_across_row_groups_with_their_splits(folder: Path) -> None:
    catalogue = Catalogue.open(folder)
    rows = np.array([0, 15, 16, 47, 199])
    assert catalogue.take(rows) == [catalogue.products()[row] for row in rows]
    for split in ("train", "validation", "test"):
        assert set(catalogue.splits_of(catalogue.find(split=split))) == {split}
    assert len(catalogue.splits_of(catalogue.find())) == 200
    nothing = catalogue.find("nothing")
    assert (catalogue.take(nothing), catalogue.splits_of(nothing)) == ([], [])


def test_an_unknown_split_is_a_defect_of_the_caller(folder: Path) -> None:
    with pytest.raises(ValueError, match="train, validation, test"):
        Catalogue.open(folder).count("dev")
    with pytest.raises(ValueError, match="train, validation, test"):
        Catalogue.open(folder).find("oak", "dev")


@pytest.mark.parametrize("file", ["catalogue.json", "products.parquet"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_damage_is_reported_with_advice(folder: Path, file: str, damage: str) -> None:
    path = folder / file
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "other": b'{"kept": 3}'}[damage])
    with pytest.raises(Damaged, match="make it again with") as caught:
        Catalogue.open(folder)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_in_the_texts_is_damage(folder: Path) -> None:
    content = bytearray((folder / "products.parquet").read_bytes())
    content[200] ^= 1
    (folder / "products.parquet").write_bytes(content)
    with pytest.raises(Damaged, match="make it again with"):
        Catalogue.open(folder).products()


def test_a_summary_of_another_catalogue_is_damage(folder: Path) -> None:
    summary = json.loads((folder / "catalogue.json").read_text())
    (folder / "catalogue.json").write_text(json.dumps({**summary, "kept": 199}))
    with pytest.raises(Damaged, match="has 200 rows instead of 199"):
        Catalogue.open(folder)
