"""Read one sheet of a spreadsheet (.xlsx, .xlsm, .xlsb, .xls, .ods) as CSV in UTF-8, a line for each of its rows.

A library parses the sheet, python-calamine, in a process of its own: it holds a whole sheet in memory, and a file of a
few kilobytes can name a billion cells. That process may take `MEMORY_A_BYTE` for each byte of the unpacked file (where
the system keeps to such a limit) and `MOST_SECONDS`, and writes

    {"sheet": its name, "several": whether there are others, "others": the names of others with products}
    the rows, as CSV with commas and doubled quotes

to its standard output; a message for the user goes to its standard error.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

from shelftalk.catalogue.columns import usual_column
from shelftalk.catalogue.number_formats import formats_by_row
from shelftalk.errors import DamagedInput, UnreadableInput

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of .xls, and of a workbook with a password
WORKBOOKS = ("xl/workbook.xml", "xl/workbook.bin")
# What zipfile raises where a zip is damaged, encrypted or packed in an unknown way.
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError)
OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
LEAST_MEMORY, MEMORY_A_BYTE = 768 << 20, 8  # in bytes; a sheet of products takes 1.5 for each of the unpacked file
MOST_SECONDS = 300  # of a processor
MOST_MERGED = 1_000  # rows of a cell
FIRST_ROWS = 20  # of a sheet, among which the names of the columns are searched
NOTHING, TITLE_AND_DESCRIPTION = (0, False, 0), 3  # scores of a sheet
MOST_SHEETS = 30  # that are searched for products
# Without the current folder, from which Python would import; PYTHONSAFEPATH does that from 3.11 on only.
PROGRAM = (
    "import sys; sys.path[:] = filter(None, sys.path); from shelftalk.catalogue import spreadsheet; spreadsheet.run()"
)
# The exit statuses of a process whose standard error is a message for the user; the file is damaged for the second.
REFUSED, DAMAGED = 3, 4


class Sheet(NamedTuple):
    """One sheet: its name, whether its file has others, the names of others with products, and its rows as CSV."""

    name: str
    several: bool
    others: tuple[str, ...]
    stream: io.BufferedReader[Any]


def unpacked_size(file: IO[bytes]) -> int:
    """Return how many bytes an open spreadsheet has, unpacked; 0 for other files. It is read from its beginning again.

    A file in the container of old spreadsheets may be something else.
    """
    head, size = file.read(len(OLE)), 0
    if head == OLE:
        size = file.seek(0, os.SEEK_END)
    elif head.startswith(b"PK\x03\x04"):
        with suppress(*DAMAGED_ZIP), zipfile.ZipFile(file) as archive:
            if _holds_sheets(archive):
                size = sum(member.file_size for member in archive.infolist())
    file.seek(0)
    return size


def _holds_sheets(archive: zipfile.ZipFile) -> bool:
    names = set(archive.namelist())
    if names.isdisjoint(WORKBOOKS) and {"mimetype", "content.xml"} <= names:
        with archive.open("mimetype") as kind:
            return kind.read(len(OPEN_DOCUMENT)) == OPEN_DOCUMENT
    return not names.isdisjoint(WORKBOOKS)


@contextmanager
def opened_sheet(source: Path, size: int, sheet: str | None) -> Iterator[Sheet]:
    """Open a sheet by its name; None takes the best one: see `_choose`.

    `size` is the number of bytes of the file, unpacked.

    Raises:
        UnreadableInput: it is no spreadsheet, corrupt, protected by a password or too large, or has no such sheet.
    """
    memory = LEAST_MEMORY + MEMORY_A_BYTE * size
    command = [sys.executable, "-c", PROGRAM, str(memory), str(source)]
    command += [sheet] if sheet else []
    # A library that starts a thread a core takes memory for each.
    environment = {**os.environ, "RUST_BACKTRACE": "0", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    try:
        stream = io.BufferedReader(_Output(process, source, memory), 1 << 20)
        about = json.loads(stream.readline())
        yield Sheet(about["sheet"], about["several"], tuple(about["others"]), stream)
    finally:
        process.kill()
        process.communicate()


class _Output(io.RawIOBase):
    """What a process writes; at its end an unsuccessful one raises what was wrong."""

    def __init__(self, process: subprocess.Popen[bytes], source: Path, memory: int) -> None:
        self._process, self._source, self._memory = process, source, memory

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._process.stdout.read1(len(buffer))  # type: ignore[union-attr]
        if not data and self._process.wait():
            self._fail()
        buffer[: len(data)] = data
        return len(data)

    def _fail(self) -> NoReturn:
        said = self._process.stderr.read().decode(errors="replace").strip()  # type: ignore[union-attr]
        if self._process.returncode in (REFUSED, DAMAGED):
            raise {REFUSED: UnreadableInput, DAMAGED: DamagedInput}[self._process.returncode](f"{self._source} {said}")
        if self._process.returncode < 0 or "MemoryError" in said or "capacity overflow" in said:
            most = f"{self._memory / (1 << 30):.2g} GiB of memory or {MOST_SECONDS // 60} minutes"
            raise UnreadableInput(
                f"{self._source} has a sheet that takes more than {most}; save the one with the products as CSV UTF-8."
            )
        raise DamagedInput(f"{self._source} is a damaged spreadsheet; save it again, or as CSV UTF-8.")


def _main(path: str, wanted: str | None = None) -> None:
    """Write a sheet to standard output; see the module."""
    from python_calamine import CalamineError, PasswordError, load_workbook  # lazy: only this process needs it

    try:
        book = load_workbook(path)
        name, sheet, others = _choose(book, wanted)
        rows = sheet.iter_rows() if sheet.start else iter(())  # with the empty rows before the first
    except PasswordError:
        _refuse("is protected by a password; save it without one and give that file.")
    except CalamineError as error:
        if "limit exceeded" in str(error):
            raise MemoryError from None
        _refuse("is no spreadsheet, or a damaged one; save it again as .xlsx, or its sheet as CSV UTF-8.", DAMAGED)
    output = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", errors="replace", newline="", write_through=False)
    output.write(json.dumps({"sheet": name, "several": len(book.sheet_names) > 1, "others": others}) + "\n")
    writer = csv.writer(output, lineterminator="\n")
    formats, first = formats_by_row(Path(path), name), sheet.start[1] if sheet.start else 0
    merged, above = _merged_below(sheet), [""] * sheet.width
    for place, row in enumerate(rows):
        if row.count("") == len(row) and place not in merged:
            next(formats, None)
            output.write("\n")
            continue
        cells = [shown(cell) for cell in row]
        for column, number_format in next(formats, {}).items():
            number = row[column - first] if 0 <= column - first < len(row) else None
            if isinstance(number, float) and number_format.is_for(number):
                cells[column - first] = number_format.write(number)
        for column in merged.get(place, ()):
            if 0 <= column - first < len(cells):
                cells[column - first] = cells[column - first] or above[column - first]
        writer.writerow(cells)
        above = cells
    output.flush()


def _merged_below(sheet: Any) -> dict[int, list[int]]:
    """Return for each row the columns of cells that are merged with those above, whose value a person sees in all."""
    merged: defaultdict[int, list[int]] = defaultdict(list)
    for (top, column), (bottom, _) in sheet.merged_cell_ranges or ():
        for row in range(top + 1, min(bottom, top + MOST_MERGED) + 1):
            merged[row].append(column)
    return merged


def _choose(book: Any, wanted: str | None) -> tuple[str, Any, list[str]]:
    """Return the name and the sheet that is wanted, or the best one, and the names of others with products.

    The best one has columns of a title and a description, or else of a title, or else anything; of several alike it is
    one with ids, and then the one with the most rows. Hidden sheets are not searched.
    """
    if wanted is not None:
        if wanted not in book.sheet_names:
            sheets = ", ".join(name if name.isprintable() else ascii(name) for name in book.sheet_names[:MOST_SHEETS])
            _refuse(f"has no sheet {wanted!r}; its sheets are: {sheets}.")
        return wanted, book.get_sheet_by_name(wanted), []
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    visible = [
        one.name
        for one in book.sheets_metadata
        if one.visible == SheetVisibleEnum.Visible and one.typ == SheetTypeEnum.WorkSheet
    ]
    names = (visible or book.sheet_names)[:MOST_SHEETS]
    if len(names) == 1:
        return names[0], book.get_sheet_by_name(names[0]), []
    best: tuple[str, Any, tuple[int, bool, int]] = ("", None, NOTHING)
    described = []
    for name in names:
        sheet = book.get_sheet_by_name(name)
        score = _score(sheet)
        described += [name] if score[0] == TITLE_AND_DESCRIPTION else []
        if score > best[2]:
            best = (name, sheet, score)
    if best[2] == NOTHING:
        _refuse("has no sheet with products; all of its sheets are empty.")
    return best[0], best[1], [name for name in described if name != best[0]]


def _score(sheet: Any) -> tuple[int, bool, int]:
    """Return how likely a sheet holds the products.

    It is `TITLE_AND_DESCRIPTION` for columns of both, less for a title, 1 for anything, 0 for nothing; then whether
    there are ids, and the number of rows.
    """
    if not sheet.start:
        return NOTHING
    best = (1, False)
    for row in islice(sheet.iter_rows(), FIRST_ROWS):
        cells = [shown(cell) for cell in row]
        if usual_column("title", cells) is not None:
            described, uid = (usual_column(role, cells) is not None for role in ("description", "id"))
            best = max(best, (TITLE_AND_DESCRIPTION - 1 + described, uid))
    return (*best, sheet.height)


def shown(cell: Any) -> str:
    """Return what a person sees in a cell, on one line: numbers without an exponent, dates as 2026-11-30."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell.is_integer() else _decimal(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "seconds")
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return " ".join(str(cell).splitlines())


def _decimal(number: float) -> str:
    """Return a number with the fifteen digits that a spreadsheet keeps, without an exponent."""
    digits = f"{number:.15g}"
    return f"{number:.20f}".rstrip("0") if "e" in digits else digits


def _refuse(why: str, status: int = REFUSED) -> NoReturn:
    sys.stderr.write(why)
    sys.exit(status)


def _limit_resources(memory: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    with suppress(ValueError, OSError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def run() -> None:
    """Write the sheet that the arguments name: memory in bytes, path, and the sheet's name or nothing."""
    _limit_resources(int(sys.argv[1]))
    _main(*sys.argv[2:4])
