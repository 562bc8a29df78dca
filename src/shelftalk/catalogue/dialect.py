"""Find how a delimited file is written: its delimiter, its quotes, and the line with the names of its columns.

Each combination of a delimiter and a kind of quotes is tried on the beginning of the file. The one is taken under which
a column has a usual name, and the most records have as many fields as the names; of equal ones, that which leaves the
fewest single quotes in fields, then that with the most columns, then the commonest.
"""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from shelftalk.catalogue.columns import usual_column
from shelftalk.catalogue.settings import FileSettings

if TYPE_CHECKING:
    from _csv import Reader

Quoting = Literal["doubled", "backslash", "none", "escaped", "single"]

DELIMITERS = (",", ";", "\t", "|")
RARE_DELIMITERS = ("^", "~", "\x01", ":")  # which are believed only where a column has a usual name
# What `csv.reader` takes for each kind of quotes; in a quoted field a quote is doubled, or behind a backslash. Without
# quotes a delimiter in a field may stand behind a backslash.
QUOTINGS: dict[Quoting, dict[str, Any]] = {
    "doubled": {"quotechar": '"', "strict": True},
    "backslash": {"quotechar": '"', "doublequote": False, "escapechar": "\\", "strict": True},
    "none": {"quoting": csv.QUOTE_NONE, "quotechar": None},
    "escaped": {"quoting": csv.QUOTE_NONE, "quotechar": None, "escapechar": "\\"},
    "single": {"quotechar": "'", "strict": True},
}
# With this line files of Excel say their delimiter.
SEPARATOR_LINE = re.compile(r'^"?sep=([^"\r\n\\])"?;*\s*$', re.IGNORECASE)
ESCAPED_QUOTE = re.compile(r'(?<!\\)".*?\\"')  # in a field that is quoted
AMAZON_NAME = re.compile(r"(\w+)(?=\[|#\d+(?:\.\w+#\d+)*\.value)((?:\[[^\]]*\])*)#\d+((?:[.#]\w+)*)$")
LANGUAGE_TAG = re.compile(r"\[language_tag=(\w+)\]")
HEADER_RECORDS = 20  # the names are among the first records, unless they have usual names
FOLLOWING = 50  # records that must agree with them
MOST_AGREE = 0.8
ENOUGH = 5  # records before one that may be cut off
FEWEST_SIGNS = 3  # lines that show an unusual kind of quotes
MOST_FAULTS = 20  # after each of which the rest is parsed again


class Dialect(NamedTuple):
    """How a delimited file is written; `header_line` is the physical line with the names, 0 where there is none."""

    delimiter: str = ","
    quoting: Quoting = "doubled"
    header_line: int = 1

    def fields(self, lines: Iterable[str]) -> Reader:
        """Return a reader of the fields of each record; it raises csv.Error at a record that is not valid."""
        return csv.reader(lines, delimiter=self.delimiter, **QUOTINGS[self.quoting])

    def literal(self, line: str) -> list[str]:
        """Return the fields of one line in which quotes are characters like others; none where it is not valid."""
        try:
            quoting: Quoting = "escaped" if self.quoting == "escaped" else "none"
            return next(csv.reader([line], delimiter=self.delimiter, **QUOTINGS[quoting]), [])
        except csv.Error:
            return []


class Record(NamedTuple):
    """The fields of a record, the physical line where it begins, and the number of its lines.

    It has no fields where it is not valid.
    """

    line: int
    fields: list[str]
    lines: int = 1

    @property
    def filled(self) -> int:
        """The number of fields that are not blank."""
        return sum(not (field.isspace() or field == "") for field in self.fields)


def find_dialect(lines: Sequence[tuple[int, str]], tabs: bool, settings: FileSettings) -> Dialect:
    """Return how a file is written, from (number, text) of its first lines; `tabs` where its name says tabs.

    What the settings give stays as it is; the names stand in the record that has the name of a given title column.
    """
    delimiter = settings.delimiter_character
    if lines and (found := SEPARATOR_LINE.match(lines[0][1])):
        lines, delimiter = lines[1:], delimiter or found[1]
    delimiters = (delimiter,) if delimiter else ("\t", *DELIMITERS) if tabs else DELIMITERS
    best, best_score = _one_column(lines, delimiters), (False, 0.0, -1.0, 1)
    for one in (*delimiters, *(() if delimiter else RARE_DELIMITERS)):
        if one in RARE_DELIMITERS and best_score[0]:
            break
        doubled = parse(lines, Dialect(one))
        for quoting in _possible(lines, one, doubled):
            dialect = Dialect(one, quoting)
            records = doubled if quoting == "doubled" else parse(lines, dialect)
            header = _header(records, settings)
            if header is None or (len(records[header].fields) < 2 and not delimiter):
                continue
            if quoting == "none" and any(field.count('"') % 2 for field in records[header].fields):
                continue
            width = len(records[header].fields)
            agreeing = [record.fields for record in records[header:] if len(record.fields) == width]
            strays = sum(any(field.count('"') % 2 for field in fields) for fields in agreeing)
            named = bool(_roles(records[header], settings))
            if one in RARE_DELIMITERS and not (named or delimiter):
                continue
            # Records that swallow others are fewer: so they are compared with as many as there are at most.
            most = len(doubled) if quoting not in ("escaped", "single") else _of_width(doubled, width)
            score = (named, len(agreeing) / max(len(records), most), -strays / len(agreeing), width)
            if score > best_score:
                best_score = score
                best = dialect._replace(header_line=records[header].line)
    return _with_given_line(best, settings)


def find_names(lines: Sequence[tuple[int, str]], settings: FileSettings) -> Dialect:
    """Return the usual dialect with the line with the names, from (number, text) of the first lines of a sheet."""
    records = parse(lines, Dialect())
    header = _header(records, settings)
    line = _first_line(lines) if header is None else records[header].line
    return _with_given_line(Dialect(header_line=line), settings)


def _with_given_line(found: Dialect, settings: FileSettings) -> Dialect:
    line = 0 if settings.columns else settings.header_line
    return found if line is None else found._replace(header_line=line)


def _one_column(lines: Sequence[tuple[int, str]], delimiters: Sequence[str]) -> Dialect:
    """Return the dialect of a file with one column, whose delimiter is one that stands nowhere."""
    unused = [one for one in delimiters if all(one not in text for _, text in lines)]
    quoted = any('"' in text for _, text in lines[:1])
    return Dialect(delimiters[0] if quoted or not unused else unused[0], header_line=_first_line(lines))


def parse(lines: Sequence[tuple[int, str]], dialect: Dialect) -> list[Record]:
    """Return the records of a file's first lines that are not blank; a last one that is cut off is left out.

    After a record that is not valid, the next line begins another. `MOST_FAULTS` end the search.
    """
    found: list[Record] = []
    begin = faults = 0
    while begin < len(lines) and faults < MOST_FAULTS:
        start, reader = begin, dialect.fields(text for _, text in lines[begin:])
        try:
            for fields in reader:
                end = start + reader.line_num
                if any(field.strip() for field in fields):
                    found.append(Record(lines[begin][0], fields, end - begin))
                begin = end
        except csv.Error:
            to_the_end = start + reader.line_num == len(lines) and (len(found) >= ENOUGH or 2 * begin > len(lines))
            if to_the_end and not _hold_records(lines[begin + 1 :], dialect, found):
                break  # its end may follow
            found.append(Record(lines[begin][0], []))
            faults += 1
            begin += 1
    return found


def _hold_records(lines: Sequence[tuple[int, str]], dialect: Dialect, found: Sequence[Record]) -> bool:
    """Return whether most lines are records, with as many fields as the first of those that are found."""
    width = len(found[0].fields) if found else 0
    return sum(len(dialect.literal(text)) == width > 1 for _, text in lines) >= MOST_AGREE * max(len(lines), 1)


def _possible(lines: Sequence[tuple[int, str]], delimiter: str, doubled: Sequence[Record]) -> list[Quoting]:
    """Return the kinds of quotes that the first lines may have, the commonest first.

    `doubled` are their records if quotes are doubled. In more lines must be a quoted field with a quote behind a
    backslash than with a doubled one; and quotes are characters like others only where none does more. Then delimiters
    may stand behind a backslash, or fields in single quotes.
    """
    possible: list[Quoting] = ["doubled"]
    other = f"[^{re.escape(delimiter)}\\\\\r\n]"
    doubled_quote = re.compile(f'{other}""|""{other}')
    doubling = [bool(doubled_quote.search(text)) for _, text in lines]
    escaping = [bool(ESCAPED_QUOTE.search(text)) for _, text in lines]
    if sum(one and not other for one, other in zip(escaping, doubling, strict=True)) > sum(doubling):
        possible.append("backslash")
    matter = any('"' in text for _, text in lines) and _quotes_matter(lines, Dialect(delimiter), doubled)
    if not matter and any('"' in text for _, text in lines):
        possible.append("none")
    if not matter and sum(f"\\{delimiter}" in text for _, text in lines) >= FEWEST_SIGNS:
        possible.append("escaped")
    opening, closing = re.compile(rf"(?:^|{re.escape(delimiter)})'"), re.compile(rf"'(?:{re.escape(delimiter)}|\s*$)")
    signs = (sum(bool(sign.search(text)) for _, text in lines) for sign in (opening, closing))
    if not matter and all(number >= FEWEST_SIGNS for number in signs):
        possible.append("single")
    return possible


def _of_width(records: Sequence[Record], width: int) -> int:
    return sum(len(record.fields) == width for record in records)


def _quotes_matter(lines: Sequence[tuple[int, str]], dialect: Dialect, records: Sequence[Record]) -> bool:
    """Return whether one of the records is another one if its quotes are characters like others.

    A record of several lines counts unless each of them has as many fields as the first line: then they were not meant
    as one.
    """
    alone = {number: dialect.literal(text) for number, text in lines}
    width = len(next((fields for fields in alone.values() if fields), []))
    for record in records:
        parts = [alone[number] for number in range(record.line, record.line + record.lines)]
        whole = width > 1 and {width} == set(map(len, parts[1:]))
        if record.fields and (parts[0] != record.fields if record.lines == 1 else not whole):
            return True
    return False


def _first_line(lines: Sequence[tuple[int, str]]) -> int:
    return next((number for number, text in lines if text.strip()), 1)


def _header(records: Sequence[Record], settings: FileSettings) -> int | None:
    """Return the index of the record with the names; of the first record where the settings give names.

    It is the first from which the records agree, or one with usual names for the title and another column. Files of
    spreadsheets and marketplaces begin with lines of titles and remarks.
    """
    if settings.columns:
        return 0 if records else None
    if settings.header_line is not None:
        return next((index for index, one in enumerate(records) if one.line == settings.header_line), None)
    first = records[:HEADER_RECORDS]
    roles = [_roles(record, settings) for record in first]
    agree = [_agree(records, index) for index in range(len(first))]
    for index in range(len(first)):
        if (roles[index] > 1 or (roles[index] and settings.title_field)) and (agree[index] or index == 0):
            # Templates have names for people and, in the next line, names for programs.
            again = index + 1 < len(first) and roles[index + 1] > 1 and not settings.title_field
            return index + 1 if again else index
    for index, record in enumerate(records[HEADER_RECORDS:], HEADER_RECORDS):
        if len(records) > index + ENOUGH and _roles(record, settings) > 1 and _agrees_with_following(records, index):
            return index
    for index, record in enumerate(first):
        if agree[index] and (roles[index] or 2 * record.filled > len(record.fields)) and record.filled > 1:
            return index
    return 0 if records and records[0].fields else None


def _roles(record: Record, settings: FileSettings) -> int:
    """Return for how many of title, description and id a record has names; 0 where it has none for the title."""
    names = names_of(record.fields)
    wanted = settings.title_field
    if (wanted not in names) if wanted else (usual_column("title", names) is None):
        return 0
    return 1 + sum(usual_column(role, names) is not None for role in ("description", "id"))


def names_of(fields: Iterable[str]) -> list[str]:
    """Return the names of columns in the fields of a header.

    Without entities and spaces around them; of Amazon's names, item_name[language_tag=en_US]#1.value for instance, only
    what differs between attributes, with the language of those in a further one.
    """
    names = []
    languages: dict[str, str] = {}
    for field in fields:
        name = " ".join(html.unescape(field).split())
        if found := AMAZON_NAME.match(name):
            parts = re.findall(r"\.(\w+)", found[3])
            name = " ".join([found[1], *(part for part in parts if part != "value")])
            tag = LANGUAGE_TAG.search(found[2])
            language = tag[1] if tag else ""
            if languages.setdefault(name, language) != language:
                name = f"{name} {language}".rstrip()
        names.append(name)
    return names


def _agrees_with_following(records: Sequence[Record], header: int) -> bool:
    """Return whether most of the records after a header have as many fields."""
    following = records[header + 1 : header + 1 + FOLLOWING]
    return _of_width(following, len(records[header].fields)) >= MOST_AGREE * len(following)


def _agree(records: Sequence[Record], header: int) -> bool:
    """Return whether most of the records after a header, and at least half of all, have as many fields."""
    following = len(records[header + 1 : header + 1 + FOLLOWING])
    return _agrees_with_following(records, header) and 2 * following >= min(len(records), FOLLOWING)
