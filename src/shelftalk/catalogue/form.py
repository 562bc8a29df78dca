"""How a file is read, and what is unusual about that: not UTF-8, commas, doubled quotes, names in line 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shelftalk.catalogue.dialect import Dialect

DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars"}
QUOTES = {
    "backslash": "a backslash before each quote in a field",
    "escaped": "a backslash before delimiters in texts",
    "single": "texts in single quotes",
    "none": "quotes as characters like others",
}
NAMES_SHOWN = 5


class Form(NamedTuple):
    """How a file is read.

    `encoding` is that of a text, '' for others; `dialect` that of a table. `sheet` names the sheet of a spreadsheet
    that has several, and `other_sheets` those of them that could be read, too. `element` is the name of the elements
    that are products in a feed that is neither RSS nor Atom, and `other_elements` have titles and descriptions, too.
    """

    encoding: str = ""
    dialect: Dialect | None = None
    sheet: str = ""
    other_sheets: tuple[str, ...] = ()
    element: str = ""
    other_elements: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Return it for JSON, without what does not apply."""
        dialect = self.dialect._asdict() if self.dialect else {}
        others = {
            "sheet": self.sheet,
            "other_sheets": list(self.other_sheets),
            "element": self.element,
            "other_elements": list(self.other_elements),
        }
        return {"encoding": self.encoding, **dialect, **{name: value for name, value in others.items() if value}}


def described_form(source: Mapping[str, Any]) -> Form:
    """Return the form that `Form.describe` described; other keys are ignored."""
    dialect = Dialect(*(source[name] for name in Dialect._fields)) if "delimiter" in source else None
    others = tuple(tuple(source.get(key, ())) for key in ("other_sheets", "other_elements"))
    return Form(source["encoding"], dialect, source.get("sheet", ""), others[0], source.get("element", ""), others[1])


def unusual_form(form: Form) -> str:
    """Return what is unusual about a form as a list of nouns."""
    found = [f"encoding {form.encoding}"] if form.encoding not in ("utf-8", "") else []
    if form.sheet:
        others = f" (--sheet reads another one: {_listed(form.other_sheets)})" if form.other_sheets else ""
        found.append(f"its sheet {form.sheet!r}{others}")
    if form.element:
        others = f" (not <{_listed(form.other_elements, '>, <')}>)" if form.other_elements else ""
        found.append(f"each <{form.element}> as a product{others}")
    if form.dialect:
        delimiter, quoting, line = form.dialect
        found += [DELIMITERS.get(delimiter, repr(delimiter))] if delimiter != "," else []
        found += [QUOTES[quoting]] if quoting in QUOTES else []
        if line != 1:
            found.append(f"the names of its columns in line {line}" if line else "no line with names of columns")
    return ", ".join(found)


def _listed(names: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"{between.join(names[:NAMES_SHOWN])}{more}"
