"""Publishing cannot hurt: what is written, what is left out and why, and what is refused in one line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from shelftalk.catalogue.settings import FileSettings
from shelftalk.errors import Failure, NotFound, UnreadableInput, UserError
from shelftalk.publishing import plain
from shelftalk.publishing.publish import publish
from shelftalk.publishing.settings import PublishSettings
from shelftalk.records import AcceptedText
from shelftalk.workspace import sha256
from tests import forks
from tests.catalogue.exports import shopify, woocommerce, write_table
from tests.publishing.accepted import accept

PLAIN = PublishSettings(format="plain")


def products(count: int, **cells: str) -> list[dict[str, str]]:
    return [
        {"id": f"p{n}", "title": f"Oak Peg {n}", "description": "", "price": f"{n}.50", **cells} for n in range(count)
    ]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    return write_table(path, list(rows[0]), rows)


def text(number: int) -> str:
    return f"Peg {number} of oak."


def only(accepted: Sequence[AcceptedText], **changes: Any) -> list[AcceptedText]:
    """Return the accepted texts with the first one changed."""
    first = {name: getattr(accepted[0], name) for name in AcceptedText.__slots__}
    return [AcceptedText(**{**first, **changes}), *accepted[1:]]


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def test_a_description_that_a_person_wrote_is_kept_unless_asked(tmp_path: Path) -> None:
    rows = products(3)
    rows[1]["description"] = "By hand."
    source = write(tmp_path / "a.csv", rows)
    found = publish(source, tmp_path / "b.csv", accept(source, text))
    assert (found["written"], found["kept"]) == (2, 1)
    assert [row["description"] for row in read(tmp_path / "b.csv")] == [text(0), "By hand.", text(2)]
    assert [row["id"] for row in read(tmp_path / "b.restore.csv")] == ["p0", "p2"]

    found = publish(source, tmp_path / "c.csv", accept(source, text), overwrite=True)
    assert (found["written"], found["kept"]) == (3, 0)
    assert read(tmp_path / "c.restore.csv") == rows


def test_the_restore_file_gives_back_the_old_texts(tmp_path: Path) -> None:
    rows = products(4)
    rows[1]["description"] = 'Two lines,\n"quoted".'
    source = write(tmp_path / "a.csv", rows)
    publish(source, tmp_path / "b.csv", accept(source, text, every=2), overwrite=True)
    publish(source, tmp_path / "c.csv", accept(source, text), overwrite=True)
    assert (tmp_path / "c.restore.csv").read_bytes() == source.read_bytes()
    assert read(tmp_path / "b.restore.csv") == rows[::2]


def test_a_dry_run_shows_counts_and_ten_examples_and_writes_nothing(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", products(30, description="<p>Old &amp; long</p>"))
    found = publish(source, tmp_path / "b.csv", accept(source, text), overwrite=True, dry_run=True)
    assert found["written"] == 30 and found["dry_run"]
    assert found["target"] is None and found["restore"] is None
    assert found["examples"] == [{"id": f"p{n}", "old": "Old & long", "new": text(n)} for n in range(10)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz"])
def test_a_second_publish_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / "a.csv", products(9))
    found = publish(source, tmp_path / name, accept(source, text))
    written = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert publish(source, tmp_path / name, accept(source, text)) == found
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == written
    assert Path(found["restore"]).name == name.replace("b.", "b.restore.")
    if name.endswith(".gz"):
        assert gzip.decompress(written[tmp_path / name]).count(b"of oak") == 9


def test_another_file_is_never_replaced(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", products(3))
    for name in ("b.csv", "b.restore.csv"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(
            UserError, match=rf"{name} exists and holds something else; remove it or choose another --to"
        ):
            publish(source, tmp_path / "b.csv", accept(source, text))
        assert (tmp_path / name).read_text() == "mine"
        assert len(list(tmp_path.iterdir())) == 2
        (tmp_path / name).unlink()
    for target in (source, tmp_path / "." / "a.csv"):
        with pytest.raises(UserError, match="would replace the input"):
            publish(source, target, accept(source, text))
    (tmp_path / "x.restore.csv").symlink_to(source)
    with pytest.raises(UserError, match="would replace the input"):
        publish(source, tmp_path / "x.csv", accept(source, text))


def test_a_file_that_is_not_the_one_is_refused_and_its_products_are_found_by_id(tmp_path: Path) -> None:
    rows = products(6)
    source = write(tmp_path / "a.csv", rows)
    accepted, digest = accept(source, text), sha256(source)
    rows = [rows[5], *rows[1:5], {**rows[0], "id": "new", "title": "New"}]  # the first product vanished
    rows[2]["title"] = "Ash Peg 2"
    write(source, rows)
    with pytest.raises(
        UserError, match=r"is not the file that the texts were written for .*; give that file, or --by-id"
    ):
        publish(source, tmp_path / "b.csv", accepted, PLAIN, digest)
    assert not (tmp_path / "b.csv").exists()

    found = publish(source, tmp_path / "b.csv", accepted, PLAIN, digest, by_id=True)
    assert found["left_out"] == {"not_found": ["p0"], "changed": ["p2"]}
    texts = [row["description"] for row in read(tmp_path / "b.csv")]
    assert texts == [text(5), text(1), "", text(3), text(4), ""]


def test_rows_without_ids_are_found_by_a_title_that_is_not_repeated(tmp_path: Path) -> None:
    rows = [{"title": title, "description": ""} for title in ("Oak", "Ash", "Elm", "Ash")]
    source = write(tmp_path / "a.csv", rows)
    accepted = accept(source, text)
    found = publish(source, tmp_path / "b.csv", accepted, PLAIN, sha256(source))
    assert found["written"] == 4  # by their lines
    write(source, [{"title": title, "description": ""} for title in ("Elm", "Oak", "Oak", "Ash")])
    found = publish(source, tmp_path / "c.csv", accepted, PLAIN, "0" * 64, by_id=True)
    assert found["left_out"] == {"duplicate": ["line 5 (Ash)", "line 2 (Oak)", "line 3 (Ash)"]}
    assert [row["description"] for row in read(tmp_path / "c.csv")] == [text(2), "", "", ""]


def test_two_products_with_one_id_are_left_out_and_named(tmp_path: Path) -> None:
    source = shopify(tmp_path / "products_export.csv")
    content = source.read_bytes().replace(b"no-7,", b"no-8,")
    source.write_bytes(content)
    found = publish(source, tmp_path / "b.csv", accept(source), overwrite=True)
    assert (found["written"], found["left_out"]) == (28, {"duplicate": ["no-8", "no-8"]})
    assert "no-8" not in {row["Handle"] for row in read(tmp_path / "b.csv")}


def test_rows_with_one_id_are_filled_where_their_lines_are_known(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", products(4, id="parent"))
    accepted = accept(source, text)
    assert publish(source, tmp_path / "b.csv", accepted, PLAIN)["written"] == 4
    assert [row["description"] for row in read(tmp_path / "b.csv")] == [text(number) for number in range(4)]
    found = publish(source, tmp_path / "c.csv", accepted, PLAIN, by_id=True)
    assert (found["written"], found["left_out"]) == (0, {"duplicate": ["parent"] * 4})


def test_two_objects_of_one_line_with_one_id_are_left_out(tmp_path: Path) -> None:
    source = tmp_path / "a.json"
    objects = [{"id": uid, "title": f"Peg {uid}", "description": ""} for uid in ("a", "b", "a")]
    source.write_text(json.dumps(objects))
    found = publish(source, tmp_path / "b.json", accept(source, text)[:2])
    assert (found["written"], found["left_out"]) == (1, {"duplicate": ["a"]})
    assert [one["description"] for one in json.loads((tmp_path / "b.json").read_text())] == ["", text(1), ""]


# A file with control characters in it may be taken for a binary one, which is refused.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n", codec="utf-8"), max_size=20)


@given(
    st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.data(),
)
@settings(max_examples=60)
def test_whatever_a_table_holds_only_the_accepted_cells_change(
    cells: list[tuple[str, str]], delimiter: str, end: str, quoting: Literal[0, 1], data: st.DataObject
) -> None:
    rows = [[f"p-{number}", f"Oak Peg {number}", *both] for number, both in enumerate(cells)]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "a.csv", Path(folder) / "b.csv"
        with source.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(
                [["id", "title", "description", "notes"], *rows]
            )
        texts = [f"x{data.draw(TEXTS)}" for _ in rows]
        accepted = accept(source, texts.__getitem__)
        found = publish(source, target, accepted, PLAIN, overwrite=True)
        left = [name for names in found["left_out"].values() for name in names]
        written = {one.uid: one.text for one in accepted if one.uid not in left}
        assert found["written"] == len(written)
        if not written:
            return
        with target.open(encoding="utf-8", newline="") as file:
            after = list(csv.reader(file, delimiter=delimiter, strict=True))[1:]
    assert after == [[uid, title, written.get(uid, old), notes] for uid, title, old, notes in rows]


def test_a_line_that_holds_another_product_now_is_left_out(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", products(5))
    accepted = accept(source, text)
    changes: dict[str, list[dict[str, Any]]] = {
        "changed": [{"title": "Other"}, {"uid": "other"}],
        "not_found": [{"line": 99}],
    }
    for reason, several in changes.items():
        for number, one in enumerate(several):
            found = publish(source, tmp_path / f"{reason}{number}.csv", only(accepted, **one), PLAIN)
            assert (found["written"], list(found["left_out"])) == (4, [reason])


def test_a_text_that_cannot_be_written_is_left_out_and_named(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", products(6))
    texts = ["", "x" * 50_001, "a\x07b", "=1+1", "x" * 50_000, "fine"]
    found = publish(source, tmp_path / "b.csv", accept(source, texts.__getitem__))
    expected = {"empty": ["p0"], "too_long": ["p1"], "unwritable": ["p2"], "formula": ["p3"]}
    assert (found["written"], found["left_out"]) == (2, expected)
    assert [row["description"] for row in read(tmp_path / "b.csv")] == ["", "", "", "", *texts[4:]]

    texts = ["x" * 5_001, "x" * 5_000, "=1+1", "", "a\nb", "fine"]
    for name, written in (("c.tsv", 3), ("c.xml", 4)):
        found = publish(source, tmp_path / name, accept(source, texts.__getitem__), PublishSettings(format="google"))
        assert found["written"] == written
        assert found["left_out"].get("formula", []) == ([] if name == "c.xml" else ["p2"])


def test_a_text_like_a_formula_is_harmless_in_html(tmp_path: Path) -> None:
    source = woocommerce(tmp_path / "wc.csv")
    publish(source, tmp_path / "b.csv", accept(source, lambda number: "=1+1\\n"), overwrite=True)
    assert {row["Description"] for row in read(tmp_path / "b.csv")} == {"<p>=1+1&#92;n</p>"}


def test_nothing_is_written_where_nothing_remains(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", products(3, description="By hand."))
    found = publish(source, tmp_path / "b.csv", accept(source, text))
    assert (found["written"], found["kept"], found["target"]) == (0, 3, None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


DIALECTS = {
    "semicolons": (";", "\n", "utf-8", b""),
    "tabs and a mark": ("\t", "\r\n", "utf-8", b"\xef\xbb\xbf"),
    "windows": (",", "\r\n", "windows-1252", b""),
    "utf-16": (",", "\n", "utf-16-le", b"\xff\xfe"),
    "remarks above": (",", "\r\n", "utf-8", b"Our products\r\n\r\nas of today\r\n"),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_untouched_records_keep_their_bytes_in_every_dialect(tmp_path: Path, name: str) -> None:
    delimiter, end, encoding, head = DIALECTS[name]
    lines = [["id", "title", "description", "price"]]
    lines += [[f"p{n}", f"“Oak” Café {n}", '"a ""quoted"" text"' if n % 4 == 1 else "", f'"{n}"'] for n in range(20)]
    encoded = [end.join(["", delimiter.join(line)])[len(end) :] + end for line in lines]
    blank = 7  # a blank line, which is no record
    encoded[blank] += end
    source = tmp_path / "a.csv"
    source.write_bytes(head + "".join(encoded).encode(encoding))
    accepted = accept(source, lambda number: f"Peg {number}, “of oak”.", every=5)
    found = publish(source, tmp_path / "b.csv", accepted, PLAIN, overwrite=True)
    assert (found["written"], found["encoding"], found["converted_from"]) == (4, encoding, None)
    for number in range(0, 20, 5):
        old = '"a ""quoted"" text"' if number % 4 == 1 else ""
        cell = f"Peg {number}, “of oak”."
        quoted = f'"{cell}"' if delimiter == "," or old else cell
        encoded[number + 1] = encoded[number + 1].replace(
            f"{delimiter}{old}{delimiter}", f"{delimiter}{quoted}{delimiter}"
        )
    assert (tmp_path / "b.csv").read_bytes() == head + "".join(encoded).encode(encoding)
    restore = (tmp_path / "b.restore.csv").read_bytes()
    assert restore.startswith(head + encoded[0].encode(encoding))
    assert [one.uid for one in accept(tmp_path / "b.restore.csv", text)] == [f"p{n}" for n in range(0, 20, 5)]


def test_a_text_that_the_encoding_lacks_makes_the_file_utf_8_and_that_is_said(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    rows = "".join(f"p{n},Café São {n},\r\n" for n in range(9))
    source.write_bytes(f"id,title,description\r\n{rows}".encode("windows-1252"))
    found = publish(source, tmp_path / "b.csv", accept(source, lambda number: "Дуб."))
    assert (found["encoding"], found["converted_from"]) == ("utf-8", "windows-1252")
    assert [row["description"] for row in read(tmp_path / "b.csv")] == ["Дуб."] * 9
    assert (tmp_path / "b.restore.csv").read_bytes() == source.read_bytes()


def test_json_in_another_encoding_is_copied_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "CHUNK_BYTES", 5)
    objects = [{"id": f"p{n}", "title": f"Café São {n} ééé", "description": ""} for n in range(9)]
    for name, encoding in (("a.json", "windows-1252"), ("b.json", "utf-8"), ("c.json", "utf-16-le")):
        source, target = tmp_path / name, tmp_path / f"to-{name}"
        source.write_bytes(json.dumps(objects, ensure_ascii=False).encode(encoding))
        found = publish(source, target, accept(source, lambda number: "Größe.", every=4))
        assert (found["written"], found["encoding"]) == (3, encoding)
        after = json.loads(target.read_bytes().decode(encoding))
        assert after == [{**one, "description": "" if n % 4 else "Größe."} for n, one in enumerate(objects)]


def test_what_cannot_be_copied_byte_for_byte_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"id,title,description\r" + b"".join(b"p%d,Peg,\r" % n for n in range(9)))
    with pytest.raises(UnreadableInput, match="would change when it is copied; save it as UTF-8"):
        publish(source, tmp_path / "b.csv", accept(source, text), PLAIN)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_damaged_rows_stay_as_they_are(tmp_path: Path) -> None:
    rows = [f"p{number},Café Peg {number},,{number}\n".encode() for number in range(20)]
    rows[3] = b"p3,Caf\xff,,3\n"
    rows[5] = b'p5,"never closed,,5\n'
    rows[9] = b"p9,too,many,cells,here\n"
    source = tmp_path / "a.csv"
    source.write_bytes(b"id,title,description,price\n" + b"".join(rows))
    found = publish(source, tmp_path / "b.csv", accept(source, text))
    lines = (tmp_path / "b.csv").read_bytes().splitlines(keepends=True)[1:]
    assert found["written"] == 18
    assert [number for number, line in enumerate(lines) if line == rows[number]] == [3, 9]
    assert len(lines) == 20


@pytest.mark.parametrize(
    ("name", "given_settings", "error", "match"),
    [
        ("b.txt", {}, UserError, r"--to must end in \.csv for the plain input"),
        ("b.csv.zip", {}, UserError, r"cannot be written: give a name that ends in \.csv or with \.gz behind that"),
        ("no/b.csv", {}, NotFound, "There is no folder"),
        ("b.csv", {"format": "shopify"}, UserError, "has no columns Handle, Title and Body"),
        ("b.csv", {"format": "woocommerce"}, UserError, "is no export of WooCommerce"),
        ("b.csv", {"format": "google"}, UserError, r"--to must end in \.tsv or \.txt or \.xml for the format google"),
        ("b.csv", {"description_field": "text"}, UnreadableInput, "no column 'text'"),
    ],
)
def test_what_does_not_suit_is_refused_in_one_line(
    tmp_path: Path, name: str, given_settings: dict[str, str], error: type[UserError], match: str
) -> None:
    source = write(tmp_path / "a.csv", products(3))
    with pytest.raises(error, match=match) as raised:
        publish(source, tmp_path / name, accept(source, text), PublishSettings.from_mapping(given_settings))
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_feed_and_a_spreadsheet_are_not_filled_in_place(tmp_path: Path) -> None:
    source = tmp_path / "a.xml"
    items = "".join(f"<item><title>Peg {n}</title><description/></item>" for n in range(5))
    source.write_text(f"<rss><channel>{items}</channel></rss>")
    with pytest.raises(
        UserError, match="is a feed in XML, in which no single cell is replaced; give --format google, or"
    ):
        publish(source, tmp_path / "b.xml", [])


def test_the_export_of_a_shop_may_be_a_spreadsheet(tmp_path: Path) -> None:
    source = tmp_path / "products.xlsx"
    with xlsxwriter.Workbook(source) as book:
        sheet = book.add_worksheet()
        for row, line in enumerate(shopify(tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[:1]):
            sheet.write_row(row, 0, line.split(","))
        for row in range(1, 5):
            sheet.write_row(row, 0, [f"peg-{row}", f"Peg {row}"])
    found = publish(source, tmp_path / "b.csv", accept(source, text))
    assert (found["format"], found["written"]) == ("shopify", 4)
    assert [row["Body (HTML)"] for row in read(tmp_path / "b.csv")] == [f"<p>{text(number)}</p>" for number in range(4)]
    with pytest.raises(UserError, match="is a spreadsheet, in which no single cell is replaced"):
        publish(source, tmp_path / "b.xlsx", [], PLAIN)


def test_ids_are_needed_by_an_importer_that_finds_products_by_them(tmp_path: Path) -> None:
    rows = products(3)
    rows[1]["id"] = ""
    source = write(tmp_path / "a.csv", rows)
    found = publish(source, tmp_path / "b.tsv", accept(source, text), PublishSettings(format="google"))
    assert (found["written"], found["left_out"]) == (2, {"without_id": ["line 3 (Oak Peg 1)"]})
    with pytest.raises(UserError, match="has no column of ids; choose another --format"):
        publish(source, tmp_path / "c.tsv", [], PublishSettings(format="google", id_field="none"))


def test_the_file_is_read_as_generate_read_it(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("".join(f"p{n}|Peg {n}|\n" for n in range(5)))
    names = {"columns": "id,title,description", "delimiter": "|"}
    accepted = accept(source, text, file=FileSettings.from_mapping(names))
    publish(source, tmp_path / "b.csv", accepted, PublishSettings.from_mapping(names))
    assert (tmp_path / "b.csv").read_text() == "".join(f"p{n}|Peg {n}|{text(n)}\n" for n in range(5))
    assert (tmp_path / "b.restore.csv").read_text() == source.read_text()


def test_an_input_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", products(3))
    accepted = accept(source, text)

    def grow(done: int, total: int) -> None:
        with source.open("ab") as file:
            file.write(b"p9,Late,,1\n")

    with pytest.raises(Failure, match="changed while it was read; run the same command again"):
        publish(source, tmp_path / "b.csv", accepted, progress=grow)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def publish_and_die(source: Path, target: Path, step: int) -> None:
    """Publish, and be killed right before the file operation with that number."""
    left = step

    def counted(operation: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*arguments, **named)

        return call

    Path.open = counted(Path.open)  # type: ignore[method-assign]
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]
    Path.unlink = counted(Path.unlink)  # type: ignore[method-assign]
    publish(source, target, accept(source, text))


@pytest.mark.kill
def test_a_kill_at_any_step_leaves_whole_files_or_none(tmp_path: Path) -> None:
    source, target = write(tmp_path / "a.csv", products(50)), tmp_path / "b.csv"
    publish(source, target, accept(source, text))
    restore = tmp_path / "b.restore.csv"
    whole = {path: path.read_bytes() for path in (target, restore)}
    ended, seen = -1, set()
    for step in range(100):
        for path in whole:
            path.unlink(missing_ok=True)
        ended = forks.call(publish_and_die, source, target, step)
        there = {path for path in whole if path.exists()}
        assert all(path.read_bytes() == whole[path] for path in there)
        assert target not in there or restore in there
        seen.add(len(there))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert (ended, seen) == (0, {0, 1, 2})
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "b.csv", "b.restore.csv"}
