"""Read texts that a file holds in several languages, as the Amazon-Berkeley Objects do.

A cell is a list of objects with a `language_tag`, such as en_US, and a `value`. Of these one language is read: the one
that is asked for, or else the one that most of the first titles have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

TAG, VALUE = "language_tag", "value"


def find_language(cells: Iterable[Any]) -> str:
    """Return the language that most of the cells have, such as "en"; of several that which comes first.

    It is '' where no cell is in several languages.
    """
    found: Counter[str] = Counter()
    for cell in cells:
        found.update(dict.fromkeys((_parts(one[TAG])[0] for one in _localized(cell)), 1))
    return found.most_common(1)[0][0] if found else ""


def in_language(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return a row with each text in a language, such as "en" or "en_US"; None where there is none in it.

    Of several texts in it all are a list. Objects with a value and no language become their value.
    """
    return {name: _in_language(cell, language) for name, cell in row.items()}


def _localized(cell: Any) -> list[dict[str, Any]]:
    return (
        [one for one in cell if isinstance(one, dict) and TAG in one and VALUE in one] if isinstance(cell, list) else []
    )


def _parts(tag: Any) -> list[str]:
    """Return language and country of a tag: "pt-BR" is ["pt", "br"]."""
    return str(tag).replace("-", "_").lower().split("_")


def _in_language(cell: Any, language: str) -> Any:
    if not isinstance(cell, list) or not any(isinstance(one, dict) and VALUE in one for one in cell):
        return cell
    wanted = _parts(language)
    localized = _localized(cell)
    chosen = [one for one in localized if _parts(one[TAG])[: len(wanted)] == wanted]
    values = [one[VALUE] for one in (chosen if localized else cell) if isinstance(one, dict) and VALUE in one]
    values = [one for number, one in enumerate(values) if one not in values[:number]]
    return values if len(values) > 1 else next(iter(values), None)
