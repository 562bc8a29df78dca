"""The encoding of a file is found once for the whole file, and no product is lost for its accents."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.encodings import (
    LANGUAGES,
    SAMPLE_BYTES,
    AsUtf8,
    find_encoding,
    known_encoding,
    unusual_lines,
    wide_encoding,
)
from shelftalk.catalogue.files import opened
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.preview import preview
from shelftalk.catalogue.settings import FileSettings, PrepareSettings
from shelftalk.errors import UnreadableInput
from tests.catalogue.samples import rows, write_json

SPANISH = "Jarrón de cerámica «Piña», 30 cm. Hecho a mano con esmalte verde limón, más bonito con flores de jardín."
FRENCH = "Arrosoir en cuivre – un filet d’eau fin pour les semis. Planche à pain en chêne. Où l’été, à côté du poêle."
GERMAN = "Gießkanne aus Kupfer für Gärten. Öl größer Straße. Ein Brett mit Rille, schön geölt."
PORTUGUESE = "Tábua de pão de carvalho. Não é pequena; coração, ação, frigideira, pães, à mão."
SWEDISH = "Röd kopp av emalj. Går även på spisen. Ölglas för två."
ENGLISH = "Tern’s “sturdy” kettle – café-tested, it’s 2½ litres."
POLISH = "Konewka miedziana, 2 litry. Wąski strumień, żeby sadzonki zostały na miejscu. Łyżka, śruba, źródło, dąb."
CZECH = "Měděná konev. Úzký proud, aby sazenice zůstaly na místě. Dubové prkénko, žluťoučký kůň příliš."
HUNGARIAN = "Réz öntözőkanna, 2 liter. Vékony sugár. Tölgyfa kenyérvágó deszka, hosszú, fűtött, őszi."
ROMANIAN = "Stropitoare de cupru, 2 litri. Tăietor de lemn, pâine caldă, în grădină, mâner lung, răsad."
RUSSIAN = "Медная лейка, 2 литра. Тонкая струя, чтобы рассада осталась на месте. Дубовая доска для хлеба."
UKRAINIAN = "Мідна лійка, 2 літри. Тонкий струмінь, щоб розсада залишилася на місці. Її ґанок."
GREEK = "Χάλκινο ποτιστήρι, 2 λίτρα. Λεπτή ροή για τα φυτά. Ξύλινη επιφάνεια κοπής από δρυ."
TURKISH = "Bakır sulama kabı, 2 litre. İnce akış, fideler yerinde kalır. Meşe ekmek tahtası, güneş, çiçek, ağaç, ışık."
LITHUANIAN = "Varinis laistytuvas, 2 litrai. Plona srovė, kad daigai liktų vietoje. Ąžuolinė lentelė, šviesą, žiemą."
HEBREW = "משפך נחושת, 2 ליטר. זרם דק כדי שהשתילים יישארו במקומם. קרש לחם מעץ אלון."
ARABIC = "إبريق سقي نحاسي، لتران. تدفق رفيع حتى تبقى الشتلات في مكانها. لوح خبز من خشب البلوط."
JAPANESE = "銅のじょうろ、2リットル。苗が動かないように細く注ぎます。オークのパンボード。"
CHINESE = "铜制浇水壶,2公升。水流细慢,幼苗不会移位。橡木面包板,可放下一条面包。"
KOREAN = "구리 물뿌리개, 2리터. 모종이 제자리에 있도록 가늘게 나옵니다. 참나무 도마."
THAI = "บัวรดน้ำทองแดง 2 ลิตร กระแสน้ำบางเพื่อให้ต้นกล้าอยู่กับที่ แผ่นไม้โอ๊กสำหรับขนมปัง"
WRITTEN = [
    *((text, "windows-1252") for text in (SPANISH, FRENCH, GERMAN, PORTUGUESE, SWEDISH, ENGLISH)),
    *((text, "windows-1250") for text in (POLISH, CZECH, HUNGARIAN, ROMANIAN)),
    (POLISH, "iso-8859-2"),
    (CZECH, "ibm852"),
    (RUSSIAN, "windows-1251"),
    (RUSSIAN, "koi8-r"),
    (RUSSIAN, "ibm866"),
    (UKRAINIAN, "windows-1251"),
    (UKRAINIAN, "koi8-u"),
    (GREEK, "windows-1253"),
    (TURKISH, "windows-1254"),
    (LITHUANIAN, "windows-1257"),
    (HEBREW, "windows-1255"),
    (ARABIC, "windows-1256"),
    (GERMAN, "ibm850"),
    (PORTUGUESE, "macintosh"),
    (JAPANESE, "cp932"),
    (JAPANESE, "euc_jp"),
    (CHINESE, "gb18030"),
    (KOREAN, "cp949"),
    (THAI, "cp874"),
    *((text, name) for text in (SPANISH, RUSSIAN, CHINESE) for name in ("utf-8", "utf-16-le", "utf-16-be")),
    (SPANISH, "utf-32-le"),
    (RUSSIAN, "utf-32-be"),
]


def write(path: Path, text: str, encoding: str, mark: bytes = b"") -> Path:
    """Write a CSV file of products; the last twelve have this text, and what is before them nothing beyond ASCII."""
    rows = [f'{number},Peg {number},"{text if number > 2 else "Plain."} No. {number}"' for number in range(15)]
    path.write_bytes(mark + "\n".join(["id,title,description", *rows, ""]).encode(encoding))
    return path


@pytest.mark.parametrize(("text", "encoding"), WRITTEN)
def test_a_text_is_read_as_it_was_written(tmp_path: Path, text: str, encoding: str) -> None:
    path = write(tmp_path / "a.csv", text, encoding)
    with opened(path) as file:
        assert (file.kind, file.stream.read().decode()) == ("csv", path.read_bytes().decode(encoding))
    assert preview(path).columns == ["id", "title", "description"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_mark_says_what_a_file_is_and_is_no_part_of_it(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.csv", "Plain", encoding, "\ufeff".encode(encoding))
    with opened(path) as file:
        assert file.encoding == encoding
        assert file.stream.read().startswith(b"id,title,")


def test_a_few_letters_are_enough(tmp_path: Path) -> None:
    for word in ("café", "größer", "It’s"):
        assert find_encoding(f"One {word} in it\n".encode("cp1252")) == "windows-1252"


def test_a_single_strange_byte_is_damage_and_no_encoding(tmp_path: Path) -> None:
    assert find_encoding(b'{"title": "\xff"}\n') == "utf-8"
    assert find_encoding(b"caf\xe9\n" + "Größe\n".encode() * 2) == "utf-8"
    assert find_encoding(b"") == "utf-8"


def test_every_row_of_a_report_in_windows_1252_is_kept(tmp_path: Path) -> None:
    entries = [{"title": f"Jarrón {number}", "description": f"{SPANISH} {number}"} for number in range(12)]
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(lines.encode("cp1252")))
    summary = prepare(path, tmp_path / "catalogue", PrepareSettings())
    assert (summary["read"], summary["kept"]) == (12, 12)
    assert summary["source"]["encoding"] == "windows-1252"


def test_a_damaged_row_of_a_file_in_utf_8_is_left_out_alone(tmp_path: Path) -> None:
    rows = [f"Peg {number},Größe {number}\n".encode() for number in range(12)]
    (tmp_path / "a.csv").write_bytes(b"".join([b"title,description\n", *rows, b"Peg,Gr\xf6\xdfe\n"]))
    summary = prepare(tmp_path / "a.csv", tmp_path / "catalogue", PrepareSettings())
    assert (summary["kept"], summary["rejected"]) == (12, {"invalid_utf8": 1})


def test_a_byte_that_an_encoding_lacks_stays_damage(tmp_path: Path) -> None:
    rows = [f"Peg {number};{SPANISH} {number}\n".encode("cp1252") for number in range(12)]
    (tmp_path / "a.csv").write_bytes(b"".join([b"title;description\n", *rows, b"Peg;\x81 damaged\n"]))
    summary = prepare(tmp_path / "a.csv", tmp_path / "catalogue", PrepareSettings())
    assert (summary["kept"], summary["rejected"]) == (12, {"invalid_utf8": 1})


def test_the_encoding_that_is_asked_for_is_used(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", SPANISH, "windows-1252")
    with opened(path, FileSettings(encoding="iso-8859-2")) as file:
        assert file.stream.read().decode() == path.read_bytes().decode("iso-8859-2")
    marked = write(tmp_path / "b.csv", SPANISH, "utf-8", b"\xef\xbb\xbf")
    with opened(marked, FileSettings(encoding="UTF8")) as file:
        assert file.stream.read() == marked.read_bytes()[3:]


@pytest.mark.parametrize(
    "name", ["utf-7", "UTF7", "idna", "zip", "rot13", "unicode_escape", "no such", "", "a\0b", "utf8\n"]
)
def test_what_is_no_encoding_of_text_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.csv", SPANISH, "utf-8")
    with (
        pytest.raises(UnreadableInput, match=r"There is no encoding .*; give one such as utf-8"),
        opened(path, FileSettings(encoding=name)),
    ):
        pass


def test_each_name_is_the_one_that_is_written() -> None:
    for name in ("utf-8", *LANGUAGES):
        assert known_encoding(name) == known_encoding(name.upper()) == name
    assert known_encoding("latin-1") == known_encoding("ascii") == "windows-1252"


@given(st.binary(max_size=300), st.integers(1, 40))
def test_what_is_read_does_not_depend_on_the_blocks(content: bytes, size: int) -> None:
    for name in ("windows-1252", "utf-16-le", "gb18030"):
        whole = AsUtf8(io.BytesIO(content), name).readall()
        stream = io.BufferedReader(AsUtf8(io.BytesIO(content), name), size)
        assert b"".join(iter(lambda stream=stream: stream.read(3), b"")) == whole  # type: ignore[misc]


@given(st.lists(st.binary(max_size=60)))
def test_the_sample_has_the_unusual_lines_only(blocks: list[bytes]) -> None:
    found = unusual_lines(blocks)
    # The beginning of a line may be missing where a block ended in it, but nothing beyond ASCII.
    assert [byte for byte in found if byte > 127] == [byte for byte in b"".join(blocks) if byte > 127]
    assert known_encoding(find_encoding(found))


def test_the_sample_is_bounded() -> None:
    assert len(unusual_lines(["é".encode() * SAMPLE_BYTES] * 3)) == SAMPLE_BYTES
    read: list[int] = []
    assert unusual_lines(read.append(1) or b"a" * (1 << 20) for _ in range(200)) == b""  # type: ignore[func-returns-value]
    assert len(read) == 64


@given(st.binary(max_size=200))
def test_few_zeros_are_damage(content: bytes) -> None:
    assert wide_encoding(content.replace(b"\0", b"")) == ""
    assert wide_encoding(b"id,title\n1,a\0b\n" + content.replace(b"\0", b"")) == ""


@pytest.mark.parametrize("text", ["Borsa;Di alta qualità\nSedia;Grande comodità\nLampada;Una novità\n", "Café\n"])
def test_a_letter_at_the_end_of_a_line_is_no_cut_character(text: str) -> None:
    assert find_encoding(text.encode("cp1252")) == "windows-1252"


def test_damage_in_a_file_of_one_line_is_damage() -> None:
    line = "[" + ", ".join(json.dumps({"title": GERMAN}, ensure_ascii=False) for _ in range(20)) + "]"
    assert find_encoding(line.encode() + b"\xff\xe9") == "utf-8"


def test_several_languages_are_of_one_encoding() -> None:
    text = "\n".join((ENGLISH, FRENCH, GERMAN, SWEDISH, PORTUGUESE))
    assert find_encoding(text.encode("cp1252")) == "windows-1252"


def test_turkish_with_few_letters_of_its_own_is_turkish() -> None:
    text = "Kırmızı halı\nSarı ışık\nBakır kapı\n"
    assert text.encode("cp1254").decode(find_encoding(text.encode("cp1254"))) == text


@pytest.mark.parametrize(
    "declared", ["hz", "iso2022_jp", "raw-unicode-escape", "raw_unicode_escape", "utf-7", "punycode"]
)
def test_a_declared_encoding_that_hides_characters_is_not_believed(declared: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>\n'.encode()
    sample = "<title>Café ~z größer</title>\n".encode("cp1252")
    assert find_encoding(sample, head) == "windows-1252"
    AsUtf8(io.BytesIO(head + sample), "windows-1252").readall().decode()


@pytest.mark.parametrize("overlong", [b"\xc0\xbc", b"\xe0\x80\xbc", b"\xf0\x80\x80\xbc"])
def test_a_letter_with_more_bytes_than_it_needs_is_damage(tmp_path: Path, overlong: bytes) -> None:
    assert find_encoding(b"<title>Peg " + overlong + b"b></title>\n" + overlong) == "utf-8"
    path = write_json(tmp_path / "a.jsonl", rows(12))
    path.write_bytes(path.read_bytes() + b'{"title": "Peg' + overlong + b'", "content": "Holds a coat."}\n')
    summary = prepare(path, tmp_path / "catalogue", PrepareSettings())
    assert (summary["kept"], summary["rejected"]) == (12, {"invalid_utf8": 1})
