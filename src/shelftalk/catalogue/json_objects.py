"""Read JSON whose objects do not stand one on each line: in a list, under keys, or one after another.

The file is read as a stream: only one object is in memory. What stands between two objects and is neither a comma nor
white space is a fault, and so is an object that is not valid: reading goes on where the next one seems to begin, behind
the end of an object, or in a line that is indented as the last one. A single object that holds a table, by columns, is
read whole, up to `MOST_TABLE_BYTES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Literal

import orjson

from shelftalk.catalogue.columns import Columns, usual_column
from shelftalk.catalogue.files import BUFFER_BYTES, Opened, opened
from shelftalk.catalogue.json_layout import Choice, Layout, choice_of, survey_of
from shelftalk.catalogue.json_lines import first_keys, is_object, parse_line, parse_object
from shelftalk.catalogue.json_scanner import ASSIGNED, Found, Scanner
from shelftalk.catalogue.rows import Row, Unusable, row_or_fault
from shelftalk.catalogue.settings import FileSettings
from shelftalk.catalogue.values import uid_of
from shelftalk.errors import UnreadableInput

Form = Literal["lines", "objects", "table"]

TABLE = re.compile(rb'\{\s*"[^"\\]*"\s*:\s*[\[{]')
ROWS = re.compile(rb"\[[\s\[]*\[\s*[^\s\[\]{]")  # a list of lists of values
LIST = re.compile(rb"\[[\s\[]*\{")
SPLIT = re.compile(rb'\n[ \t]*\{[ \t]*\r?\n[ \t]+"')  # an object on several lines
MARK = "\ufeff".encode()
MOST_TABLE_BYTES = 64 << 20
FIRST_LINES = 20


def form_of(head: bytes) -> Form:
    """Return how the objects of a file that begins with `head` stand in it."""
    text = head.lstrip(MARK + b" \t\r\n")
    if ROWS.match(text):
        return "table"
    if not text.startswith((b"{", b"[")):
        return "objects" if ASSIGNED.match(text) else "lines"
    lines = [line for line in text.split(b"\n", FIRST_LINES)[:FIRST_LINES] if line.strip()]
    form = _form_of_lines(text, lines)
    if form == "lines" and len(lines) > 1 and _is_product(lines[0]):
        return form
    survey = survey_of(text)
    found = survey.choice()
    if found.layout is None and not found.several and survey.roots == 1 and text.startswith(b"{"):
        return "table" if TABLE.match(text) else form
    return form if found.layout == Layout() else "objects"


def _form_of_lines(text: bytes, lines: list[bytes]) -> Form:
    """Return whether objects stand on lines, or else; `lines` are the first ones that are not blank."""
    whole = [is_object(line) for line in lines]
    lists = any(LIST.match(line) and not one for line, one in zip(lines, whole, strict=True))
    if text.startswith(b"["):
        return "objects" if re.match(rb"\[\s*(?:[\[{]|$|\]\s*$)", text) and not any(whole[1:2]) else "lines"
    if lists or (whole[0] and SPLIT.search(text)):
        return "objects"
    at_margin = any(one and line.startswith(b"{") for one, line in zip(whole[1:], lines[1:], strict=True))
    if text.startswith(b"{'") or at_margin or whole[0] or (len(lines) == 1 and len(text) >= BUFFER_BYTES // 2):
        return "lines"
    return "objects"


class JsonObjects:
    """JSON with an object for each product, however they stand in the file; a row's line is where its object begins."""

    def __init__(self, file: Opened, form: Form) -> None:
        self.name = file.name
        self.sample: list[dict[str, Any]] = []  # the first objects, after their keys were read
        self._file = file
        self._form = form
        self._head = file.stream.peek(BUFFER_BYTES)

    def columns(self) -> list[str]:
        """Return the keys of the first objects; a key may be missing in single rows.

        Raises:
            UnreadableInput: several lists may be that of the products, or the file holds a table that cannot be read.
        """
        names, self.sample = first_keys(value for _, value in self._values() if isinstance(value, dict))
        return names

    def rows(self, columns: Columns) -> Iterator[tuple[int, Row | Unusable]]:
        """Yield every object; one without an id gets its number as id, because many may share one line."""
        for number, (line, value) in enumerate(self._values(), 1):
            row = value if isinstance(value, Unusable) else row_or_fault(value, columns)
            if isinstance(row, Row):
                row = row._replace(uid=uid_of(row.uid) or f"row-{self._file.part}{number}")
            yield line, row

    def raw_records(self) -> Iterator[tuple[int, bytes]]:
        """Yield (line where it begins, unparsed bytes) of every object; of a table its rows as JSON."""
        if self._form == "table":
            return ((line, orjson.dumps(value)) for line, value in self._values() if isinstance(value, dict))
        return ((found.line, found.value) for found in self._found() if isinstance(found.value, bytes))

    def places(self) -> tuple[str, Iterator[tuple[int, bytes | Unusable]]]:
        """Return the key of the product in each object, and (where it begins, unparsed bytes or fault) of each.

        They come as `rows` yields them; the key is '' where the object is the product.

        Raises:
            UnreadableInput: the file is a table by columns, where no product has a place of its own.
        """
        if self._form == "table":
            advice = "write one object for each product, with pandas: frame.to_json(NAME, orient='records', lines=True)"
            raise UnreadableInput(f"{self._file.path} is a table by columns; {advice}.")
        return self._layout.inner, ((found.begin, found.value) for found in self._found())

    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return self._file.position()

    @cached_property
    def _layout(self) -> Layout:
        """Where the products stand: for a file that does not say so in its beginning it is read to its end."""
        choice = survey_of(self._head).choice()
        if not choice.sure and len(self._head) >= BUFFER_BYTES // 2:
            choice = self._choice_of_file()
        if len(choice.several) > 1:
            raise UnreadableInput(
                f"{self._file.path} is one JSON object that holds lists ({_listed(choice.several)}); make rows of the "
                f"one with the products, with jq -c '.NAME[]' FILE > rows.jsonl."
            )
        return choice.layout or Layout()

    def _choice_of_file(self) -> Choice:
        with opened(self._file.path, FileSettings(encoding=self._file.encoding)) as again:
            return choice_of(again.stream)

    def _found(self) -> Iterator[Found]:
        return Scanner(self._file.stream, self._layout.place).objects()

    def _values(self) -> Iterator[tuple[int, dict[str, Any] | Unusable]]:
        if self._form == "table":
            yield from self._table()
            return
        for line, value, key, _ in self._found():
            try:
                yield line, value if isinstance(value, Unusable) else self._product(parse_object(value), key)
            except Unusable as fault:
                yield line, fault

    def _product(self, held: dict[str, Any], key: str | None) -> dict[str, Any]:
        """Return the product in an object, with an id from around it where it has none."""
        inner = held.get(self._layout.inner) if self._layout.inner else held
        if not isinstance(inner, dict):
            raise Unusable("not_an_object", f"an object without {self._layout.inner!r}")
        uid = key if inner is held else held.get(usual_column("id", list(held)) or "")
        if uid is None or usual_column("id", list(inner)):
            return inner
        return {"id": uid, **inner}

    def _table(self) -> Iterator[tuple[int, dict[str, Any] | Unusable]]:
        """Yield the rows of a table by columns: of lists, or of objects with the same keys, as pandas writes it."""
        path, advice = self._file.path, "orient='records', lines=True)"
        if ROWS.match(self._head.lstrip(MARK + b" \t\r\n")):
            raise UnreadableInput(
                f"{path} is a list of lists; make a table of it, with jq -r '.[] | @csv' FILE > rows.csv, and name its "
                f"columns if its first row does not: --columns id,title,description."
            )
        advice = f"write one object for each product, with pandas: frame.to_json(NAME, {advice}"
        content = self._file.stream.read(MOST_TABLE_BYTES + 1)
        if len(content) > MOST_TABLE_BYTES:
            raise UnreadableInput(f"{path} is one JSON object of more than {MOST_TABLE_BYTES >> 20} MiB; {advice}.")
        try:
            held = parse_object(content)
        except Unusable as fault:
            raise UnreadableInput(f"{path} is no valid JSON ({fault.detail}); export it again.") from None
        columns = {name: values for name, values in held.items() if isinstance(values, (dict, list))}
        if {"columns", "index", "data"} == columns.keys():
            raise UnreadableInput(
                f"{path} is a table of pandas that is split; make rows of it, with pandas: "
                f"read_json(FILE, orient='split').to_json('rows.jsonl', orient='records', lines=True)."
            )
        lists = [name for name, values in columns.items() if any(isinstance(one, dict) for one in values)]
        if lists and not usual_column("title", list(columns)):
            raise UnreadableInput(
                f"{path} is one JSON object that holds lists ({_listed(lists)}); make rows of the one with the "
                f"products, with jq -c '.NAME[]' FILE > rows.jsonl."
            )
        tables = [_cells(values) for values in columns.values()]
        if not tables or len(tables) < len(held) or any(one.keys() != tables[0].keys() for one in tables):
            raise UnreadableInput(f"{path} is one JSON object that is no table; {advice}.")
        for key in tables[0]:
            yield 1, {name: cells[key] for name, cells in zip(columns, tables, strict=True)}


def _is_product(text: bytes) -> bool:
    """Return whether a line is one object with a title."""
    try:
        value = parse_line(text)
    except Unusable:
        return False
    return isinstance(value.get(usual_column("title", list(value)) or ""), str)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(ascii(name)[1:-1] for name in names)


def _cells(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {str(number): one for number, one in enumerate(values)}
