"""Set one value of an unparsed JSON object, and leave every other character of it as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder(strict=False)


def with_value(raw: str, keys: Sequence[str], value: object) -> str | None:
    """Return a text that holds an object with another value behind a key; of several keys each leads to the next.

    A missing last key is added at the end of its object. The result is None where the text is not strict JSON.
    """
    try:
        begin = raw.index("{")
        for key in keys[:-1]:
            members = _members(raw, begin)
            begin = members[key][0]
        members = _members(raw, begin)
        held = json.dumps(value, ensure_ascii=raw.isascii())
        if keys[-1] in members:
            start, end = members[keys[-1]]
            return f"{raw[:start]}{held}{raw[end:]}"
        last = max((end for _, end in members.values()), default=begin + 1)
        name = json.dumps(keys[-1], ensure_ascii=raw.isascii())
        return f"{raw[:last]}{', ' if members else ''}{name}: {held}{raw[last:]}"
    except (ValueError, KeyError, IndexError, RecursionError):
        return None


def _members(raw: str, begin: int) -> dict[str, tuple[int, int]]:
    """Return where the value of each key of the object that begins there begins and ends; of equal keys the last.

    Raises:
        ValueError, IndexError: it is not valid.
    """
    found: dict[str, tuple[int, int]] = {}
    if raw[begin] != "{":
        raise ValueError
    place = _after_space(raw, begin + 1)
    while raw[place] != "}":
        if raw[place] != '"':
            raise ValueError
        key, place = DECODER.raw_decode(raw, place)
        place = _after_space(raw, place)
        if raw[place] != ":":
            raise ValueError
        start = _after_space(raw, place + 1)
        _, end = DECODER.raw_decode(raw, start)
        found[key] = start, end
        place = _after_space(raw, end)
        if raw[place] == ",":
            place = _after_space(raw, place + 1)
        elif raw[place] != "}":
            raise ValueError
    return found


def _after_space(raw: str, place: int) -> int:
    found = SPACE.match(raw, place)
    return found.end() if found else place
