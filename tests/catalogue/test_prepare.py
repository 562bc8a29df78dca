"""Preparing a catalogue file end to end: a prepared catalogue, or an error message of one line."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq
import pytest

from shelftalk.catalogue import packed
from shelftalk.catalogue.attributes import find_attribute_columns, keep_attributes
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Busy, InvalidSettings, NotWritable, TooFewProducts, UnreadableInput, UserError
from shelftalk.workspace import faults, lock
from tests.catalogue.samples import (
    json_lines,
    rows,
    write_delimited,
    write_gzip,
    write_json,
    write_lines,
    write_parquet,
    write_zip,
)

REAL_ROWS = Path(__file__).parents[3] / "shared" / "data" / "amazontitles_dev.jsonl"


def run(source: Path, folder: Path | None = None, **settings: Any) -> dict[str, Any]:
    """Prepare a catalogue and check its invariants."""
    folder = folder or source.parent / "catalogue"
    summary = prepare(source, folder, PrepareSettings(**settings))
    assert json.loads((folder / "catalogue.json").read_text()) == summary
    assert sorted(path.name for path in folder.iterdir()) == [
        "catalogue.json",
        "manifest.json",
        "products.parquet",
        "rejects.jsonl",
    ]
    assert faults(folder) == []
    assert summary["read"] == summary["kept"] + sum(summary["rejected"].values())
    assert summary["kept"] == sum(summary["split"].values()) == len(products(folder))
    left_out = rejects(folder)
    assert Counter(reject["reason"] for reject in left_out) == summary["rejected"]
    assert [reject["line"] for reject in left_out] == sorted({reject["line"] for reject in left_out})
    return summary


def products(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "products.parquet").to_pylist())


def rejects(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rejects.jsonl").read_text(encoding="utf-8").splitlines()]


def test_writes_cleaned_products_in_the_order_of_the_file(tmp_path: Path) -> None:
    entries = rows(40)
    entries[3]["title"] = " <b>Tea</b> &amp; toast "
    entries[3]["content"] = "Hot.--This text refers to thePaperbackedition."
    summary = run(write_json(tmp_path / "a.json", entries))
    found = products(tmp_path / "catalogue")
    assert [row["uid"] for row in found] == [row["uid"] for row in entries]
    assert (found[3]["title"], found[3]["description"], found[3]["line"]) == ("Tea & toast", "Hot.", 4)
    assert list(found[0]) == ["uid", "title", "description", "split", "line", "attributes"]
    assert (summary["read"], summary["kept"], summary["rejected"]) == (40, 40, {})
    assert summary["source"] == {"name": "a.json", "bytes": (tmp_path / "a.json").stat().st_size, "encoding": "utf-8"}
    assert summary["columns"] == {"title": "title", "description": "content", "id": "uid", "attributes": []}
    assert summary["settings"] == PrepareSettings().as_mapping()


def test_every_format_gives_the_same_catalogue(tmp_path: Path) -> None:
    entries = rows(40)
    lines = json_lines(entries)
    sources = [
        write_json(tmp_path / "a.json", entries),
        write_gzip(tmp_path / "a.jsonl.gz", lines),
        write_gzip(tmp_path / "misnamed.json", b"\xef\xbb\xbf" + lines),
        write_delimited(tmp_path / "a.csv", entries, ","),
        write_delimited(tmp_path / "bom.csv", entries, ";", "utf-8-sig"),
        write_delimited(tmp_path / "a.tsv", entries, "\t"),
        write_gzip(tmp_path / "a.tsv.gz", (tmp_path / "a.tsv").read_bytes()),
        write_parquet(tmp_path / "a.parquet", entries),
        write_zip(tmp_path / "raw.zip", {"LF/tst.json": b"", "LF/trn.json": lines}),
        write_zip(tmp_path / "raw_gz.zip", {"LF/trn.json.gz": (tmp_path / "a.jsonl.gz").read_bytes()}),
    ]
    hashes = {source.name: run(source, tmp_path / f"c_{source.name}")["data_hash"] for source in sources}
    assert len(set(hashes.values())) == 1, hashes


def test_the_data_hash_is_what_its_docstring_says(tmp_path: Path) -> None:
    summary = run(write_json(tmp_path / "a.json", rows(20)))
    lines = [
        json.dumps(
            [row[name] for name in ("uid", "title", "description", "split")], ensure_ascii=False, separators=(",", ":")
        )
        for row in products(tmp_path / "catalogue")
    ]
    assert hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest() == summary["data_hash"]


def test_the_same_file_and_settings_give_the_same_bytes(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.json", b"nonsense", b"[1]", good=100)
    for name in ("one", "two"):
        run(source, tmp_path / name, max_products=50)
    for file in ("products.parquet", "rejects.jsonl", "catalogue.json", "manifest.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"title": ""}, "missing_title"),
        ({"title": None}, "missing_title"),
        ({"title": " &nbsp; <br> "}, "missing_title"),
        ({"content": "--This text refers to thePaperbackedition."}, "missing_description"),
        ({"content": float("nan")}, "missing_description"),
        ({"content": []}, "missing_description"),
        ({"title": 1984}, "title_not_text"),
        ({"title": ["a list"]}, "title_not_text"),
        ({"content": {"text": "nested"}}, "description_not_text"),
        ({"content": ["text", 7]}, "description_not_text"),
        ({"content": True}, "description_not_text"),
        ({"uid": "0000000003"}, "duplicate_id"),
        ({"uid": "other", **{key: rows(4)[3][key] for key in ("title", "content")}}, "duplicate_product"),
    ],
)
def test_an_unusable_row_becomes_a_reject_with_file_line_and_reason(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    entries = rows(20)
    entries[10].update(change)
    summary = run(write_json(tmp_path / "a.json", entries))
    assert summary["rejected"] == {reason: 1}
    [reject] = rejects(tmp_path / "catalogue")
    assert (reject["file"], reject["line"], reject["reason"]) == ("a.json", 11, reason)


def test_missing_keys_and_lists_of_texts(tmp_path: Path) -> None:
    entries = rows(20)
    del entries[4]["content"], entries[5]["title"], entries[6]["uid"]
    entries[7]["content"] = ["Two", "sentences."]
    entries[8]["uid"] = 17
    summary = run(write_json(tmp_path / "a.json", entries))
    assert summary["rejected"] == {"missing_description": 1, "missing_title": 1}
    found = {row["line"]: row for row in products(tmp_path / "catalogue")}
    assert (found[7]["uid"], found[8]["description"], found[9]["uid"]) == ("row-7", "Two sentences.", "17")


def test_a_repeated_product_is_detected_despite_case_punctuation_and_markup(tmp_path: Path) -> None:
    entries = rows(20)
    again = {
        "uid": "z",
        "title": f"<b>{entries[2]['title'].upper()}!</b>",
        "content": entries[2]["content"].replace("; ", " – "),
    }
    run(write_json(tmp_path / "a.json", [*entries, again]))
    [reject] = rejects(tmp_path / "catalogue")
    assert reject["reason"] == "duplicate_product" and reject["detail"].startswith("line 3: ")


def test_bad_lines_of_every_kind_stop_nothing(tmp_path: Path) -> None:
    odd = [
        b"nonsense",
        b"[1, 2]",
        b'{"title": "\xff"}',
        b"[" * 10_000,
        b"",
        b'{"title": "' + b"x" * (17 << 20) + b'"}',
        b"\x00" * 50,
    ]
    summary = run(write_lines(tmp_path / "a.json", *odd))
    assert summary["kept"] == 20
    assert summary["rejected"] == {"invalid_json": 3, "invalid_utf8": 1, "line_too_long": 1, "not_an_object": 1}
    assert [reject["line"] for reject in rejects(tmp_path / "catalogue")] == [2, 4, 6, 8, 12, 14]


def test_details_are_short_and_plain(tmp_path: Path) -> None:
    entries = rows(20)
    entries[0]["title"], entries[1]["content"] = "evil \x1b[31m\u202e" + "long " * 1000, ""
    entries[1]["title"] = entries[0]["title"]
    run(write_json(tmp_path / "a.json", entries))
    [reject] = rejects(tmp_path / "catalogue")
    assert reject["detail"].startswith("evil [31mlong long") and len(reject["detail"]) == 200


def test_a_sample_is_random_seeded_and_never_the_first(tmp_path: Path) -> None:
    source = write_json(tmp_path / "a.json", rows(1000))
    summary = run(source, tmp_path / "one", max_products=100)
    assert summary["kept"] == 100 and summary["rejected"] == {"not_sampled": 900}
    lines = [row["line"] for row in products(tmp_path / "one")]
    assert lines == sorted(lines)
    assert lines[0] < 100 and lines[-1] > 900 and 350 < sum(lines) / 100 < 650
    run(source, tmp_path / "two", max_products=100, seed=7)
    assert lines != [row["line"] for row in products(tmp_path / "two")]


def test_a_sample_larger_than_the_file_is_all_of_it(tmp_path: Path) -> None:
    assert run(write_json(tmp_path / "a.json", rows(30)), max_products=500)["kept"] == 30


def test_a_sample_of_a_catalogue_moves_no_product_to_another_split(tmp_path: Path) -> None:
    source = write_json(tmp_path / "a.json", rows(600))
    run(source, tmp_path / "all")
    run(source, tmp_path / "some", max_products=300)
    splits = {row["uid"]: row["split"] for row in products(tmp_path / "all")}
    assert all(splits[row["uid"]] == row["split"] for row in products(tmp_path / "some"))


def test_the_split_of_a_product_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    entries = rows(300)
    for number in range(0, 300, 10):
        entries[number]["content"] = entries[number + 1]["content"]
    run(write_json(tmp_path / "a.json", entries), tmp_path / "one")
    random.Random(3).shuffle(entries)
    run(write_json(tmp_path / "b.json", entries), tmp_path / "two")
    one, two = ({row["uid"]: row["split"] for row in products(tmp_path / name)} for name in ("one", "two"))
    assert one == two
    assert all(one[f"{number:010d}"] == one[f"{number + 1:010d}"] for number in range(0, 300, 10))


def near_rows() -> list[dict[str, Any]]:
    chance = random.Random(0)
    words = [
        f"{first}{second}" for first in ("ka", "lo", "mi", "nu", "re", "su") for second in ("dan", "fel", "gor", "bis")
    ]
    entries = rows(400)
    for entry in entries:
        entry["content"] = " ".join(chance.choices(words, k=40))
    for number in range(0, 400, 4):  # the same text with one word changed, under another title
        changed = entries[number]["content"].split()
        changed[number % 40] = "other"
        entries[number + 1]["content"] = " ".join(changed)
    return entries


def test_near_duplicates_are_in_two_splits_only_if_detection_is_off(tmp_path: Path) -> None:
    source = write_json(tmp_path / "a.json", near_rows())
    straddling = {}
    for choice in ("off", "group"):
        assert run(source, tmp_path / choice, near_duplicates=choice)["kept"] == 400
        splits = [row["split"] for row in products(tmp_path / choice)]
        straddling[choice] = sum(splits[number] != splits[number + 1] for number in range(0, 400, 4))
    assert straddling["group"] == 0
    assert straddling["off"] > 10


def test_of_near_duplicates_only_the_first_that_stays_is_kept(tmp_path: Path) -> None:
    entries = near_rows()
    entries[8]["uid"] = entries[3]["uid"]  # is left out itself, so that the next one is kept
    summary = run(write_json(tmp_path / "a.json", entries), near_duplicates="drop")
    assert summary["rejected"] == {"duplicate_id": 1, "near_duplicate": 99}
    assert summary["kept"] == 300
    found = [reject for reject in rejects(tmp_path / "catalogue") if reject["reason"] == "near_duplicate"]
    assert [reject["line"] for reject in found] == [number + 2 for number in range(0, 400, 4) if number != 8]
    assert found[1]["detail"] == f"line 5: {entries[5]['title']}"


def test_shares_are_settings(tmp_path: Path) -> None:
    summary = run(write_json(tmp_path / "a.json", rows(400)), validation_share=0, test_share=0.5)
    assert summary["split"]["validation"] == 0 and 150 < summary["split"]["test"] < 250


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    source = write_json(tmp_path / "a.json", rows(5000))
    seen: list[tuple[int, int]] = []
    prepare(source, tmp_path / "c", PrepareSettings(), lambda done, total: seen.append((done, total)))
    size = source.stat().st_size
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)
    assert len(seen) < 400


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b"", "is empty (0 bytes)"),
        ("a.json", b"\n \n", "holds no rows"),
        ("a.csv", b"title,content\n", "holds no rows"),
        ("a.json", b"\x7fELF" + b"\x00" * 5000, "is binary"),
        ("a.json", b"[1]\n[2]\nx\n", "2 of 3 have not_an_object, the first in line 1: a JSON array"),
        (
            "a.json",
            b'{"title": "a", "content": ""}\n' * 12,
            "12 of 12 have missing_description, the first in line 1: a",
        ),
        ("a.csv", b"Name,Prosa\na,b\n", "no description column (content, description, body"),
        ("a.json", json_lines(rows(3)), "gives 3 usable products and at least 10 are needed"),
        ("a.json", json_lines([{**rows(1)[0], "uid": n} for n in range(12)]), "gives 1 usable products"),
        (
            "a.json",
            json_lines([{**row, "title": "same"} for row in rows(12)]),
            "All products share a title or a description",
        ),
    ],
)
def test_an_unusable_file_is_reported_in_one_line_and_leaves_the_old_catalogue(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    folder = tmp_path / "catalogue"
    run(write_json(tmp_path / "good.json", rows(20)))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        run(tmp_path / name)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not list(tmp_path.glob(".catalogue.staging"))


def test_half_a_gzip_makes_no_catalogue(tmp_path: Path) -> None:
    source = write_gzip(tmp_path / "a.json.gz", json_lines(rows(20_000)))
    source.write_bytes(source.read_bytes()[:-1000])
    with pytest.raises(UnreadableInput, match="is truncated"):
        run(source)
    assert not (tmp_path / "catalogue").exists() and not (tmp_path / ".catalogue.staging").exists()


def test_a_sample_of_too_few_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooFewProducts, match="--max-products must be at least 10"):
        run(write_json(tmp_path / "a.json", rows(50)), max_products=5)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable):
        run(write_json(tmp_path / "a.json", rows(20)), tmp_path / "file" / "catalogue")


def test_two_writers_are_kept_apart(tmp_path: Path) -> None:
    source = write_json(tmp_path / "a.json", rows(20))
    with lock(tmp_path / "catalogue", "prepare"), pytest.raises(Busy):
        run(source)


@pytest.mark.skipif(not REAL_ROWS.is_file(), reason="the 241 real rows of AmazonTitles are not beside this checkout")
def test_real_rows(tmp_path: Path) -> None:
    summary = run(REAL_ROWS, tmp_path / "real")
    assert (summary["read"], summary["kept"], summary["rejected"]) == (241, 239, {"missing_description": 2})
    assert [reject["line"] for reject in rejects(tmp_path / "real")] == [4, 238]
    for row in products(tmp_path / "real"):
        text = f"{row['title']} {row['description']}"
        assert not any(debris in text for debris in ("This text refers", "&#", "&quot;", "&mdash;", "  ", "\n", "\x92"))


def test_the_first_records_are_kept_as_they_stand_in_the_file(tmp_path: Path) -> None:
    rows = [{"title": f"Oak &amp; peg {number}", "content": f"Holds {number} coats"} for number in range(12)]
    source = tmp_path / "pegs.jsonl"
    source.write_text("\n" + "".join(json.dumps(row) + "\n" for row in rows))
    assert run(source)["raw"] == [
        {"line": 2, "text": json.dumps(rows[0])},
        {"line": 3, "text": json.dumps(rows[1])},
    ]


def test_a_file_is_opened_for_its_beginning_its_encoding_and_then_once_for_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [
        write_json(tmp_path / "a.json", rows(20)),
        write_delimited(tmp_path / "a.csv", rows(20), ","),
        write_gzip(tmp_path / "a.json.gz", (tmp_path / "a.json").read_bytes()),
    ]
    openings: list[Path] = []
    plain = packed._open

    def noted(source: Path) -> IO[bytes]:
        openings.append(source)
        return plain(source)

    monkeypatch.setattr(packed, "_open", noted)
    for source in sources:
        run(source)
        assert openings.count(source) == 3


def test_attributes_are_read_cleaned_and_bounded(tmp_path: Path) -> None:
    rows = [
        {
            "title": f"Beech Peg {number}",
            "content": f"Peg {number} of beech.",
            "material": "  oiled&nbsp;beech ",
            "Specifications": {"length": number, "Made in": "Wales", "price": 3, "link": "https://a.example/b"},
            "features": ["hangs", "holds"],
            "stock": 7,
        }
        for number in range(20)
    ]
    rows[3] |= {"material": "x" * 100_000, "Specifications": {f"part {one}": "y" for one in range(5000)}}
    rows[4] |= {"material": None, "Specifications": None, "features": []}
    rows[5] |= {"material": "</script>\0", "Specifications": [{"name": "Material", "value": "ash"}, {"x": {"y": 1}}]}
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    settings = PrepareSettings(near_duplicates="off")
    summary = prepare(source, tmp_path / "some", settings)
    products = Catalogue.open(tmp_path / "some").products()
    assert products[0].attributes == (
        ("material", "oiled beech"), ("length", "0"), ("Made in", "Wales"), ("features", "hangs, holds")
    )  # fmt: skip
    assert products[3].attributes[0] == ("material", "x" * 200)
    assert len(products[3].attributes) == 40
    assert products[4].attributes == ()
    assert products[5].attributes == (("Material", "ash"), ("features", "hangs, holds"))
    assert summary["attributes_cut"] == {"long_values": 1, "too_many": 1000 - 39 + 1}
    assert summary["columns"]["attributes"] == ["material", "Specifications", "features"]
    prepare(source, tmp_path / "all", settings.replace({"attributes": "all"}))
    assert Catalogue.open(tmp_path / "all").products() == products
    none = prepare(source, tmp_path / "none", settings.replace({"attributes": "none"}))
    assert all(one.attributes == () for one in Catalogue.open(tmp_path / "none").products())
    assert none["data_hash"] != summary["data_hash"]
    prepare(source, tmp_path / "named", settings.replace({"attributes": "features, MATERIAL"}))
    named = Catalogue.open(tmp_path / "named").products()
    assert named[0].attributes == (("features", "hangs, holds"), ("material", "oiled beech"))
    with pytest.raises(UnreadableInput, match=r"no column 'weave' \(--attributes\); its columns are: title, content"):
        prepare(source, tmp_path / "wrong", settings.replace({"attributes": "material,weave"}))


def test_a_handle_and_a_rating_are_properties_in_a_list_of_attributes_and_none_as_columns() -> None:
    pairs = [("handle", "oiled beech"), ("waterproof rating", "3,000 mm"), ("average_rating", "4.5"), ("price", "3")]
    kept, _ = keep_attributes(pairs)
    assert kept == (("handle", "oiled beech"), ("waterproof rating", "3,000 mm"))
    columns = find_attribute_columns(["title", "handle", "store rating", "colour"], "all", ["title"])
    assert [one.column for one in columns] == ["colour"]


def test_a_catalogue_from_before_there_were_attributes_still_opens(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(json.dumps({"title": f"Peg {one}", "content": f"Beech {one}."}) for one in range(20)))
    prepare(source, tmp_path / "old", PrepareSettings())
    path = tmp_path / "old" / "products.parquet"
    before = Catalogue.open(tmp_path / "old").products()
    pq.write_table(pq.read_table(path).drop_columns(["attributes"]), path)
    assert Catalogue.open(tmp_path / "old").products() == before


def write_ids(path: Path, ids: list[str]) -> Path:
    lines = [f"{one},Peg {number},Holds {number} coats." for number, one in enumerate(ids)]
    path.write_text("\n".join(["id,title,description", *lines]) + "\n")
    return path


def test_ids_that_repeat_on_different_titles_are_none(tmp_path: Path) -> None:
    path = write_ids(tmp_path / "a.csv", ["4.00638E+12"] * 5 + [str(one) for one in range(15)])
    summary = run(path)
    assert (summary["kept"], summary["rejected"]) == (20, {})
    assert summary["columns"]["id"] is None
    assert summary["no_id"] == {"column": "id", "rows": 4}
    assert [row["uid"] for row in products(tmp_path / "catalogue")] == [f"row-{line}" for line in range(2, 22)]


def test_a_few_ids_that_repeat_are_rejects(tmp_path: Path) -> None:
    summary = run(write_ids(tmp_path / "a.csv", ["0", *map(str, range(39))]))
    assert (summary["rejected"], summary["no_id"]) == ({"duplicate_id": 1}, {})


def test_ids_that_are_asked_for_are_taken_or_not(tmp_path: Path) -> None:
    path = write_ids(tmp_path / "a.csv", ["0"] * 10 + [str(one) for one in range(1, 21)])
    summary = run(path, id_field="id")
    assert (summary["rejected"], summary["columns"]["id"]) == ({"duplicate_id": 9}, "id")
    summary = run(path, id_field="none")
    assert (summary["kept"], summary["columns"]["id"], summary["no_id"]) == (30, None, {})


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ([], r"give a larger file\.$"),
        (
            [{"title": f"Peg {number}"} for number in range(20)],
            r": 20 rows have missing_description, the first in line",
        ),
        (
            [{"title": "Peg 1", "content": "Holds coat 1 well."}] * 20,
            r": 20 rows repeat others \(left out: 20 duplicates\); give a file of different products",
        ),
    ],
)
def test_too_few_products_are_refused_with_the_reason(
    tmp_path: Path, left_out: list[dict[str, str]], words: str
) -> None:
    good = [{"title": f"Peg {number}", "content": f"Holds coat {number} well."} for number in range(3)]
    path = write_json(tmp_path / "a.jsonl", good + left_out)
    with pytest.raises(TooFewProducts, match=words) as refused:
        prepare(path, tmp_path / "catalogue", PrepareSettings())
    assert ("larger" in str(refused.value)) == (not left_out)


def write_texts(path: Path, text: str) -> Path:
    products = [{"title": f"Cabide {number}", "content": text.format(number)} for number in range(12)]
    path.write_text("".join(json.dumps(one) + "\n" for one in products))
    return path


PORTUGUESE = "Um cabide para os {} casacos da casa, com dois parafusos."


@pytest.mark.parametrize(("language", "code"), [(None, "pt"), ("en-GB", "en"), ("pt_BR", "pt"), ("eu", "eu")])
def test_the_language_is_found_in_the_texts_and_can_be_named(tmp_path: Path, language: str | None, code: str) -> None:
    assert run(write_texts(tmp_path / "a.jsonl", PORTUGUESE), language=language)["language"] == code
    assert Catalogue.open(tmp_path / "catalogue").language == code


def test_texts_without_words_are_taken_as_english_as_is_a_catalogue_of_an_earlier_version(tmp_path: Path) -> None:
    assert run(write_texts(tmp_path / "a.jsonl", "Carvalho {} cm"))["language"] == ""
    assert Catalogue.open(tmp_path / "catalogue").language == "en"
    assert Catalogue(tmp_path, {}).language == "en"


def test_a_language_that_is_no_code_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="language must be a code such as en or pt-BR, got 'Portuguese'"):
        run(write_texts(tmp_path / "a.jsonl", PORTUGUESE), language="Portuguese")
    assert not (tmp_path / "catalogue").exists()
