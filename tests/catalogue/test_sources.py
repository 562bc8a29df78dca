"""Several files, or the files of a folder, make one catalogue, and each is accounted for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shelftalk.catalogue import sources
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.catalogue.sources import find_sources, paths_of
from shelftalk.errors import DamagedInput, NotFound, UnreadableInput
from tests.catalogue.samples import rows, write_delimited, write_gzip, write_json, write_parquet, write_zip

SETTINGS = PrepareSettings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of sixty products in four kinds of files, two of them twice, and of files without products."""
    found = tmp_path / "shop"
    (found / "2025").mkdir(parents=True)
    (found / ".cache").mkdir()
    made = rows(60)
    write_parquet(found / "c.parquet", made[:20])
    write_json(found / "a.jsonl", [*made[20:35], {"title": "Without a text"}])
    write_delimited(found / "2025" / "a.csv", [*made[35:50], *made[:2]], ";")
    (found / "2025" / "b.xml").write_text(
        "<rss><channel>"
        + "".join(f"<item><title>{one['title']}</title><text>{one['content']}</text></item>" for one in made[50:])
        + "</channel></rss>"
    )
    (found / "info.json").write_text('{"version": 1, "files": 4}')
    (found / "README.md").write_text("About")
    (found / ".cache" / "old.csv").write_text("title,content\nOld,Old\n")
    return found


def left_out(catalogue: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (catalogue / "rejects.jsonl").read_text().splitlines()]


def test_the_files_of_a_folder_are_one_catalogue_with_the_counts_of_each(folder: Path, tmp_path: Path) -> None:
    summary = prepare(folder, tmp_path / "catalogue", SETTINGS)
    assert (summary["kept"], summary["read"]) == (60, 63)
    assert {product.title for product in Catalogue.open(tmp_path / "catalogue").products()} == {
        one["title"] for one in rows(60)
    }
    files = summary["source"]["files"]
    assert [(one["name"], one["read"], one["kept"], one["rejected"]) for one in files] == [
        ("a.jsonl", 16, 15, 1),
        ("c.parquet", 20, 20, 0),
        ("2025/a.csv", 17, 15, 2),
        ("2025/b.xml", 10, 10, 0),
    ]
    assert files[2]["delimiter"] == ";"
    assert sum(one["read"] for one in files) == summary["read"]
    assert [one["name"] for one in summary["source"]["left_out"]] == ["info.json"]  # and what is about the others
    assert [(one["file"], one["line"], one["reason"], one["detail"]) for one in left_out(tmp_path / "catalogue")] == [
        ("a.jsonl", 16, "missing_description", "Without a text"),
        ("2025/a.csv", 17, "duplicate_product", f"c.parquet, line 1: {rows(1)[0]['title']}"),
        ("2025/a.csv", 18, "duplicate_product", f"c.parquet, line 2: {rows(2)[1]['title']}"),
    ]


def test_a_shard_more_or_less_changes_no_id_of_others_and_no_row_repeats_one(folder: Path, tmp_path: Path) -> None:
    summary = prepare(folder, tmp_path / "catalogue", PrepareSettings(id_field="none"))
    uids = [product.uid for product in Catalogue.open(tmp_path / "catalogue").products()]
    assert len(set(uids)) == 60 == summary["kept"]
    assert "row-1-1" in uids and "row-2-1" in uids and "item-4-1" in uids


def test_given_files_are_read_in_their_order_and_must_be_readable(folder: Path, tmp_path: Path) -> None:
    summary = prepare([folder / "2025" / "a.csv", folder / "c.parquet"], tmp_path / "catalogue", SETTINGS)
    assert [(one["name"], one["kept"]) for one in summary["source"]["files"]] == [("a.csv", 17), ("c.parquet", 18)]
    with pytest.raises(UnreadableInput, match=r"info.json has no title column"):
        find_sources([folder / "c.parquet", folder / "info.json"], SETTINGS)
    with pytest.raises(NotFound, match="There is no file"):
        find_sources([folder / "c.parquet", folder / "d.parquet"], SETTINGS)


def test_files_with_one_name_are_told_apart(tmp_path: Path) -> None:
    for year in ("2024", "2025"):
        (tmp_path / year).mkdir()
        write_json(tmp_path / year / "a.json", rows(12) if year == "2024" else rows(30)[12:])
        write_zip(tmp_path / year / "b.zip", {"b.json": b'{"title": "Peg", "content": "Holds a coat."}\n'})
    summary = prepare([tmp_path / "2024", tmp_path / "2025"], tmp_path / "catalogue", SETTINGS)
    names = [one["name"] for one in summary["source"]["files"]]
    assert names == ["2024/a.json", "2024/b.zip", "2025/a.json", "2025/b.zip"]
    assert [(one["file"], one["detail"]) for one in left_out(tmp_path / "catalogue")] == [
        ("2025/b.zip/b.json", "2024/b.zip/b.json, line 1: Peg")
    ]
    both = [tmp_path / year / "a.json" for year in ("2024", "2025")]
    assert [one.name for one in find_sources(both, SETTINGS).files] == [str(path) for path in both]


def test_one_file_in_a_folder_gives_the_catalogue_of_that_file(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    path = write_gzip(tmp_path / "shop" / "a.csv.gz", write_delimited(tmp_path / "a.csv", rows(20), ",").read_bytes())
    summary = prepare(tmp_path / "shop", tmp_path / "one", SETTINGS)
    assert summary == prepare(path, tmp_path / "two", SETTINGS)
    for name in ("products.parquet", "rejects.jsonl"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_sample_of_several_files_is_drawn_from_all(folder: Path, tmp_path: Path) -> None:
    summary = prepare(folder, tmp_path / "catalogue", PrepareSettings(max_products=30))
    assert summary["kept"] == 30
    assert all(0 < one["kept"] < 20 for one in summary["source"]["files"])


def test_kinds_of_files_that_are_not_read_are_said(folder: Path, tmp_path: Path) -> None:
    for name in ("a.zst", "b.png", "2025/c.png"):
        (folder / name).write_bytes(b"x")
    write_json(folder / "part-00000", [{"title": "Rope", "content": "It is long."}])
    (folder / "_SUCCESS").write_bytes(b"")
    source = prepare(folder, tmp_path / "catalogue", SETTINGS)["source"]
    assert [one["name"] for one in source["files"]] == [
        "a.jsonl",
        "c.parquet",
        "part-00000",
        "2025/a.csv",
        "2025/b.xml",
    ]
    said = {one["name"]: one["why"] for one in source["left_out"]}
    assert list(said) == ["_SUCCESS", "info.json", "b.png", "a.zst"]
    assert said["b.png"] == "the first of 2 files with .png, which are not read"
    assert said["a.zst"] == "files with .zst, which are not read"
    assert "is empty" in said["_SUCCESS"]


def test_a_damaged_file_of_a_folder_is_refused_wherever_its_damage_stands(folder: Path, tmp_path: Path) -> None:
    packed = write_gzip(tmp_path / "d.csv.gz", write_delimited(tmp_path / "d.csv", rows(5000), ",").read_bytes())
    for size in (100, len(packed.read_bytes()) - 100):
        (folder / "d.csv.gz").write_bytes(packed.read_bytes()[:size])
        with pytest.raises(DamagedInput, match=r"d.csv.gz is truncated: it ends too early"):
            prepare(folder, tmp_path / "catalogue", SETTINGS)


def test_linked_folders_are_read_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "given" / "more").mkdir(parents=True)
    (tmp_path / "given" / "more" / "shop").symlink_to(folder)
    (tmp_path / "given" / "again").symlink_to(folder)
    (folder / "above").symlink_to(tmp_path / "given")
    names = [one.name for one in find_sources([tmp_path / "given"], SETTINGS).files]
    assert names == [f"again/{name}" for name in ("a.jsonl", "c.parquet", "2025/a.csv", "2025/b.xml")]


def test_a_folder_that_cannot_be_opened_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def forbid(path: str) -> Any:
        if Path(path).name in ("2025", "secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr("os.scandir", forbid)
    (folder / "secret").mkdir()
    said = dict(find_sources([folder], SETTINGS).left_out)
    assert said["secret"] == f"{folder}/secret cannot be opened: permission denied"
    with pytest.raises(UnreadableInput, match=r"holds no file of products; .* cannot be opened: permission denied"):
        paths_of([folder / "2025"])


def test_folders_with_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for shop in ("north", "south"):
        (tmp_path / shop / "data").mkdir(parents=True)
        write_json(tmp_path / shop / "data" / "p.json", rows(12) if shop == "north" else rows(30)[12:])
    monkeypatch.chdir(tmp_path)
    given = [Path("north/data"), Path("south/data")]
    assert [one.name for one in find_sources(given, SETTINGS).files] == ["north/data/p.json", "south/data/p.json"]
    assert [one.name for one in find_sources([Path(), Path("north/data/p.json")], SETTINGS).files] == [
        *("./north/data/p.json", "./south/data/p.json", "p.json")
    ]


def test_names_that_are_not_utf8_are_shown_as_well_as_can_be(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    for name, made in ((b"a\xff.json", rows(12)), (b"b\xff.png", []), (b"c\xff.json", [{"x": 1}])):
        write_json(tmp_path / "shop" / os.fsdecode(name), made)
    summary = prepare(tmp_path / "shop", tmp_path / "catalogue", SETTINGS)
    assert summary["source"]["files"][0]["name"] == "a\ufffd.json"
    assert [one["name"] for one in summary["source"]["left_out"]] == ["c\ufffd.json", "b\ufffd.png"]
    given = tmp_path / "shop" / os.fsdecode(b"a\xff.json")
    assert prepare(given, tmp_path / "catalogue", SETTINGS)["source"]["name"] == "a\ufffd.json"


def test_a_damaged_spreadsheet_of_a_folder_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", rows(12))
    (tmp_path / "b.xls").write_bytes(Path(__file__).with_name("products.xls").read_bytes()[:5000])
    with pytest.raises(DamagedInput, match=r"b.xls is .*damaged"):
        prepare(tmp_path, tmp_path / "catalogue", SETTINGS)


def test_an_empty_list_is_no_row(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", rows(12))
    (tmp_path / "b.json").write_text("[]\n")
    assert prepare(tmp_path, tmp_path / "catalogue", SETTINGS)["read"] == 12


def test_a_folder_without_products_is_refused_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(UnreadableInput, match=r"holds no file of products; their names end in \.atom, \.csv"):
        paths_of([tmp_path])
    (tmp_path / "a.csv").write_text("colour,price\nred,3\n")
    with pytest.raises(UnreadableInput, match=r"holds no file that can be read; the first of 2: .*its columns are"):
        find_sources([tmp_path], SETTINGS)
    monkeypatch.setattr(sources, "MOST_NAMES", 1)
    with pytest.raises(UnreadableInput, match="holds more than 1 files; give the folder of the products"):
        paths_of([tmp_path])
    monkeypatch.setattr(sources, "MOST_FILES", 0)
    with pytest.raises(UnreadableInput, match="holds more than 0 files; give the folder of the products"):
        paths_of([tmp_path])
