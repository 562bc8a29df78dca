"""Find the encoding of a file of text once for the whole file, and read the file as UTF-8.

Encodings are named as IANA names them. A file with a byte order mark, or with the zero bytes of UTF-16 or UTF-32, says
what it is. Otherwise the lines of a sample that hold more than ASCII decide: if they have as many characters of UTF-8
as faults, the file is in it, and the faults are damage. If not, it is in one of the older encodings: in the one that
its XML declaration names, or else in the one in which the letters are those of one language, or nearly as well of
several, and capitals stand at the beginning of words. Only where none fits, as for Chinese, charset-normalizer decides.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO

UTF_8 = "utf-8"
DECLARED = re.compile(rb"<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
DECLARATION_BYTES = 4096  # in which an XML declaration is searched
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
ZEROS_SEEN = 4096  # bytes whose zeros tell UTF-16 and UTF-32
FEWEST_ZEROS = 8  # below which they are damage
SAMPLE_BYTES = 32_768  # of lines with more than ASCII
SCANNED_BYTES = 64 << 20  # of a file that are searched for such lines
BLOCK_BYTES = 1 << 20
SEVERAL = 0.95  # what the letters of several languages count
WELL = 0.9  # share of the characters that fit a language
FEW_BYTES = 4  # beyond ASCII: fewer fit many encodings, and then only the usual one is tried
STATISTICS_BYTES = 12  # beyond ASCII, below which statistics say nothing

ONE_BYTE = re.compile(r"cp\d+|iso8859-\d+|koi8-[rtu]|mac-\w+|tis-620|hp-roman8|kz1048|ptcp154|ascii")
SEVERAL_BYTES = frozenset(
    (
        *(UTF_8, "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
        *("gb18030", "gbk", "gb2312", "big5", "cp950", "cp932", "shift_jis", "euc_jp", "cp949", "euc_kr"),
    )
)

WESTERN = (
    *("áéíóúüñ¿¡ªº", "àâæçéèêëîïôœùûü", "äöüß", "áâãàçéêíóôõúüºª", "àèéìíòóù", "åäöé", "æøåé", "ëïéèöü"),
    "·çàèéíïòóúü",
)
CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţșț", "čćđšž")
CYRILLIC = (
    "абвгдежзийклмнопрстуфхцчшщъыьэюяё№",
    "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя№",
    "абвгдђежзијклљмнњопрстћуфхцчџш",
)
GREEK = ("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",)
# Of two encodings that fit equally well the first is taken.
LANGUAGES = {
    "windows-1252": WESTERN,
    "windows-1250": CENTRAL,
    "windows-1255": ("אבגדהוזחטיךכלםמןנסעףפץצקרשת",),
    "windows-1251": CYRILLIC,  # behind Hebrew: its small letters have the bytes of all Hebrew ones
    "windows-1253": GREEK,
    "windows-1254": ("çğıöşüâîû",),
    "windows-1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),
    "windows-1256": ("ءآأؤإئابةتثجحخدذرزسشصضطظعغـفقكلمنهوىيًٌٍَُِّْ،؛؟",),
    "iso-8859-2": CENTRAL,
    "iso-8859-7": GREEK,
    "koi8-r": CYRILLIC[:1],
    "koi8-u": CYRILLIC[1:2],
    "macintosh": WESTERN,
    "ibm850": WESTERN,
    "ibm852": CENTRAL,
    "ibm866": CYRILLIC[:1],
}
USUAL = ("windows-1252",)
# An encoding, the letters that only its language has, and their least share: Japanese has many Chinese ones besides.
SCRIPTS = (
    ("cp932", "[\u3041-\u30fa]", 0.2),
    ("euc_jp", "[\u3041-\u30fa]", 0.2),
    ("cp949", "[\uac00-\ud7a3]", 0.9),
)
# Without one alphabet, or with too many accents: here charset-normalizer decides.
OTHERS = ("gb18030", "big5", "cp874", "windows-1258", *(name for name, _, _ in SCRIPTS))
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LATIN = "\u024f"  # the last letter of the Latin blocks
TYPOGRAPHY = frozenset("’‘“”‚„–—…•«»‹›€£§©®™°½¼¾×²³±µ´\u00a0")
BETWEEN_LETTERS = frozenset("’´")
OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}")  # of UTF-8
FAULT = "\ufffd"
UNUSUAL = re.compile(r"[^\x00-\x7f]")


def encoding_of_mark(head: bytes) -> tuple[str, int]:
    """Return the encoding that a byte order mark at the beginning of `head` names, and its length; ("", 0) for none."""
    return next(((name, len(mark)) for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), ("", 0))


def wide_encoding(head: bytes) -> str:
    """Return UTF-16 or UTF-32 where the zero bytes of `head`, the beginning of a file without a mark, say so, or ''."""
    head = head[:ZEROS_SEEN]
    zeros = [head[place::4].count(0) for place in range(4)]
    if sum(zeros) < FEWEST_ZEROS:
        return ""
    quarter = max(len(head) // 4, 1)
    share = [count / quarter for count in zeros]
    if min(share[2:]) > 0.95:
        return "utf-32-le"
    if min(share[:2]) > 0.95:
        return "utf-32-be"
    first, second = share[0] + share[2], share[1] + share[3]
    # Letters of other scripts have no zero byte; spaces, commas and line ends have.
    if max(first, second) > 0.02 and min(first, second) < 0.2 * max(first, second):
        return "utf-16-le" if second > first else "utf-16-be"
    return ""


def unusual_lines(blocks: Iterable[bytes]) -> bytes:
    """Return lines of a text that hold more than ASCII, at most `SAMPLE_BYTES` from its first `SCANNED_BYTES`."""
    found: list[bytes] = []
    size = scanned = 0
    rest = b""
    for block in blocks:
        scanned += len(block)
        if not (block.isascii() and rest.isascii()):
            *lines, rest = (rest + block).splitlines(keepends=True)
            for line in lines:
                if not line.isascii() and size < SAMPLE_BYTES:
                    found.append(line[: SAMPLE_BYTES - size])
                    size += len(found[-1])
            rest = rest[:SAMPLE_BYTES]
        if size >= SAMPLE_BYTES or scanned >= SCANNED_BYTES:
            break
    if not rest.isascii() and size < SAMPLE_BYTES:
        found.append(rest[: SAMPLE_BYTES - size])
    return b"".join(found)


def find_encoding(sample: bytes, head: bytes = b"") -> str:
    """Return the encoding of a text without a mark, from its beginning and lines that hold more than ASCII.

    `sample` are such lines, see `unusual_lines`. Of the beginning only an XML declaration counts.
    """
    if OVERLONG.sub(b"", sample).isascii():
        return UTF_8  # damaged, or made to harm: two letters that seldom follow one another in other encodings
    text = sample.decode(errors="replace")
    faults = text.count(FAULT) - sample.count(FAULT.encode())
    if len(UNUSUAL.findall(text)) >= 2 * faults:
        return UTF_8
    declared = DECLARED.search(head[:DECLARATION_BYTES])
    named = known_encoding(declared[1].decode()) if declared else ""
    if named and not named.startswith("utf-"):
        return named
    unusual = sum(byte > 0x7F for byte in sample)
    names = LANGUAGES if unusual >= FEW_BYTES else USUAL
    found, fits = max(((name, _fits(sample, name)) for name in names), key=lambda one: one[1])
    if fits >= WELL:
        return found
    if spelt := next((name for name, letters, share in SCRIPTS if _share(sample, name, letters) >= share), ""):
        return spelt
    return (_by_statistics(sample) if unusual >= STATISTICS_BYTES else "") or UTF_8


def known_encoding(name: str) -> str:
    """Return an encoding's name as this module writes it; '' where Python knows none of that name, or it is refused.

    Taken are UTF-8, UTF-16 and UTF-32, encodings with one byte for each character, and some of Chinese, Japanese and
    Korean: text in others can mean anything, such as escapes, or hide characters in ASCII. Latin-1 and ASCII are read
    as Windows-1252, of which they are a part, as browsers do.
    """
    if not NAME.fullmatch(name):
        return ""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    if not (ONE_BYTE.fullmatch(info.name) or info.name in SEVERAL_BYTES):
        return ""
    if info.name in ("ascii", "iso8859-1"):
        return "windows-1252"
    return next((one for one in (UTF_8, *LANGUAGES) if codecs.lookup(one).name == info.name), info.name)


class AsUtf8(io.RawIOBase):
    """A raw stream that reads another one, in any encoding, as UTF-8.

    A byte that the encoding does not have stays as it is, so that its row is found to be damaged; in encodings with
    several bytes for a character it becomes U+FFFD.
    """

    def __init__(self, inner: IO[bytes], encoding: str) -> None:
        self._inner = inner
        self._errors = "replace" if codecs.lookup(encoding).name in SEVERAL_BYTES else "surrogateescape"
        self._decoder = codecs.getincrementaldecoder(encoding)(self._errors)
        self._pieces = self._converted()
        self._ready = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read UTF-8 into a buffer, and return the number of its bytes; 0 at the end."""
        if not self._ready:
            self._ready = next(self._pieces, b"")
        piece, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)

    def _converted(self) -> Iterator[bytes]:
        while block := self._inner.read(BLOCK_BYTES):
            if piece := self._decoder.decode(block).encode(errors="surrogateescape"):
                yield piece
        yield self._decoder.decode(b"", final=True).encode(errors="surrogateescape")


def _fits(sample: bytes, encoding: str) -> float:
    """Return the share of the characters beyond ASCII that a language of the encoding would have there, the largest."""
    text = sample.decode(encoding, errors="replace")
    letters: Counter[str] = Counter()
    good = total = 0
    for found in UNUSUAL.finditer(text):
        character, before, after = (
            found[0],
            text[found.start() - 1 : found.start()],
            text[found.end() : found.end() + 1],
        )
        total += 1
        inside = before.isalpha() and after.isalpha()
        if character in TYPOGRAPHY:
            good += not inside or character in BETWEEN_LETTERS
        elif not (character.isupper() and before.islower()) and not (
            character > LATIN and (_is_ascii_letter(before) or _is_ascii_letter(after))
        ):
            letters[character] += 1
    alphabets = [*LANGUAGES[encoding], "".join(LANGUAGES[encoding])]
    counts = [sum(letters[one] for one in set(alphabet + alphabet.upper())) for alphabet in alphabets]
    return (good + max(*counts[:-1], SEVERAL * counts[-1])) / max(total, 1)


def _share(sample: bytes, encoding: str, letters: str) -> float:
    """Return the share of a set of letters among the characters beyond ASCII."""
    unusual = "".join(UNUSUAL.findall(sample.decode(encoding, errors="replace")))
    return len(re.findall(letters, unusual)) / max(len(unusual), 1)


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _by_statistics(sample: bytes) -> str:
    from charset_normalizer import from_bytes  # lazy: few files need it

    best = from_bytes(sample, cp_isolation=[*LANGUAGES, *OTHERS]).best()
    return known_encoding(best.encoding) if best else ""
