"""What `prepare` says of a file besides its counts: how it was read, its ids and its attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shelftalk.catalogue.concerns import Concern
from shelftalk.catalogue.draft import shortened
from shelftalk.catalogue.form import described_form, unusual_form
from shelftalk.catalogue.languages import NAMES
from shelftalk.cli.output import out, plain
from shelftalk.prompts import TEMPLATES


def show_no_id(column: str, rows: int) -> None:
    """Print why the rows are numbered though there is a column for ids."""
    line = f"Column {column} holds no ids: {rows} rows have one that another title has. The rows are numbered"
    out.print(plain(f"{line}; --id-field names a column."), markup=False, soft_wrap=True)


def show_sources(source: dict[str, Any]) -> None:
    """Print how a file was read; of several also how many rows of each were kept, and which were left out."""
    if "files" not in source:
        show_form(source)
        return
    files, left_out = source["files"], source["left_out"]
    lines = [f"{one['name']}: {one['kept']} of {one['read']} rows kept" for one in files[:FILES_SHOWN]]
    lines += [f"{one['name']} was left out: {one['why']}" for one in left_out[:FILES_SHOWN]]
    if more := max(len(files) - FILES_SHOWN, 0) + max(len(left_out) - FILES_SHOWN, 0):
        lines.append(f"and {more} more files; all are in catalogue.json")
    for line in lines:
        out.print(plain(f"  {line}".replace("\n", " ")), markup=False, soft_wrap=True)
    for one in files[:FILES_SHOWN]:
        show_form(one)


def show_form(source: dict[str, Any]) -> None:
    """Print how a file was read, in one line, where that is not the usual way."""
    if form := unusual_form(described_form(source)):
        out.print(plain(f"{source['name']} was read with {form}."), markup=False, soft_wrap=True)


def show_columns(columns: dict[str, Any]) -> None:
    """Print from which columns title, description and id were read, and which of several languages."""
    description = columns["description"]
    texts = " and ".join(description) if isinstance(description, list) else description
    uid = f"id from {columns['id']}" if columns["id"] else "rows numbered, since no column holds ids"
    language = f", texts in {columns['language']} (--language reads others)" if "language" in columns else ""
    line = f"Title read from {columns['title']}, description from {texts}, {uid}{language}."
    out.print(plain(line.replace("\n", " ")), markup=False, soft_wrap=True)


def show_language(summary: dict[str, Any]) -> None:
    """Print the language of texts and of requests; nothing for a catalogue of an earlier version, which has none."""
    if "language" not in summary:
        return
    code, given = summary["language"], summary["settings"].get("language")
    requests = "requests are in it too" if code in TEMPLATES else "requests are in English, for want of words in it"
    name = f"{NAMES[code]} ({code})" if code in NAMES else code
    found = f"{name}{'' if given else ', found in them'}; {requests}"
    said = found if code else "no language that is known; requests are in English"
    out.print(plain(f"Texts in {said}. --language names another."), markup=False, soft_wrap=True)


ATTRIBUTES_CUT = {
    "long_names": "names too long",
    "long_values": "values too long",
    "too_many": "attributes too many",
}
CONCERNS = {
    "short": "{share} of the descriptions have at most three words: a model learns to write as little",
    "codes": "{share} of the descriptions are codes or numbers: is it the right --description-field?",
    "titles": "{share} of the descriptions are words of the title again: is it the right --description-field?",
    "title_codes": "{share} of the titles are codes or numbers: is it the right --title-field?",
    "repeated": "{share} of the products share their description with others: --near-duplicates drop keeps one",
    "near_duplicates": "{share} of the descriptions nearly repeat another: --near-duplicates group keeps them in one "
    "split, drop keeps one of each",
    "swapped": "titles are longer than descriptions: are --title-field and --description-field swapped?",
    "languages": "the descriptions are in several languages, which a model mixes: make a catalogue for each",
    "long_titles": "{products} titles have more than 800 characters: a model reads only their end",
}
EXAMPLE_CHARACTERS = 60
COLUMNS_SHOWN = 20
FILES_SHOWN = 20


def show_concerns(concerns: Sequence[Concern]) -> None:
    """Print what may be wrong with a catalogue, a line for each."""
    for one in concerns:
        said = CONCERNS[one.kind].format(share=f"{one.share:.0%}", products=one.products)
        line = f"Look: {said} ({shortened(one.example, EXAMPLE_CHARACTERS)})"
        out.print(plain(line), markup=False, soft_wrap=True)


def show_attribute_columns(summary: dict[str, Any]) -> None:
    """Print from which columns a catalogue's attributes were read, what of them was cut, and which could be, too."""
    columns = summary["columns"]
    cut = ", ".join(f"{count} {ATTRIBUTES_CUT[what]}" for what, count in summary["attributes_cut"].items())
    lines = [f"Columns of attributes: {_listed(columns['attributes']) or 'none'}{f'; cut: {cut}' if cut else ''}."]
    if possible := columns.get("possible"):
        lines.append(f"Not taken, for want of a usual name: {_listed(possible)}. --attributes all takes them too.")
    for line in lines:
        out.print(plain(line.replace("\n", " ")), markup=False, soft_wrap=True)


def _listed(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - COLUMNS_SHOWN} more" if len(columns) > COLUMNS_SHOWN else ""
    return f"{', '.join(columns[:COLUMNS_SHOWN])}{more}"
